import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ALL_PLACES,
  COUNTED_BYTES,
  DELIVERED_BYTES,
  HOLDER_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  RecordType,
  type RecordVisitor,
  readRecords,
  readU48,
  SETTLED_BYTES,
  writeU48,
} from './log-records.ts';

type LogRecord =
  | { type: 'message'; holders: { queue: number; sequence: number }[]; body: number[] }
  | { type: 'settled'; queue: number; first: number; count: number }
  | { type: 'delivered'; queue: number; below: number }
  | { type: 'failed' | 'returned'; queue: number; sequence: number; count: number };

/** Written by the table in log-records.ts, without its code. */
function encode(records: readonly LogRecord[]): Uint8Array {
  const u16 = (value: number) => [value >>> 8, value & 0xff];
  const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
  const u48 = (value: number) => [...u16(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)];
  const bytes = records.flatMap((record) => {
    switch (record.type) {
      case 'message': {
        const holders = record.holders.flatMap((at) => [...u32(at.queue), ...u48(at.sequence)]);
        const { length } = record.body;
        return [1, ...u16(record.holders.length), ...holders, ...u32(length), ...record.body];
      }
      case 'settled':
        return [2, ...u32(record.queue), ...u48(record.first), ...u32(record.count)];
      case 'failed':
        return [4, ...u32(record.queue), ...u48(record.sequence), ...u32(record.count)];
      case 'returned':
        return [5, ...u32(record.queue), ...u48(record.sequence), ...u32(record.count)];
      default:
        return [3, ...u32(record.queue), ...u48(record.below)];
    }
  });
  return Uint8Array.from(bytes);
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function decode(bytes: Uint8Array, start = 0, end = bytes.length) {
  const found: LogRecord[] = [];
  const visitor: RecordVisitor = {
    message(view, holdersAt, count, at, sizeBytes) {
      const holders = Array.from({ length: count }, (_, i) => ({
        queue: view.getUint32(holdersAt + i * HOLDER_BYTES),
        sequence: readU48(view, holdersAt + i * HOLDER_BYTES + 4),
      }));
      const body = Array.from({ length: sizeBytes }, (_, i) => view.getUint8(at + i));
      found.push({ type: 'message', holders, body });
    },
    settled: (queue, first, count) => found.push({ type: 'settled', queue, first, count }),
    delivered: (queue, below) => found.push({ type: 'delivered', queue, below }),
    counted: (queue, sequence, count, isFailure) =>
      found.push({ type: isFailure ? 'failed' : 'returned', queue, sequence, count }),
  };
  const isComplete = readRecords(viewOf(bytes), start, end, visitor);
  return { found, isComplete };
}

const u32 = fc.nat(0xffff_ffff);
const u48 = fc.nat(ALL_PLACES);
const record: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({
    type: fc.constant('message' as const),
    holders: fc.array(fc.record({ queue: u32, sequence: u48 }), { maxLength: 5 }),
    body: fc.array(fc.nat(255), { maxLength: 60 }),
  }),
  fc.record({ type: fc.constant('settled' as const), queue: u32, first: u48, count: u32 }),
  fc.record({ type: fc.constant('delivered' as const), queue: u32, below: u48 }),
  fc.record({
    type: fc.constantFrom('failed' as const, 'returned' as const),
    queue: u32,
    sequence: u48,
    count: u32,
  }),
);

describe('records', () => {
  test('read as they were written', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 10 }), (records) => {
        expect(decode(encode(records))).toEqual({ found: records, isComplete: true });
      }),
    );
  });

  test('are as long as the log reckons', () => {
    const holders = [
      { queue: 1, sequence: 0 },
      { queue: 2, sequence: 0 },
    ];
    const message: LogRecord = { type: 'message', holders, body: [1, 2, 3] };
    expect(encode([message])).toHaveLength(MESSAGE_OVERHEAD_BYTES + 2 * HOLDER_BYTES + 3);
    const settled: LogRecord = { type: 'settled', queue: 1, first: 0, count: 1 };
    expect(encode([settled])).toHaveLength(SETTLED_BYTES);
    expect(encode([{ type: 'delivered', queue: 1, below: 0 }])).toHaveLength(DELIVERED_BYTES);
    for (const type of ['failed', 'returned'] as const) {
      expect(encode([{ type, queue: 1, sequence: 0, count: 1 }])).toHaveLength(COUNTED_BYTES);
    }
    const numbers = { MESSAGE: 1, SETTLED: 2, DELIVERED: 3, FAILED: 4, RETURNED: 5 };
    expect(RecordType).toEqual(numbers);
  });

  test('that are cut off are noticed, and those before are read', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), record, fc.nat(), (before, last, cut) => {
        const whole = encode([...before, last]);
        const start = encode(before).length;
        const end = start + 1 + (cut % (whole.length - start - 1));
        expect(decode(whole, 0, end)).toEqual({ found: before, isComplete: false });
      }),
    );
  });

  test('of an unknown type end the reading', () => {
    for (const type of [0, 4, 255]) {
      expect(decode(Uint8Array.of(type, 0, 0, 0, 0, 0, 0)).isComplete).toBe(false);
    }
  });

  test('nothing beyond the end is read, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(undefined, 1, 2, 3),
        (inside, outside, type) => {
          if (type !== undefined && inside.length > 0) inside[0] = type;
          const alone = decode(inside);
          const followed = decode(Uint8Array.of(...inside, ...outside), 0, inside.length);
          expect(followed).toEqual(alone);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('numbers of 48 bits', () => {
  fc.assert(
    fc.property(u48, (value) => {
      const view = new DataView(new ArrayBuffer(8));
      writeU48(view, 1, value);
      expect(readU48(view, 1)).toBe(value);
      expect([view.getUint8(0), view.getUint8(7)]).toEqual([0, 0]);
    }),
  );
});
