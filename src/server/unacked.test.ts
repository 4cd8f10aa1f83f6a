import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Holder, Unacked } from './unacked.ts';

/** The number of tags in one block. */
const BLOCK = 128;

/** Writes down what is settled and requeued. */
class FakeHolder implements Holder {
  readonly calls: string[];
  readonly name: string;

  constructor(name: string, calls: string[]) {
    this.name = name;
    this.calls = calls;
  }
  readonly queue = {
    logId: 0,
    nextSequence: 0,
    isDeleted: false,
    settle: (_sequence: number, slot: number) =>
      void this.calls.push(`${this.name} settle ${slot}`),
    reject: (sequence: number, slot: number, offset: number) =>
      void this.calls.push(`${this.name} reject ${sequence} ${slot} ${offset}`),
    requeue: (
      sequence: number,
      slot: number,
      offset: number,
      bodyBytes: number,
      isFailure: boolean,
    ) => {
      const how = isFailure ? 'failed' : 'returned';
      this.calls.push(`${this.name} ${how} ${sequence} ${slot} ${offset} ${bodyBytes}`);
    },
  };
  settled(): void {
    this.calls.push(`${this.name} settled`);
  }
}

function filled(count: number) {
  const calls: string[] = [];
  const holder = new FakeHolder('h', calls);
  const unacked = new Unacked();
  for (let tag = 1; tag <= count; tag++)
    unacked.add(tag, holder, tag * 10, tag * 2, tag * 3, tag * 4);
  return { unacked, calls, holder };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a new channel has nothing', () => {
  const unacked = new Unacked();
  expect(unacked.count).toBe(0);
  expect([unacked.tagsUpTo(100), unacked.allTags()]).toEqual([[], []]);
});

test.each([
  0,
  -1,
  4,
  BLOCK,
  1e6,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
  2 ** 64,
  Number.POSITIVE_INFINITY,
])('tag %d, which was never given, is not outstanding', (tag) => {
  expect(filled(3).unacked.has(tag)).toBe(false);
});

test('a settled delivery is gone from its queue and from here, and its consumer is told', () => {
  const { unacked, calls } = filled(3);
  unacked.settle(2);
  expect(calls).toEqual(['h settle 4', 'h settled']);
  expect([unacked.has(1), unacked.has(2), unacked.has(3)]).toEqual([true, false, true]);
  expect(unacked.count).toBe(2);
  expect(unacked.allTags()).toEqual([1, 3]);
});

test.each([
  ['returned', 'returned 30 6 9 12'],
  ['failed', 'failed 30 6 9 12'],
  ['rejected', 'reject 30 6 9'],
  ['acknowledged', 'settle 6'],
] as const)('a delivery that ends %s is known to its queue by its place', (outcome, call) => {
  const { unacked, calls } = filled(3);
  unacked.end(3, outcome);
  expect(calls).toEqual([`h ${call}`, 'h settled']);
  expect(unacked.allTags()).toEqual([1, 2]);
});

test('what one consumer has is taken back; its tags are still known, and mean nothing', () => {
  const { unacked, holder, calls } = filled(2);
  const other = new FakeHolder('o', calls);
  unacked.add(400, other, 1, 2, 3, 4);
  unacked.add(401, holder, 5, 6, 7, 8);
  unacked.reserve(2, true);
  unacked.takeBack(holder);
  const given = ['returned 10 2 3 4', 'returned 20 4 6 8', 'returned 5 6 7 8'];
  expect(calls).toEqual(given.flatMap((call) => [`h ${call}`, 'h settled']));
  calls.length = 0;
  expect(unacked.allTags()).toEqual([1, 2, 400, 401]);
  for (const tag of unacked.allTags()) unacked.end(tag, 'failed');
  expect(calls).toEqual(['o failed 1 2 3 4', 'o settled']);
  expect(unacked.count).toBe(0);
});

test('tags up to one are all below it that are outstanding, in order', () => {
  const { unacked } = filled(3 * BLOCK);
  unacked.settle(5);
  expect(unacked.tagsUpTo(7)).toEqual([1, 2, 3, 4, 6, 7]);
  expect(unacked.tagsUpTo(0)).toEqual([]);
  expect(unacked.tagsUpTo(BLOCK)).toHaveLength(BLOCK - 1);
  expect(unacked.tagsUpTo(Number.POSITIVE_INFINITY)).toEqual(
    range(1, 3 * BLOCK).filter((tag) => tag !== 5),
  );
});

describe('a reserved tag', () => {
  test('can be acknowledged by nobody else, and counts until it is settled', () => {
    const { unacked } = filled(3);
    unacked.reserve(2, true);
    expect(unacked.has(2)).toBe(false);
    expect(unacked.tagsUpTo(3)).toEqual([1, 3]);
    expect(unacked.allTags()).toEqual([1, 2, 3]);
    expect(unacked.count).toBe(3);
  });

  test('can be given back', () => {
    const { unacked } = filled(3);
    unacked.reserve(2, true);
    unacked.reserve(2, false);
    expect([unacked.has(2), unacked.tagsUpTo(3)]).toEqual([true, [1, 2, 3]]);
  });

  test('leaves no trace on a tag that takes its place', () => {
    const { unacked, holder } = filled(BLOCK * 2);
    for (const tag of range(1, BLOCK * 2)) {
      unacked.reserve(tag, true);
      unacked.settle(tag);
    }
    unacked.reserve(1, true);
    for (const tag of range(BLOCK * 2 + 1, BLOCK * 5)) unacked.add(tag, holder, 0, 0, 0, 0);
    expect(unacked.tagsUpTo(BLOCK * 5)).toHaveLength(BLOCK * 3);
  });
});

test('what a consumer does when it is told may ask for more', () => {
  const unacked = new Unacked();
  let next = 1;
  const holder: Holder = {
    queue: {
      logId: 0,
      nextSequence: 0,
      isDeleted: false,
      settle: () => {},
      reject: () => {},
      requeue: () => {},
    },
    settled: () => {
      if (next < 1000) unacked.add(next++, holder, 0, 0, 0, 0);
    },
  };
  unacked.add(next++, holder, 0, 0, 0, 0);
  for (let tag = 1; tag < 1000; tag++) unacked.settle(tag);
  expect(unacked.count).toBe(0);
});

test.each([1, 3 * BLOCK])(
  'a delivery that is never acknowledged holds its block and no more, with %i others at a time',
  (outstanding) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const usedBytes = () => {
      // Twice: what the first finds is swept in the background, and done by the second.
      collect();
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const { unacked, holder } = filled(outstanding);
    holder.queue.settle = () => {};
    holder.settled = () => {};
    const before = usedBytes();
    for (let tag = outstanding + 1; tag < 300_000; tag++) {
      unacked.add(tag, holder, tag, tag, tag, tag);
      unacked.settle(tag - outstanding + 1);
    }
    expect(usedBytes() - before).toBeLessThan(1_000_000);
    expect(unacked.allTags()).toEqual([1, ...range(300_000 - outstanding + 1, 299_999)]);
  },
);

/** Two channels, since settled blocks pass from one to another. */
const steps = fc.array(
  fc.record({
    channel: fc.nat(1),
    kind: fc.constantFrom('add', 'add', 'settle', 'settle', 'requeue', 'reserve', 'free', 'up to'),
    count: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constantFrom(BLOCK - 1, BLOCK, 2 * BLOCK)),
    pick: fc.nat(),
  }),
  { maxLength: 60, size: 'max' },
);

test('it is a map by tag', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const channels = [0, 1].map((name) => {
        const calls: string[] = [];
        return {
          unacked: new Unacked(),
          holder: new FakeHolder(String(name), calls),
          calls,
          model: new Map<number, { reserved: boolean }>(),
          lastTag: 0,
        };
      });
      for (const { channel, kind, count, pick } of all) {
        const it = channels[channel]!;
        const { unacked, holder, calls, model } = it;
        calls.length = 0;
        if (kind === 'add') {
          for (let i = 0; i < count; i++) {
            // No-ack deliveries take tags too.
            it.lastTag += pick % 5 === 0 ? 1 + (pick % 300) : 1;
            const tag = it.lastTag;
            unacked.add(tag, holder, tag + 1, tag + 2, tag + 3, tag + 4);
            model.set(tag, { reserved: false });
          }
        }
        const tags = [...model.keys()];
        const start = tags.length > 0 ? pick % tags.length : 0;
        const expected: string[] = [];
        for (const tag of tags.slice(start, start + count)) {
          if (kind === 'settle') {
            unacked.settle(tag);
            expected.push(`${channel} settle ${tag + 2}`, `${channel} settled`);
            model.delete(tag);
          } else if (kind === 'requeue') {
            unacked.end(tag, 'returned');
            expected.push(
              `${channel} returned ${tag + 1} ${tag + 2} ${tag + 3} ${tag + 4}`,
              `${channel} settled`,
            );
            model.delete(tag);
          } else if (kind === 'reserve' || kind === 'free') {
            unacked.reserve(tag, kind === 'reserve');
            model.set(tag, { reserved: kind === 'reserve' });
          }
        }
        expect(calls).toEqual(expected);
        const free = [...model].filter(([, { reserved }]) => !reserved).map(([tag]) => tag);
        expect(unacked.count).toBe(model.size);
        expect(unacked.allTags()).toEqual([...model.keys()]);
        const last = pick % (it.lastTag + 3);
        expect(unacked.tagsUpTo(last)).toEqual(free.filter((tag) => tag <= last));
        for (let tag = Math.max(0, last - 3); tag < last + 3; tag++) {
          expect(unacked.has(tag)).toBe(model.get(tag)?.reserved === false);
        }
      }
    }),
    { numRuns: 150 },
  );
});
