// The scanner and the state machine see the same deliveries; the scanner may decline, never differ.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockOf } from '../../protocol/block.ts';
import { BlockPool } from '../../protocol/block-pool.ts';
import { ByteReader } from '../../protocol/byte-reader.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { CommandAssembler } from '../../protocol/command-assembler.ts';
import { Content } from '../../protocol/content.ts';
import { FrameParser } from '../../protocol/frame-parser.ts';
import { FrameWriter } from '../../protocol/frame-writer.ts';
import type { BasicDeliver } from '../../protocol/methods.generated.ts';
import {
  type BasicProperties,
  decodeProperties,
  encodeProperties,
} from '../../protocol/properties.ts';
import { ScannedDelivery, scanDelivery } from './delivery-scanner.ts';

const FRAME_MAX = 4096;

interface Delivery {
  readonly method: BasicDeliver;
  readonly channel: number;
  readonly properties: BasicProperties;
  readonly body: Uint8Array;
}

function contentOf(properties: BasicProperties, body: Uint8Array): Content {
  const writer = new ByteWriter();
  encodeProperties(properties, writer);
  const propertyBytes = writer.bytes.slice();
  const content = new Content();
  content.block = blockOf(new Uint8Array([...propertyBytes, ...body]));
  content.propertiesEnd = propertyBytes.length;
  content.bodyAt = propertyBytes.length;
  content.bodyEnd = propertyBytes.length + body.length;
  return content;
}

function framesOf({ method, channel, properties, body }: Delivery): Uint8Array {
  const writer = new FrameWriter(new BlockPool(), FRAME_MAX);
  writer.method(channel, method);
  writer.content(channel, contentOf(properties, body));
  const blocks = writer.take();
  return new Uint8Array(
    blocks.flatMap(({ block, length }) => [...block.bytes.subarray(0, length)]),
  );
}

/** What the scanner makes of bytes: a delivery and where it ends, or nothing. */
function scanned(bytes: Uint8Array, end = bytes.length) {
  const found = new ScannedDelivery();
  const block = blockOf(bytes);
  const next = scanDelivery(block, 0, end, found, FRAME_MAX);
  if (next === 0) return undefined;
  const tag = new TextDecoder().decode(bytes.subarray(found.tagAt, found.tagEnd));
  const properties = new ByteReader(bytes, found.propertiesAt, found.propertiesEnd);
  return {
    next,
    channel: found.channel,
    consumerTag: tag,
    deliveryTag: found.deliveryTag,
    redelivered: found.redelivered,
    exchange: found.exchange,
    routingKey: found.routingKey,
    properties: decodeProperties(properties),
    body: [...found.body],
  };
}

/** What the state machine makes of them. */
function assembled(bytes: Uint8Array) {
  const seen: object[] = [];
  let channelNumber = 0;
  const assembler = new CommandAssembler({
    contentAnnounced: () => {},
    command: (method, content) => {
      if (method.name !== 'basic.deliver' || !content) return;
      const { name: _, ...fields } = method;
      seen.push({
        ...fields,
        channel: channelNumber,
        properties: content.properties,
        body: [...content.body],
      });
    },
  });
  const parser = new FrameParser(
    {
      readAhead: (_block, at) => at,
      frame: (type, channel, block, at, end) => {
        channelNumber = channel;
        assembler.frame(type, block, at, end);
      },
    },
    FRAME_MAX,
  );
  parser.push(blockOf(bytes), 0, bytes.length);
  return seen;
}

const text = fc.string({ maxLength: 20 });
const delivery: fc.Arbitrary<Delivery> = fc.record({
  channel: fc.integer({ min: 1, max: 65_535 }),
  method: fc.record({
    name: fc.constant('basic.deliver' as const),
    consumerTag: text,
    deliveryTag: fc.maxSafeNat(),
    redelivered: fc.boolean(),
    exchange: text,
    routingKey: text,
  }),
  properties: fc.record(
    {
      contentType: text,
      deliveryMode: fc.constantFrom(1, 2),
      messageId: text,
      timestamp: fc.bigInt({ min: 0n, max: 2n ** 40n }),
      expiration: fc.constant('1000'),
    },
    { requiredKeys: [] },
  ),
  body: fc.uint8Array({ maxLength: 200 }),
});

test('a whole delivery in one body frame is read as the state machine reads it', () => {
  fc.assert(
    fc.property(delivery, (one) => {
      const bytes = framesOf(one);
      const { next, ...found } = scanned(bytes)!;
      expect(next).toBe(bytes.length);
      expect([found]).toEqual(assembled(bytes));
    }),
  );
});

test('a delivery that is not whole yet is declined, wherever it is cut', () => {
  fc.assert(
    fc.property(delivery, (one) => {
      const bytes = framesOf(one);
      for (let end = 0; end < bytes.length; end++) expect(scanned(bytes, end)).toBeUndefined();
    }),
    { numRuns: 20 },
  );
});

test('a body in several frames is declined', () => {
  const method = {
    name: 'basic.deliver',
    consumerTag: 't',
    deliveryTag: 1,
    redelivered: false,
    exchange: '',
    routingKey: 'q',
  } as const;
  const bytes = framesOf({ method, channel: 1, properties: {}, body: new Uint8Array(FRAME_MAX) });
  expect(scanned(bytes)).toBeUndefined();
});

test('a changed octet is read as the state machine reads it, or declined', () => {
  fc.assert(
    fc.property(delivery, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, where, change) => {
      const bytes = framesOf(one);
      // The first octet is the frame's type: the scanner is only asked about methods.
      const at = 1 + (where % (bytes.length - 1));
      bytes[at] = (bytes[at]! + change) & 0xff;
      const found = scanned(bytes);
      if (!found) return;
      const { next, ...fields } = found;
      expect(next).toBe(bytes.length);
      expect([fields]).toEqual(assembled(bytes));
    }),
    { numRuns: 500 },
  );
});
