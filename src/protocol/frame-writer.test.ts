import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOf } from './block.ts';
import { BlockPool, LARGE_BLOCK_BYTES, SMALL_BLOCK_BYTES } from './block-pool.ts';
import { ByteWriter } from './byte-writer.ts';
import { Content } from './content.ts';
import { deliveryPrefix, FrameWriter } from './frame-writer.ts';
import { type BasicProperties, encodeProperties } from './properties.ts';

/** Content as it lies in a store: route and properties adjacent, the body behind its length. */
function contentOf(
  exchange: string,
  routingKey: string,
  properties: BasicProperties,
  body: Uint8Array,
): Content {
  const writer = new ByteWriter();
  const content = new Content();
  writer.long(0xaaaa_aaaa);
  content.routeAt = writer.length;
  writer.shortstr(exchange);
  writer.shortstr(routingKey);
  content.routeEnd = writer.length;
  content.propertiesAt = writer.length;
  encodeProperties(properties, writer);
  content.propertiesEnd = writer.length;
  writer.longstr(body);
  content.bodyAt = writer.length - body.length;
  content.bodyEnd = writer.length;
  content.block = blockOf(writer.bytes);
  return content;
}

const longBody = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
const bodyOf = (sizeBytes: number) => longBody.subarray(0, sizeBytes);

/** A pool whose blocks are full of what they held before. */
function dirtyPool(): BlockPool {
  const pool = new BlockPool();
  for (const sizeBytes of [SMALL_BLOCK_BYTES, LARGE_BLOCK_BYTES]) {
    const block = pool.lend(sizeBytes);
    block.bytes.fill(0xff);
    pool.giveBack(block);
  }
  return pool;
}

function newWriter(frameMax = 131_072): FrameWriter {
  return new FrameWriter(dirtyPool(), frameMax);
}

/** All that was written, in the order of the blocks. */
function taken(writer: FrameWriter): Buffer {
  const pendingBytes = writer.pendingBytes;
  const bytes = Buffer.concat(
    writer.take().map(({ block, length }) => block.bytes.subarray(0, length)),
  );
  expect(bytes.length).toBe(pendingBytes);
  expect(writer.pendingBytes).toBe(0);
  expect(writer.take()).toEqual([]);
  return bytes;
}

/** A line of hex for each frame. */
function frames(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 3);
    lines.push(bytes.toString('hex', at, end));
    at = end;
  }
  return lines;
}

describe('bytes to check by eye', () => {
  test('a method', () => {
    const writer = newWriter();
    writer.method(0x102, { name: 'basic.ack', deliveryTag: 3, multiple: true });
    expect(frames(taken(writer))).toMatchInlineSnapshot(`
      [
        "0101020000000d003c0050000000000000000301ce",
      ]
    `);
  });

  test('4.2.7 a heartbeat', () => {
    const writer = newWriter();
    writer.heartbeat();
    expect(frames(taken(writer))).toMatchInlineSnapshot(`
      [
        "08000000000000ce",
      ]
    `);
  });

  test('content: a header and bodies of 92 bytes at most', () => {
    const writer = newWriter(100);
    writer.content(1, contentOf('e', 'k', { deliveryMode: 2 }, new Uint8Array(93).fill(0x61)));
    expect(
      frames(taken(writer)).map((frame) => frame.replace(/(61){10,}/, '61…')),
    ).toMatchInlineSnapshot(`
      [
        "0200010000000f003c0000000000000000005d100002ce",
        "0300010000005c61…ce",
        "0300010000000161ce",
      ]
    `);
  });

  test('an empty body has no frame', () => {
    const writer = newWriter();
    writer.content(1, contentOf('e', 'k', {}, bodyOf(0)));
    expect(frames(taken(writer))).toMatchInlineSnapshot(`
      [
        "0200010000000e003c000000000000000000000000ce",
      ]
    `);
  });

  test('a delivery', () => {
    const writer = newWriter();
    const content = contentOf('e', 'k', {}, Buffer.from('body'));
    writer.delivery(deliveryPrefix(1, 'ctag'), 1, 2 ** 32 + 5, true, content);
    expect(frames(taken(writer))).toMatchInlineSnapshot(`
      [
        "01000100000016003c003c04637461670000000100000005010165016bce",
        "0200010000000e003c000000000000000000040000ce",
        "03000100000004626f6479ce",
      ]
    `);
  });

  test('raw bytes', () => {
    const writer = newWriter();
    writer.raw(Buffer.from('AMQP\0\0\x09\x01'));
    expect(taken(writer).toString('latin1')).toBe('AMQP\0\0\x09\x01');
  });
});

test('a method that does not fit a frame is refused, and nothing of it is written', () => {
  const writer = newWriter(100);
  const close = (text: string) =>
    writer.method(1, {
      name: 'channel.close',
      replyCode: 404,
      replyText: text,
      classId: 0,
      methodId: 0,
    });
  writer.heartbeat();
  close('x'.repeat(81)); // ids 4, code 2, text 1 + 81, ids 4: 92 and 8 of overhead
  expect(() => close('x'.repeat(82))).toThrow(
    new RangeError('channel.close of 93 bytes does not fit a frame of 100'),
  );
  expect(() => close('x'.repeat(256))).toThrow(RangeError);
  expect(taken(writer)).toHaveLength(8 + 100);
});

describe('a delivery is what its method and content would be', () => {
  const shortstr = fc.string({ unit: 'grapheme', maxLength: 20 });
  const deliveryTag = fc.oneof(
    fc.nat(),
    fc.constantFrom(0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat(),
  );
  const delivery = fc.record({
    channel: fc.integer({ min: 1, max: 65_535 }),
    consumerTag: shortstr,
    deliveryTag,
    redelivered: fc.boolean(),
    exchange: shortstr,
    routingKey: shortstr,
    properties: fc.constantFrom<BasicProperties[]>(
      {},
      { deliveryMode: 2 },
      { contentType: 'application/octet-stream', correlationId: 'c'.repeat(200) },
    ),
    bodySizeBytes: fc.oneof(
      fc.nat(300),
      fc.constantFrom(4088, 4089, 8176, SMALL_BLOCK_BYTES, LARGE_BLOCK_BYTES, longBody.length),
    ),
  });

  test('whatever comes before it and however large it is', () => {
    const frameMax = fc.constantFrom(4096, 131_072);
    fc.assert(
      fc.property(fc.array(delivery, { maxLength: 6 }), frameMax, (deliveries, frameMax) => {
        const long = newWriter(frameMax);
        const short = newWriter(frameMax);
        for (const { channel, properties, bodySizeBytes, consumerTag, ...method } of deliveries) {
          const { exchange, routingKey, deliveryTag, redelivered } = method;
          const content = contentOf(exchange, routingKey, properties, bodyOf(bodySizeBytes));
          long.method(channel, { name: 'basic.deliver', consumerTag, ...method });
          long.content(channel, content);
          const prefix = deliveryPrefix(channel, consumerTag);
          short.delivery(prefix, channel, deliveryTag, redelivered, content);
        }
        expect(taken(short).equals(taken(long))).toBe(true);
      }),
    );
  });

  test('the prefix can be used again', () => {
    const prefix = deliveryPrefix(7, 'c');
    const one = newWriter();
    one.delivery(prefix, 7, 1, false, contentOf('', 'a long routing key', {}, bodyOf(1)));
    one.delivery(prefix, 7, 2, false, contentOf('', 'q', {}, bodyOf(1)));
    const two = newWriter();
    two.delivery(deliveryPrefix(7, 'c'), 7, 2, false, contentOf('', 'q', {}, bodyOf(1)));
    expect(frames(taken(one)).slice(3)).toEqual(frames(taken(two)));
  });
});

describe('blocks', () => {
  const raw = (sizeBytes: number, octet: number) => new Uint8Array(sizeBytes).fill(octet);

  test('are handed over in order, each filled from its start', () => {
    const writer = newWriter();
    writer.raw(raw(SMALL_BLOCK_BYTES - 1, 1));
    writer.raw(raw(2, 2)); // no room left in the first
    writer.raw(raw(LARGE_BLOCK_BYTES + 1, 3)); // none large enough in the pool
    writer.raw(raw(1, 4));
    expect(writer.pendingBytes).toBe(SMALL_BLOCK_BYTES + LARGE_BLOCK_BYTES + 3);
    const filled = writer.take();
    expect(filled.map(({ length }) => length)).toEqual([
      SMALL_BLOCK_BYTES - 1,
      2,
      LARGE_BLOCK_BYTES + 1,
      1,
    ]);
    expect(filled.map(({ block }) => block.bytes[0])).toEqual([1, 2, 3, 4]);
    expect(new Set(filled.map(({ block }) => block)).size).toBe(4);
  });

  test('a block that is exactly full goes on in a new one', () => {
    const writer = newWriter();
    writer.raw(raw(SMALL_BLOCK_BYTES, 1));
    writer.heartbeat();
    expect(writer.take().map(({ length }) => length)).toEqual([SMALL_BLOCK_BYTES, 8]);
  });

  test('a block that was taken is not written to again', () => {
    const writer = newWriter();
    writer.raw(raw(1, 1));
    const [first] = writer.take();
    writer.raw(raw(1, 2));
    const [second] = writer.take();
    expect(first?.block.bytes[0]).toBe(1);
    expect(second?.block === first?.block).toBe(false);
  });

  test('the first block has room for twice what was written last', () => {
    const writer = newWriter();
    const firstBlockBytes = () => {
      writer.heartbeat();
      return writer.take()[0]?.block.bytes.length;
    };
    expect(firstBlockBytes()).toBe(SMALL_BLOCK_BYTES);
    for (const [lastBytes, sizeBytes] of [
      [4096, SMALL_BLOCK_BYTES],
      [4097, 32 * 1024],
      [16 * 1024 + 1, LARGE_BLOCK_BYTES],
      [LARGE_BLOCK_BYTES + 1, LARGE_BLOCK_BYTES],
    ] as const) {
      writer.raw(raw(lastBytes, 1));
      writer.take();
      expect(firstBlockBytes()).toBe(sizeBytes);
    }
    expect(firstBlockBytes()).toBe(SMALL_BLOCK_BYTES);
  });
});
