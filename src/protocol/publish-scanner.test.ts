import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { blockOf } from './block.ts';
import { ByteWriter } from './byte-writer.ts';
import { CommandAssembler } from './command-assembler.ts';
import type { Content } from './content.ts';
import { FieldTable } from './field-table.ts';
import { FrameParser } from './frame-parser.ts';
import { encodeMethod } from './method-codec.ts';
import { type BasicPublish, FrameType, type Method, methodIds } from './methods.generated.ts';
import { type BasicProperties, encodeProperties } from './properties.ts';
import { ScannedPublish, scanPublish } from './publish-scanner.ts';

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function frame(type: number, channel: number, write: (payload: ByteWriter) => void): Buffer {
  const payload = new ByteWriter();
  write(payload);
  const head = new ByteWriter();
  head.octet(type);
  head.short(channel);
  head.long(payload.length);
  return Buffer.concat([head.bytes, payload.bytes, Uint8Array.of(0xce)]);
}

function methodFrame(channel: number, method: Method): Buffer {
  return frame(FrameType.METHOD, channel, (payload) => {
    payload.long(methodIds[method.name]);
    encodeMethod(method, payload);
  });
}

function headerFrame(channel: number, bodySizeBytes: number, properties: BasicProperties): Buffer {
  return frame(FrameType.HEADER, channel, (payload) => {
    payload.short(60);
    payload.short(0);
    payload.longlong(bodySizeBytes);
    encodeProperties(properties, payload);
  });
}

function bodyFrame(channel: number, body: Uint8Array): Buffer {
  return frame(FrameType.BODY, channel, (payload) => {
    for (const octet of body) payload.octet(octet);
  });
}

const publish: BasicPublish = {
  name: 'basic.publish',
  exchange: 'ex',
  routingKey: 'key',
  mandatory: true,
  immediate: false,
};
const properties: BasicProperties = { contentType: 't', deliveryMode: 2 };

/** A publish as most clients send it: three frames behind each other. */
const whole = Buffer.concat([
  methodFrame(5, publish),
  headerFrame(5, 4, properties),
  bodyFrame(5, Buffer.from('body')),
]);

/** Scans `bytes` in the midst of others and with nothing around them; the answer is how many of them were taken. */
function scan(bytes: Uint8Array, found = new ScannedPublish(), frameMax?: number): number {
  const alone = scanPublish(blockOf(bytes), 0, bytes.length, new ScannedPublish(), frameMax);
  const read = Buffer.concat([Buffer.alloc(3, 0xaa), bytes, Buffer.alloc(50, 0xce)]);
  const among = scanPublish(blockOf(read), 3, 3 + bytes.length, found, frameMax) - 3;
  expect(among).toBe(alone);
  return among;
}

describe('a publish that lies whole in the buffer', () => {
  test('is found field by field', () => {
    const found = new ScannedPublish();
    expect(scan(whole, found)).toBe(whole.length);
    expect(found.channel).toBe(5);
    expect(found.mandatory).toBe(true);
    expect(found.immediate).toBe(false);
    expect(found.exchange).toBe('ex');
    expect(found.routingKey).toBe('key');
    expect(found.properties).toEqual(properties);
    expect(Buffer.from(found.body).toString()).toBe('body');
  });

  test('is found without a body, when a byte follows', () => {
    const bytes = Buffer.concat([methodFrame(5, publish), headerFrame(5, 0, {})]);
    const found = new ScannedPublish();
    expect(scan(Buffer.concat([bytes, bytes]), found)).toBe(bytes.length);
    expect(found.bodySizeBytes).toBe(0);
  });

  test('may be anything up to frame_max, and the 8 bytes more that are tolerated', () => {
    const sized = (sizeBytes: number) =>
      Buffer.concat([
        methodFrame(5, publish),
        headerFrame(5, sizeBytes, {}),
        bodyFrame(5, Buffer.alloc(sizeBytes)),
      ]);
    expect(scan(sized(4096), undefined, 4096)).toBe(sized(4096).length);
    expect(scan(sized(4097), undefined, 4096)).toBe(0);
    const large = { correlationId: 'c'.repeat(255) };
    const header = Buffer.concat([methodFrame(5, publish), headerFrame(5, 0, large), whole]);
    expect(scan(header, undefined, 270)).toBe(header.length - whole.length); // 12 + 2 + 256
    expect(scan(header, undefined, 269)).toBe(0);
  });
});

describe('left to the state machine is', () => {
  test('any part of a publish, whatever lies behind it', () => {
    const longNames = { exchange: 'e'.repeat(255), routingKey: 'k'.repeat(255) };
    const long = Buffer.concat([
      methodFrame(5, { ...publish, ...longNames }),
      headerFrame(5, 4, { headers: FieldTable.empty }),
      bodyFrame(5, Buffer.from('body')),
    ]);
    for (const bytes of [whole, long]) {
      expect(scan(bytes)).toBe(bytes.length);
      for (let end = 0; end < bytes.length; end++) {
        expect(scanPublish(blockOf(bytes), 0, end, new ScannedPublish())).toBe(0);
        expect(scan(bytes.subarray(0, end))).toBe(0);
      }
    }
  });

  const [method, header, body] = [
    methodFrame(5, publish),
    headerFrame(5, 4, properties),
    bodyFrame(5, Buffer.from('body')),
  ] as const;
  const binary = (exchange: string, routingKey: string) =>
    frame(FrameType.METHOD, 5, (payload) => {
      payload.long(methodIds['basic.publish']);
      payload.short(0);
      for (const octets of [exchange, routingKey]) {
        payload.octet(octets.length);
        for (const octet of Buffer.from(octets, 'latin1')) payload.octet(octet);
      }
      payload.octet(0);
    });

  test.each<[string, Uint8Array[]]>([
    ['another method', [methodFrame(5, { name: 'queue.purge', queue: 'q', noWait: false }), whole]],
    ['a header of another channel', [method, headerFrame(6, 4, properties), body]],
    ['a body of another channel', [method, header, bodyFrame(6, Buffer.from('body'))]],
    ['a second method', [method, method, header, body]],
    ['a second header', [method, header, header, body]],
    ['a heartbeat in between', [method, Buffer.from('08000000000000ce', 'hex'), header, body]],
    [
      'a body in two frames',
      [method, header, bodyFrame(5, Buffer.from('bo')), bodyFrame(5, Buffer.from('dy'))],
    ],
    ['a body that is too long', [method, header, bodyFrame(5, Buffer.from('body!'))]],
    ['a body beyond 4 GiB', [method, headerFrame(5, 2 ** 32 + 4, properties), body]],
    ['an exchange that is not UTF-8', [binary('\xff', 'key'), header, body]],
    ['a routing key that is not UTF-8', [binary('ex', 'k\xc3'), header, body]],
  ])('%s', (_what, frames) => {
    expect(scan(Buffer.concat([...frames, whole]))).toBe(0);
  });
});

/** What a connection sees in a byte stream: a line for each command and for the error that ends it. */
function commandsIn(
  chunks: readonly Uint8Array[],
  { isFast, frameMax = 131_072 }: { isFast: boolean; frameMax?: number },
): { log: string[]; fastCount: number } {
  const log: string[] = [];
  let fastCount = 0;
  const published = (
    channel: number,
    bits: { mandatory: boolean; immediate: boolean },
    c: Content,
  ) =>
    log.push(
      [
        `${channel} basic.publish '${c.exchange}' '${c.routingKey}' ${bits.mandatory} ${bits.immediate}`,
        hexOf(c.block.bytes.subarray(c.propertiesAt, c.propertiesEnd)),
        hexOf(c.body),
      ].join(' '),
    );

  const assemblers = new Map<number, CommandAssembler>();
  const assemblerOf = (channel: number) => {
    const known = assemblers.get(channel);
    if (known) return known;
    const assembler = new CommandAssembler({
      contentAnnounced: () => {},
      command: (method, content) => {
        if (method.name === 'basic.publish') published(channel, method, content!);
        else log.push(`${channel} ${JSON.stringify(method)} ${content ? hexOf(content.body) : ''}`);
      },
    });
    assemblers.set(channel, assembler);
    return assembler;
  };

  const found = new ScannedPublish();
  const sink = {
    readAhead(block: ReturnType<typeof blockOf>, at: number, end: number): number {
      if (!isFast || !assemblerOf(block.view.getUint16(at + 1)).isIdle) return at;
      const next = scanPublish(block, at, end, found, frameMax);
      if (next === at) return at;
      fastCount++;
      published(found.channel, found, found);
      return next;
    },
    frame(type: number, channel: number, block: typeof found.block, at: number, end: number) {
      if (type === FrameType.HEARTBEAT) log.push('heartbeat');
      else assemblerOf(channel).frame(type, block, at, end);
    },
  };

  const parser = new FrameParser(sink, frameMax);
  const headroom = FrameParser.headroomBytes(frameMax);
  const read = blockOf(new Uint8Array(headroom + Math.max(0, ...chunks.map((c) => c.length))));
  try {
    for (const chunk of chunks) {
      read.bytes.fill(0xaa);
      read.bytes.set(chunk, headroom);
      parser.push(read, headroom, headroom + chunk.length);
    }
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error;
    log.push(error.message);
  }
  return { log, fastCount };
}

describe('the fast path sees what the state machine sees', () => {
  test('for every octet of a publish, whatever it is changed to', () => {
    const bytes = Buffer.concat([whole, whole]);
    const differences: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (let octet = 0; octet < 256; octet++) {
        const changed = Buffer.from(bytes);
        changed[at] = octet;
        // Where the fast path declines there is nothing to compare.
        if (scan(changed, undefined, 600) === 0) continue;
        const fast = commandsIn([changed], { isFast: true, frameMax: 600 }).log.join();
        const slow = commandsIn([changed], { isFast: false, frameMax: 600 }).log.join();
        if (fast !== slow) differences.push(`octet ${at} is ${octet}: ${fast} instead of ${slow}`);
      }
    }
    expect(differences).toEqual([]);
  });

  const shortstr = fc.oneof(
    fc.constantFrom('', 'key', 'a.b.c'),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  );
  const headers = fc
    .array(fc.tuple(shortstr, fc.integer()), { maxLength: 3 })
    .map(
      (pairs) =>
        new FieldTable(pairs.map(([name, value]) => [name, { type: 'I' as const, value }])),
    );
  const arbitraryProperties: fc.Arbitrary<BasicProperties> = fc.oneof(
    fc.constantFrom<BasicProperties[]>({}, { deliveryMode: 2 }, { deliveryMode: 1, priority: 9 }),
    fc.record(
      { contentType: shortstr, headers, deliveryMode: fc.nat(255), messageId: shortstr },
      { requiredKeys: [], noNullPrototype: true },
    ),
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 590, max: 620 }).map((sizeBytes) => Buffer.alloc(sizeBytes, 'body')),
  );

  /** The frames of one publish, most often with the body in one frame. */
  const publishFrames = (channel: number) =>
    fc
      .record({
        exchange: shortstr,
        routingKey: shortstr,
        mandatory: fc.boolean(),
        immediate: fc.boolean(),
        properties: arbitraryProperties,
        body,
        cut: fc.oneof(fc.constant(undefined), fc.nat(40)),
      })
      .map(({ properties, body, cut, ...route }) => [
        methodFrame(channel, { name: 'basic.publish', ...route }),
        headerFrame(channel, body.length, properties),
        ...(cut === undefined
          ? body.length > 0
            ? [bodyFrame(channel, body)]
            : []
          : [bodyFrame(channel, body.subarray(0, cut)), bodyFrame(channel, body.subarray(cut))]),
      ]);
  const otherFrames = (channel: number) =>
    fc.constantFrom(
      [methodFrame(channel, { name: 'basic.ack', deliveryTag: 1, multiple: false })],
      [methodFrame(channel, { name: 'channel.close-ok' })],
      [methodFrame(channel, { name: 'basic.get', queue: 'q', noAck: true })],
      [
        methodFrame(channel, {
          name: 'basic.return',
          replyCode: 312,
          replyText: '',
          exchange: 'e',
          routingKey: 'k',
        }),
        headerFrame(channel, 1, {}),
        bodyFrame(channel, Buffer.from('b')),
      ],
      [frame(FrameType.HEARTBEAT, 0, () => {})],
      [bodyFrame(channel, new Uint8Array(0))],
    );
  const channelFrames = (channel: number) =>
    fc
      .array(
        fc.oneof(
          { weight: 4, arbitrary: publishFrames(channel) },
          { weight: 1, arbitrary: otherFrames(channel) },
        ),
        { maxLength: 4 },
      )
      .map((commands) => commands.flat());

  /** Frames of three channels; each turn says which channel goes on, and for how many frames. */
  const frames = fc
    .tuple(
      fc.tuple(channelFrames(1), channelFrames(2), channelFrames(0x102)),
      fc.array(fc.tuple(fc.nat(2), fc.oneof(fc.constant(3), fc.nat(6))), { maxLength: 12 }),
    )
    .map(([channels, turns]) => {
      const waiting = channels.map((frames) => [...frames]);
      const merged = turns.flatMap(([channel, count]) => waiting[channel]!.splice(0, count));
      return [...merged, ...waiting.flat()];
    });
  const cuts = fc.array(fc.nat(400), { maxLength: 4 });

  function chunksOf(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    let at = 0;
    for (const sizeBytes of cuts) {
      chunks.push(stream.subarray(at, at + sizeBytes));
      at += sizeBytes;
    }
    return [...chunks, stream.subarray(at)];
  }

  test('for any commands on several channels, however they are cut', () => {
    let fastCount = 0;
    fc.assert(
      fc.property(frames, cuts, (frames, cuts) => {
        const chunks = chunksOf(Buffer.concat(frames), cuts);
        const fast = commandsIn(chunks, { isFast: true });
        expect(fast.log).toEqual(commandsIn(chunks, { isFast: false }).log);
        fastCount += fast.fastCount;
      }),
      { numRuns: 300 },
    );
    expect(fastCount).toBeGreaterThan(300);
  });

  test('for any of them spoilt: octets changed, frames lost or doubled, the end cut off', () => {
    const spoilt = fc.record({
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
      lost: fc.option(fc.nat(), { freq: 3 }),
      doubled: fc.option(fc.nat(), { freq: 3 }),
      cutOff: fc.oneof(fc.constant(0), fc.nat(60)),
      // A publish's method frame is 527 bytes at most, so it fits; the longer bodies do not.
      frameMax: fc.constantFrom(600, 4096),
    });
    fc.assert(
      fc.property(frames, cuts, spoilt, (frames, cuts, spoilt) => {
        const { changes, lost, doubled, cutOff, frameMax } = spoilt;
        if (lost !== null) frames = frames.toSpliced(lost % (frames.length + 1), 1);
        if (doubled !== null) {
          const index = doubled % (frames.length + 1);
          frames = frames.toSpliced(index, 0, ...frames.slice(index, index + 1));
        }
        const all = Buffer.concat(frames);
        const stream = all.subarray(0, Math.max(0, all.length - cutOff));
        for (const [at, octet] of changes)
          if (stream.length > 0) stream[at % stream.length] = octet;
        const chunks = chunksOf(stream, cuts);
        expect(commandsIn(chunks, { isFast: true, frameMax }).log).toEqual(
          commandsIn(chunks, { isFast: false, frameMax }).log,
        );
      }),
      { numRuns: 1000 },
    );
  });
});
