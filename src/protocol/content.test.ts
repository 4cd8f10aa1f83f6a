import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOf } from './block.ts';
import { BlockPool } from './block-pool.ts';
import { ByteWriter } from './byte-writer.ts';
import { CommandAssembler } from './command-assembler.ts';
import { Content } from './content.ts';
import { FrameParser } from './frame-parser.ts';
import { FrameWriter } from './frame-writer.ts';
import { FrameType, type Method } from './methods.generated.ts';
import { type BasicProperties, encodeProperties, PropertyFlag } from './properties.ts';

/** Content somewhere inside a block, with other bytes around each of its parts. */
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
  writer.octet(0xaa);
  content.propertiesAt = writer.length;
  encodeProperties(properties, writer);
  content.propertiesEnd = writer.length;
  writer.longstr(body);
  content.bodyAt = writer.length - body.length;
  content.bodyEnd = writer.length;
  writer.octet(0xaa);
  content.block = blockOf(writer.bytes);
  return content;
}

test('content is read where it lies', () => {
  const properties = { contentType: 'text/plain', deliveryMode: 2 };
  const content = contentOf('exchange', 'schlüssel', properties, Uint8Array.of(1, 2, 3));
  expect(content.exchange).toBe('exchange');
  expect(content.routingKey).toBe('schlüssel');
  expect(content.block.bytes[content.routingKeyAt]).toBe(10); // ü is two bytes
  expect(content.propertyFlags).toBe(PropertyFlag.contentType | PropertyFlag.deliveryMode);
  expect(content.properties).toEqual(properties);
  expect(content.bodySizeBytes).toBe(3);
  expect(content.body).toEqual(Uint8Array.of(1, 2, 3));
});

test('the body is not copied', () => {
  const content = contentOf('', 'q', {}, Uint8Array.of(1));
  content.block.bytes[content.bodyAt] = 9;
  expect(content.body).toEqual(Uint8Array.of(9));
});

test('new content is empty', () => {
  const content = new Content();
  expect(content.exchange).toBe('');
  expect(content.routingKey).toBe('');
  expect(content.propertyFlags).toBe(0);
  expect(content.body).toEqual(new Uint8Array(0));
});

describe('4.2.6 content is split into frames and put together again', () => {
  const method: Method = {
    name: 'basic.return',
    replyCode: 312,
    replyText: 'NO_ROUTE',
    exchange: 'e',
    routingKey: 'key',
  };
  const properties: BasicProperties = { messageId: 'id', priority: 3 };

  /** Writes a command at `frameMax` and reads it again; returns the sizes of the body frames. */
  function passThroughFrames(body: Uint8Array, frameMax: number): number[] {
    const writer = new FrameWriter(new BlockPool(), frameMax);
    writer.method(5, method);
    writer.content(5, contentOf('e', 'key', properties, body));
    const blocks = writer.take().map(({ block, length }) => block.bytes.subarray(0, length));

    const bodyFrames: number[] = [];
    const commands: Content[] = [];
    const assembler = new CommandAssembler({
      contentAnnounced: (_method, sizeBytes) => expect(sizeBytes).toBe(body.length),
      command: (received, content) => {
        expect(received).toEqual(method);
        commands.push(content!);
      },
    });
    const parser = new FrameParser(
      {
        readAhead: (_block, at) => at,
        frame: (type, channel, block, at, end) => {
          expect(channel).toBe(5);
          expect(end - at + 8).toBeLessThanOrEqual(frameMax);
          if (type === FrameType.BODY) bodyFrames.push(end - at);
          assembler.frame(type, block, at, end);
        },
      },
      frameMax,
    );
    const headroom = FrameParser.headroomBytes(frameMax);
    const read = Buffer.concat([new Uint8Array(headroom), ...blocks]);
    parser.push(blockOf(read), headroom, read.length);

    expect(commands).toHaveLength(1);
    const content = commands[0]!;
    expect(content.routingKey).toBe('key');
    expect(content.properties).toEqual(properties);
    expect(Buffer.from(body).equals(content.body)).toBe(true);
    return bodyFrames;
  }

  const body = (sizeBytes: number) => Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251);

  // A frame of 100 holds a payload of 92.
  test.each([
    [0, []],
    [1, [1]],
    [91, [91]],
    [92, [92]],
    [93, [92, 1]],
    [184, [92, 92]],
    [185, [92, 92, 1]],
  ])('%i bytes at a frame_max of 100', (sizeBytes, frames) => {
    expect(passThroughFrames(body(sizeBytes), 100)).toEqual(frames);
  });

  test('any body at any frame_max, with all frames full but the last', () => {
    const sizes = fc
      .tuple(
        fc.integer({ min: 64, max: 5000 }),
        fc.nat(6),
        fc.oneof(fc.integer({ min: -1, max: 1 }), fc.nat(5000)),
      )
      .map(([frameMax, frames, more]) => ({
        frameMax,
        sizeBytes: Math.max(0, frames * (frameMax - 8) + more),
      }));
    fc.assert(
      fc.property(sizes, ({ frameMax, sizeBytes }) => {
        const frames = passThroughFrames(body(sizeBytes), frameMax);
        expect(frames).toHaveLength(Math.ceil(sizeBytes / (frameMax - 8)));
        for (const size of frames.slice(0, -1)) expect(size).toBe(frameMax - 8);
        expect(frames.at(-1)).not.toBe(0);
      }),
    );
  });

  test('a million bytes at the usual frame_max', () => {
    expect(passThroughFrames(body(1_000_000), 131_072)).toHaveLength(8);
  });
});
