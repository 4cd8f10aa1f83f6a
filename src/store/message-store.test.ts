import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageStore } from './message-store.ts';
import { SEGMENT_BYTES, SegmentTable } from './segment-table.ts';

/** A record that someone still holds, and what was written to it. */
interface LiveRecord {
  readonly slot: number;
  readonly at: number;
  readonly bytes: Buffer;
  references: number;
}

function write(store: MessageStore, bytes: Buffer, references = 1): LiveRecord {
  const segment = store.allocate(bytes.length, references);
  segment.bytes.set(bytes, segment.recordAt);
  return { slot: segment.slot, at: segment.recordAt, bytes, references };
}

const read = (store: MessageStore, { slot, at, bytes }: LiveRecord) =>
  store.segment(slot).bytes.subarray(at, at + bytes.length);

/** Comparing is cheap, an assertion per record is not. */
const isIntact = (store: MessageStore, record: LiveRecord) =>
  record.bytes.equals(read(store, record));

const fill = (store: MessageStore, sizeBytes: number) => write(store, Buffer.alloc(sizeBytes, 1));

describe('a record', () => {
  test('is given as many bytes as it asked for, behind the one before', () => {
    const store = new MessageStore();
    const first = fill(store, 100);
    const second = fill(store, 50);
    expect([first.slot, first.at]).toEqual([0, 0]);
    expect([second.slot, second.at]).toEqual([0, 100]);
    expect(store.segment(0).end).toBe(150);
  });

  test('stays until the last of its holders has released it', () => {
    const store = new MessageStore();
    const record = write(store, Buffer.from('hello'), 2);
    store.retain(record.slot, 1);
    store.release(record.slot);
    store.release(record.slot);
    expect(fill(store, 5).at).toBe(5);
    expect(isIntact(store, record)).toBe(true);
  });

  test('of no bytes is one all the same', () => {
    const store = new MessageStore();
    const { slot } = fill(store, 0);
    expect(store.segment(slot).references).toBe(1);
    store.release(slot);
    expect(store.segment(slot).references).toBe(0);
  });
});

describe('the segment that is being filled', () => {
  test('begins again when its last record is released', () => {
    const store = new MessageStore();
    for (let i = 0; i < 3; i++) {
      const [a, b] = [fill(store, SEGMENT_BYTES / 4), fill(store, SEGMENT_BYTES / 4)];
      expect([a.slot, a.at, b.at]).toEqual([0, 0, SEGMENT_BYTES / 4]);
      store.release(a.slot);
      store.release(b.slot);
    }
    expect(store.usedBytes).toBe(SEGMENT_BYTES);
  });

  test('takes records to its last byte', () => {
    const store = new MessageStore();
    fill(store, SEGMENT_BYTES - 10);
    expect(fill(store, 10).slot).toBe(0);
    expect(fill(store, 1).slot).toBe(1);
  });

  test('is sealed when a record does not fit, and comes back when its last one is released', () => {
    const store = new MessageStore();
    const old = fill(store, SEGMENT_BYTES - 10);
    const next = fill(store, 11);
    expect(store.segment(old.slot).sealed).toBe(true);
    expect(next.slot).not.toBe(old.slot);
    expect(store.usedBytes).toBe(2 * SEGMENT_BYTES);
    store.release(old.slot);
    expect(store.usedBytes).toBe(SEGMENT_BYTES);
    expect(isIntact(store, next)).toBe(true);
  });

  test('a sealed segment does not begin again while a record in it is held', () => {
    const store = new MessageStore();
    const held = fill(store, 10);
    const other = fill(store, SEGMENT_BYTES - 10);
    const next = fill(store, 10);
    store.release(other.slot);
    for (let i = 0; i < 100; i++) fill(store, SEGMENT_BYTES / 8);
    expect(next.slot).not.toBe(held.slot);
    expect(isIntact(store, held)).toBe(true);
  });
});

describe('a large record', () => {
  test.each([SEGMENT_BYTES / 4 + 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 5 * SEGMENT_BYTES])(
    'of %i bytes gets a segment of its own when it does not fit',
    (sizeBytes) => {
      const store = new MessageStore();
      const small = fill(store, SEGMENT_BYTES - 100);
      const large = fill(store, sizeBytes);
      expect(large.at).toBe(0);
      expect(store.segment(large.slot).bytes).toHaveLength(sizeBytes);
      expect(store.usedBytes).toBe(SEGMENT_BYTES + sizeBytes);
      // The segment that was being filled goes on.
      expect(fill(store, 100).slot).toBe(small.slot);
      store.release(large.slot);
      expect(store.usedBytes).toBe(SEGMENT_BYTES);
    },
  );

  test('that fits stays with the others', () => {
    const store = new MessageStore();
    expect(fill(store, SEGMENT_BYTES).slot).toBe(0);
    expect(store.usedBytes).toBe(SEGMENT_BYTES);
  });

  test('of a quarter of a segment at most seals the segment it does not fit', () => {
    const store = new MessageStore();
    const first = fill(store, SEGMENT_BYTES - 100);
    const second = fill(store, SEGMENT_BYTES / 4);
    expect(store.segment(first.slot).sealed).toBe(true);
    expect(store.segment(second.slot).sealed).toBe(false);
  });
});

describe('memory', () => {
  test('every change of what is used is told', () => {
    const told: number[] = [];
    const store = new MessageStore(new SegmentTable((usedBytes) => void told.push(usedBytes)));
    const first = fill(store, SEGMENT_BYTES);
    const large = fill(store, 2 * SEGMENT_BYTES);
    fill(store, 1);
    store.release(first.slot);
    store.release(large.slot);
    expect(told.map((bytes) => bytes / SEGMENT_BYTES)).toEqual([1, 3, 4, 3, 1]);
  });

  test('slots and segments are used again; up to 16 empty segments are kept', () => {
    const store = new MessageStore();
    const full = () => Array.from({ length: 21 }, () => fill(store, SEGMENT_BYTES));
    const before = full();
    const buffers = new Set(before.map(({ slot }) => store.segment(slot).bytes));
    for (const { slot } of before) store.release(slot);
    const after = full();
    expect(Math.max(...after.map(({ slot }) => slot))).toBeLessThan(22);
    const kept = after.filter(({ slot }) => buffers.has(store.segment(slot).bytes));
    // One is the segment that was being filled at the time.
    expect(kept).toHaveLength(16 + 1);
  });
});

/** Mostly small, now and then around a border. */
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 2_000 }) },
  { weight: 4, arbitrary: fc.integer({ min: SEGMENT_BYTES / 8, max: SEGMENT_BYTES / 4 + 2 }) },
  { weight: 1, arbitrary: fc.integer({ min: SEGMENT_BYTES / 2, max: SEGMENT_BYTES + 2 }) },
);
const pick = fc.nat();
const operations = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constant('allocate'), sizes, fc.integer({ min: 1, max: 3 })),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('retain'), pick, fc.integer({ min: 1, max: 2 })) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('release'), pick, fc.constant(1)) },
  ),
  { maxLength: 120, size: 'max' },
);

test('live records never change, and what is used is what they and the next record need', () => {
  fc.assert(
    fc.property(operations, (steps) => {
      let told = 0;
      const store = new MessageStore(
        new SegmentTable((usedBytes) => {
          told = usedBytes;
        }),
      );
      const live: LiveRecord[] = [];
      const checkUse = () => {
        const segments = new Map(live.map(({ slot }) => [slot, store.segment(slot)]));
        const needed = [...segments.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
        const filling = [...segments.values()].some(({ sealed }) => !sealed);
        expect(store.usedBytes).toBe(needed + (filling ? 0 : SEGMENT_BYTES));
        expect(told).toBe(store.usedBytes);
      };
      const release = (index: number) => {
        const record = live[index]!;
        if (!isIntact(store, record)) throw new Error(`record ${record.slot}:${record.at} changed`);
        record.references -= 1;
        if (record.references === 0) live.splice(index, 1);
        store.release(record.slot);
      };
      let stamp = 0;
      for (const [kind, value, references] of steps) {
        if (kind === 'allocate') {
          stamp += 1;
          live.push(write(store, Buffer.alloc(value, `record ${stamp} `), references));
        } else if (live.length > 0) {
          const index = value % live.length;
          if (kind === 'release') {
            release(index);
          } else {
            store.retain(live[index]!.slot, references);
            live[index]!.references += references;
          }
        }
        checkUse();
      }
      expect(live.filter((record) => !isIntact(store, record))).toEqual([]);
      while (live.length > 0) release(stamp % live.length);
      expect(store.usedBytes).toBe(SEGMENT_BYTES);
    }),
    { numRuns: 200 },
  );
});
