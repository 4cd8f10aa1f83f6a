import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { type Block, blockOf } from './block.ts';
import { FrameParser } from './frame-parser.ts';

const FRAME_MAX = 64;

/** type u8 | channel u16 | size u32 | payload | 0xCE */
function frame(type: number, channel: number, payload: Uint8Array, frameEnd = 0xce): Uint8Array {
  const head = Buffer.alloc(7);
  head.writeUInt8(type);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Uint8Array.of(frameEnd)]);
}

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Where a frame came from and what it carried: `type/channel payload`. */
const line = (type: number, channel: number, payload: Uint8Array) =>
  `${type}/${channel} ${Buffer.from(payload).toString('hex')}`;

let log: string[];
let parser: FrameParser;
/** Consumes whole frames ahead of the parser when a test wants that. */
let readAhead: (block: Block, at: number, end: number) => number;

/** Called after each frame that was logged. */
let afterFrame: () => void;

function startOver(): void {
  log = [];
  parser = new FrameParser(
    {
      readAhead: (block, at, end) => readAhead(block, at, end),
      frame: (type, channel, block, at, end) => {
        log.push(line(type, channel, block.bytes.subarray(at, end)));
        afterFrame();
      },
    },
    FRAME_MAX,
  );
}

beforeEach(() => {
  readAhead = (_block, at) => at;
  afterFrame = () => {};
  startOver();
});

/**
 * Pushes a chunk as a transport does (platform/transport.ts): out of a read buffer that all connections share, with just
 * the headroom that is asked for, and full of others' bytes before and after the call.
 */
function push(
  chunk: Uint8Array,
  kind: 'Uint8Array' | 'Buffer' = 'Uint8Array',
  headroom = FrameParser.headroomBytes(parser.frameMax),
): void {
  const sizeBytes = headroom + chunk.length + 16;
  const bytes = kind === 'Buffer' ? Buffer.alloc(sizeBytes) : new Uint8Array(sizeBytes);
  bytes.fill(0xce);
  bytes.set(chunk, headroom);
  try {
    parser.push(blockOf(bytes), headroom, headroom + chunk.length);
  } finally {
    bytes.fill(0xdd);
  }
}

describe('whole frames', () => {
  test('one after the other', () => {
    push(bytesOf('01 0001 00000002 aabb ce 08 0000 00000000 ce 03 ffff 00000001 ce ce'));
    expect(log).toEqual(['1/1 aabb', '8/0 ', '3/65535 ce']);
  });

  test('a type that is not known is left to the sink to refuse', () => {
    push(frame(9, 1, bytesOf('aa')));
    expect(log).toEqual(['9/1 aa']);
  });

  test('one byte at a time', () => {
    for (const octet of frame(1, 1, bytesOf('aabb'))) push(Uint8Array.of(octet));
    expect(log).toEqual(['1/1 aabb']);
  });

  test('an empty chunk changes nothing', () => {
    const bytes = frame(1, 1, bytesOf('aabb'));
    for (const chunk of [[], bytes.subarray(0, 3), [], bytes.subarray(3), []]) {
      push(Uint8Array.from(chunk));
    }
    expect(log).toEqual(['1/1 aabb']);
  });

  test('the rest is kept apart from the read buffer, also when that is a Buffer', () => {
    const bytes = frame(1, 1, bytesOf('aabbcc'));
    push(bytes.subarray(0, 9), 'Buffer');
    push(bytes.subarray(9), 'Buffer');
    expect(log).toEqual(['1/1 aabbcc']);
  });

  test('with less headroom than the rest needs, too', () => {
    const bytes = frame(1, 1, bytesOf('aabbcc')); // 11 bytes
    for (let headroom = 0; headroom <= 10; headroom++) {
      startOver();
      push(bytes.subarray(0, 9), 'Uint8Array', headroom);
      push(bytes.subarray(9), 'Uint8Array', headroom);
      expect(log).toEqual(['1/1 aabbcc']);
    }
  });
});

describe('what is refused', () => {
  test('another end octet', () => {
    expect(() => push(frame(1, 1, bytesOf('aa'), 0xcd))).toThrow(
      new AmqpError(501, 'type 1, all octets = <<170>>: {invalid_frame_end_marker,205}'),
    );
    expect(log).toEqual([]);
  });

  test('frames of frame_max, and 8 bytes more, are taken as RabbitMQ does', () => {
    push(frame(3, 1, new Uint8Array(FRAME_MAX - 8)));
    push(frame(3, 1, new Uint8Array(FRAME_MAX)));
    expect(log).toHaveLength(2);
  });

  test('a larger one is refused by its header', () => {
    const bytes = frame(3, 1, new Uint8Array(FRAME_MAX + 1));
    push(bytes.subarray(0, 6));
    expect(() => push(bytes.subarray(6, 7))).toThrow(
      new AmqpError(501, 'type 3, all octets = <<>>: {frame_too_large,65,56}'),
    );
    expect(log).toEqual([]);
  });

  test('the largest size there is', () => {
    expect(() => push(bytesOf('01 0001 ffffffff'))).toThrow('{frame_too_large,4294967295,56}');
  });

  test('frames in front of a bad one have been handed over', () => {
    const good = frame(1, 1, bytesOf('aa'));
    expect(() => push(Buffer.concat([good, good, frame(1, 1, bytesOf('aa'), 0)]))).toThrow();
    expect(log).toEqual(['1/1 aa', '1/1 aa']);
  });
});

describe('between frames', () => {
  test('stop ignores what follows, in this chunk and the next', () => {
    afterFrame = () => parser.stop();
    const bytes = frame(1, 1, bytesOf('aa'));
    push(Buffer.concat([bytes, bytes, bytes.subarray(0, 4)]));
    push(bytes);
    push(bytesOf('ff ffff ffffffff'));
    expect(log).toEqual(['1/1 aa']);
  });

  test('stop between chunks forgets what was left', () => {
    const bytes = frame(1, 1, bytesOf('aa'));
    push(bytes.subarray(0, 5));
    parser.stop();
    push(bytes.subarray(5));
    expect(log).toEqual([]);
  });

  test('a new frame_max holds from the next frame on', () => {
    afterFrame = () => {
      parser.frameMax = 32;
    };
    const large = frame(3, 1, new Uint8Array(40));
    expect(() => push(Buffer.concat([large, large]))).toThrow('frame_too_large');
    expect(log).toHaveLength(1);
  });
});

describe('suspended', () => {
  const one = frame(1, 1, bytesOf('aa'));
  const two = frame(1, 2, bytesOf('bb'));
  const three = frame(1, 3, bytesOf('cc'));

  test('it keeps the rest of the chunk and those that follow, and resumes where it was', () => {
    afterFrame = () => parser.suspend();
    push(Buffer.concat([one, two.subarray(0, 4)]));
    push(two.subarray(4));
    push(three);
    expect(log).toEqual(['1/1 aa']);
    parser.resume();
    expect(log).toEqual(['1/1 aa', '1/2 bb']);
    afterFrame = () => {};
    parser.resume();
    expect(log).toEqual(['1/1 aa', '1/2 bb', '1/3 cc']);
    push(one);
    expect(log).toHaveLength(4);
  });

  test('it offers nothing to be read ahead either', () => {
    readAhead = (_block, at) => {
      log.push('ahead');
      parser.suspend();
      return at + one.length;
    };
    push(Buffer.concat([one, two]));
    expect(log).toEqual(['ahead']);
    parser.resume();
    expect(log).toEqual(['ahead', 'ahead']);
  });

  test('it can be resumed within the frame that suspended it', () => {
    afterFrame = () => {
      parser.suspend();
      parser.resume();
    };
    push(Buffer.concat([one, two, three]));
    expect(log).toEqual(['1/1 aa', '1/2 bb', '1/3 cc']);
  });

  test('resume throws for a bad frame, as push does', () => {
    parser.suspend();
    push(frame(1, 1, bytesOf('aa'), 0));
    expect(() => parser.resume()).toThrow(AmqpError);
  });

  test('it forgets everything when it is stopped', () => {
    parser.suspend();
    push(one);
    parser.stop();
    push(two);
    parser.resume();
    expect(log).toEqual([]);
  });
});

describe('reading ahead', () => {
  test('is offered every method frame and no other, whole or not', () => {
    const offered: number[] = [];
    readAhead = (block, at, end) => {
      expect(block.bytes[at]).toBe(1);
      offered.push(end - at);
      return at;
    };
    const method = frame(1, 1, bytesOf('aabb'));
    push(Buffer.concat([frame(3, 1, bytesOf('aa')), method, method.subarray(0, 8)]));
    push(method.subarray(8));
    expect(offered).toEqual([18, 8, 10]);
    expect(log).toEqual(['3/1 aa', '1/1 aabb', '1/1 aabb']);
  });

  test('may take several frames, and the parser goes on behind them', () => {
    const method = frame(1, 1, bytesOf('aabb')); // 10 bytes
    readAhead = (_block, at, end) => {
      if (end - at < 20) return at;
      log.push('two');
      return at + 20;
    };
    push(Buffer.concat([method, method, method, method, method, method.subarray(0, 5)]));
    push(method.subarray(5));
    expect(log).toEqual(['two', 'two', '1/1 aabb', '1/1 aabb']);
  });
});

describe('any cut of the byte stream parses alike', () => {
  const frames = fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom(1, 2, 3, 8), fc.nat(255)),
      fc.nat(0xffff),
      fc.oneof(
        fc.uint8Array({ maxLength: FRAME_MAX }),
        fc.uint8Array({ minLength: FRAME_MAX - 1, maxLength: FRAME_MAX }),
      ),
    ),
    { maxLength: 8 },
  );
  /** Sizes of chunks; what is left after them is the last. */
  const cuts = fc.array(fc.oneof(fc.nat(9), fc.nat(120)), { maxLength: 30 });

  function pushInChunks(stream: Uint8Array, cuts: readonly number[]): string | undefined {
    try {
      let at = 0;
      for (const sizeBytes of cuts) {
        push(stream.subarray(at, at + sizeBytes));
        at = Math.min(stream.length, at + sizeBytes);
      }
      push(stream.subarray(at));
      return undefined;
    } catch (error) {
      if (error instanceof AmqpError) return error.message;
      throw error;
    }
  }

  test('into the frames that were sent', () => {
    fc.assert(
      fc.property(frames, cuts, (frames, cuts) => {
        startOver();
        const stream = Buffer.concat(frames.map((parts) => frame(...parts)));
        expect(pushInChunks(stream, cuts)).toBeUndefined();
        expect(log).toEqual(frames.map((parts) => line(...parts)));
      }),
      { numRuns: 500 },
    );
  });

  test('also where frames are read ahead', () => {
    // Takes a frame of an even channel ahead, when all of it is there.
    readAhead = (block, at, end) => {
      if (end - at < 8 || block.view.getUint16(at + 1) % 2 !== 0) return at;
      const payloadEnd = at + 7 + block.view.getUint32(at + 3);
      if (payloadEnd >= end) return at;
      log.push(line(1, block.view.getUint16(at + 1), block.bytes.subarray(at + 7, payloadEnd)));
      return payloadEnd + 1;
    };
    fc.assert(
      fc.property(frames, cuts, (frames, cuts) => {
        startOver();
        const stream = Buffer.concat(frames.map((parts) => frame(...parts)));
        expect(pushInChunks(stream, cuts)).toBeUndefined();
        expect(log).toEqual(frames.map((parts) => line(...parts)));
      }),
    );
  });

  test('also where it is suspended after any frame, and resumed after any chunk', () => {
    fc.assert(
      fc.property(
        frames,
        cuts,
        fc.infiniteStream(fc.boolean()),
        fc.infiniteStream(fc.boolean()),
        (frames, cuts, suspends, resumes) => {
          startOver();
          afterFrame = () => {
            if (suspends.next().value) parser.suspend();
          };
          const stream = Buffer.concat(frames.map((parts) => frame(...parts)));
          let at = 0;
          for (const sizeBytes of [...cuts, stream.length]) {
            push(stream.subarray(at, at + sizeBytes));
            at += sizeBytes;
            if (resumes.next().value) parser.resume();
          }
          afterFrame = () => {};
          parser.resume();
          expect(log).toEqual(frames.map((parts) => line(...parts)));
        },
      ),
    );
  });

  test('into the same frames and the same error when bytes are spoilt', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(frames, cuts, changes, (frames, cuts, changes) => {
        const stream = Buffer.concat([...frames.map((parts) => frame(...parts)), bytesOf('0000')]);
        for (const [at, octet] of changes) stream[at % stream.length] = octet;
        startOver();
        const error = pushInChunks(stream, []);
        const expected = log;
        startOver();
        expect(pushInChunks(stream, cuts)).toBe(error);
        expect(log).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
