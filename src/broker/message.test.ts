import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import { MessageStore } from '../store/message-store.ts';
import {
  deadlineOf,
  type MessageTaker,
  Need,
  readFacts,
  sizeOfMessage,
  storeMessage,
  viewMessage,
} from './message.ts';

interface Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Uint8Array;
}

/** Content whose parts lie apart, as they do in a read buffer. */
function contentOf({ exchange, routingKey, properties, body }: Message): Content {
  const writer = new ByteWriter();
  const content = new Content();
  writer.longstr(Uint8Array.of(1, 2, 3));
  content.routeAt = writer.length;
  writer.shortstr(exchange);
  writer.shortstr(routingKey);
  content.routeEnd = writer.length;
  writer.octet(0xce);
  content.propertiesAt = writer.length;
  encodeProperties(properties, writer);
  content.propertiesEnd = writer.length;
  writer.longstr(body);
  content.bodyEnd = writer.length;
  content.bodyAt = writer.length - body.length;
  writer.octet(0xce);
  content.block = blockOf(writer.bytes);
  return content;
}

const texts = fc.string({ unit: 'grapheme', maxLength: 20 });
const messages: fc.Arbitrary<Message> = fc.record({
  exchange: texts,
  routingKey: texts,
  properties: fc.record(
    {
      headers: fc.constant(new FieldTable([['a', { type: 'I', value: 1 }]])),
      deliveryMode: fc.constantFrom(1, 2),
      messageId: texts,
    },
    { requiredKeys: [] },
  ),
  body: fc.uint8Array({ maxLength: 300 }),
});

/** So many queues that do not outlive the broker. */
const queues = (count: number, needs = 0) =>
  new Array<MessageTaker>(count).fill({ logId: 0, nextSequence: 0, needs, prepare: () => {} });
const now = { nowMs: 1_700_000_000_000 };

test('messages are read as they were stored, one behind the other', () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 20, size: 'max' }), (sent) => {
      const store = new MessageStore();
      const stored = sent.map((message) => {
        const { slot, recordAt } = storeMessage(store, contentOf(message), queues(1), now);
        return { message, slot, at: recordAt };
      });
      const content = new Content();
      for (const { message, slot, at } of stored) {
        viewMessage(store.segment(slot), at, content);
        const { exchange, routingKey, properties, body } = content;
        expect({ exchange, routingKey, properties, body }).toEqual(message);
        expect(content.bodySizeBytes).toBe(message.body.length);
      }
    }),
  );
});

test('a record is as many bytes as its head says', () => {
  const store = new MessageStore();
  const message = { exchange: 'x', routingKey: 'key', properties: {}, body: Buffer.from('hello') };
  const segment = storeMessage(store, contentOf(message), queues(3), now);
  expect(segment.references).toBe(3);
  expect(Buffer.from(segment.bytes.subarray(0, segment.end)).toString('latin1')).toBe(
    '\0\0\0\x05\0\0\0\x02\x01x\x03key\0\0hello',
  );
});

describe('the times of a message', () => {
  const stored = (expiration: string | undefined, needs: number) => {
    const store = new MessageStore();
    const properties = expiration === undefined ? {} : { expiration };
    const content = contentOf({
      exchange: 'x',
      routingKey: 'k',
      properties,
      body: Buffer.from('b'),
    });
    const segment = storeMessage(store, content, queues(1, needs), now);
    return { content, segment, at: segment.recordAt };
  };

  test.each([
    [
      'neither expires nor is asked for: they cost nothing',
      undefined,
      0,
      12,
      [undefined, undefined],
    ],
    ['expires', '30', 0, 24 + 3, [now.nowMs, 30]],
    ['expires in a padded number', '0000000000000000000030', 0, 24 + 23, [now.nowMs, 30]],
    ['expires at less than nothing', '-0', 0, 24 + 3, [now.nowMs, 0]],
    ['expires at once', '0', 0, 24 + 2, [now.nowMs, 0]],
    ['expires in ten years', '315360000000', 0, 24 + 13, [now.nowMs, 315_360_000_000]],
    ['is in a queue that asks', undefined, Need.TIME, 24, [now.nowMs, undefined]],
  ])('one that %s', (_, expiration, needs, routeAndHead, times) => {
    const { content, segment, at } = stored(expiration, needs);
    // Two bytes of flags, one of body.
    expect(sizeOfMessage(segment, at)).toBe(routeAndHead + 3);
    const facts = {
      bodyBytes: 0,
      publishedAtMs: 1 as number | undefined,
      expirationMs: 1 as number | undefined,
    };
    readFacts(segment.view, at, facts);
    expect([facts.bodyBytes, facts.publishedAtMs, facts.expirationMs]).toEqual([1, ...times]);
    const seen = new Content();
    viewMessage(segment, at, seen);
    expect([
      seen.exchange,
      seen.routingKey,
      seen.properties,
      Buffer.from(seen.body).toString(),
    ]).toEqual(['x', 'k', content.properties, 'b']);
  });

  test.each([
    ['its own is shorter', '30', 50, 30],
    ["the queue's is shorter", '30', 20, 20],
    ['the queue has none', '30', Number.POSITIVE_INFINITY, 30],
    ['it has none', undefined, 20, 20],
    ['neither has one', undefined, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])('it ends after the shorter time: %s', (_, expiration, ttlMs, lifeMs) => {
    const { segment, at } = stored(expiration, Need.TIME);
    expect(deadlineOf(segment, at, ttlMs, 1)).toBe(now.nowMs + lifeMs);
  });

  test('one without a time counts from when the queue says', () => {
    const { segment, at } = stored(undefined, 0);
    expect(deadlineOf(segment, at, 20, 5)).toBe(25);
  });
});
