import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import { MessageStore } from '../store/message-store.ts';
import { storeMessage, viewMessage } from './message.ts';
import type { Queue } from './queue/queue.ts';

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
const queues = (count: number) => new Array<Queue>(count).fill({ logId: 0 } as Queue);

test('messages are read as they were stored, one behind the other', () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 20, size: 'max' }), (sent) => {
      const store = new MessageStore();
      const stored = sent.map((message) => {
        const { slot, recordAt } = storeMessage(store, contentOf(message), queues(1));
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
  const segment = storeMessage(store, contentOf(message), queues(3));
  expect(segment.references).toBe(3);
  expect(Buffer.from(segment.bytes.subarray(0, segment.end)).toString('latin1')).toBe(
    '\0\0\0\x05\0\0\0\x02\x01x\x03key\0\0hello',
  );
});
