import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PositionQueue } from './position-queue.ts';

/** The queue's block sizes: the first one, and those behind it. */
const FIRST = 32;
const BLOCK = 4096;
const ENTRY_BYTES = 8;

function pushMany(queue: PositionQueue, count: number): void {
  for (let i = 0; i < count; i++) queue.push(i, i * 2);
}
function shiftMany(queue: PositionQueue, count: number): void {
  for (let i = 0; i < count; i++) queue.shift();
}

test('entries come out in the order they went in, each with a number of its own', () => {
  const queue = new PositionQueue();
  queue.push(3, 30);
  queue.push(1, 10);
  expect(queue.size).toBe(2);
  expect([queue.headSequence, queue.headSlot, queue.headOffset]).toEqual([0, 3, 30]);
  queue.shift();
  expect([queue.headSequence, queue.headSlot, queue.headOffset]).toEqual([1, 1, 10]);
  queue.shift();
  expect(queue.size).toBe(0);
  queue.push(7, 70);
  expect([queue.headSequence, queue.headSlot, queue.headOffset]).toEqual([2, 7, 70]);
});

test('the number of the head is known before it is there', () => {
  const queue = new PositionQueue();
  expect(queue.headSequence).toBe(0);
  queue.push(1, 1);
  queue.shift();
  expect(queue.headSequence).toBe(1);
});

test('a slot and an offset may be as large as the store makes them', () => {
  const queue = new PositionQueue();
  queue.push(2 ** 31 - 1, 2 ** 31 - 1);
  expect([queue.headSlot, queue.headOffset]).toEqual([2 ** 31 - 1, 2 ** 31 - 1]);
});

describe('memory', () => {
  test('a queue that never held anything takes none', () => {
    expect(new PositionQueue().usedBytes).toBe(0);
  });

  test.each([
    [1, FIRST],
    [FIRST, FIRST],
    [FIRST + 1, FIRST + BLOCK],
    [FIRST + BLOCK, FIRST + BLOCK],
    [FIRST + BLOCK + 1, FIRST + 2 * BLOCK],
  ])('%i entries take room for %i', (count, room) => {
    const queue = new PositionQueue();
    pushMany(queue, count);
    expect(queue.usedBytes).toBe(room * ENTRY_BYTES);
  });

  test('a block goes when its last entry does', () => {
    const queue = new PositionQueue();
    pushMany(queue, FIRST + 2 * BLOCK);
    shiftMany(queue, FIRST - 1);
    expect(queue.usedBytes).toBe((FIRST + 2 * BLOCK) * ENTRY_BYTES);
    shiftMany(queue, 1);
    expect(queue.usedBytes).toBe(2 * BLOCK * ENTRY_BYTES);
    shiftMany(queue, BLOCK);
    expect(queue.usedBytes).toBe(BLOCK * ENTRY_BYTES);
    shiftMany(queue, BLOCK);
    expect(queue.usedBytes).toBe(0);
  });

  test('a queue that stays short stays small, however much passes through it', () => {
    const queue = new PositionQueue();
    for (let round = 0; round < 10_000; round++) {
      pushMany(queue, FIRST);
      shiftMany(queue, FIRST);
    }
    expect(queue.usedBytes).toBe(FIRST * ENTRY_BYTES);
  });

  test('a block that one queue gave back serves another as new', () => {
    const [one, other] = [new PositionQueue(), new PositionQueue()];
    pushMany(one, FIRST + 3 * BLOCK);
    shiftMany(one, FIRST + 3 * BLOCK);
    pushMany(other, FIRST + 2 * BLOCK);
    pushMany(one, FIRST + 2 * BLOCK);
    shiftMany(other, FIRST + 2 * BLOCK - 1);
    expect(other.headSlot).toBe(FIRST + 2 * BLOCK - 1);
    expect(one.size).toBe(FIRST + 2 * BLOCK);
  });
});

/** Runs of pushes (positive) and shifts (negative), most of them around a block's border. */
const runs = fc.array(
  fc
    .tuple(
      fc.oneof(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: BLOCK - 40, max: BLOCK + 40 }),
        fc.constantFrom(FIRST, BLOCK, FIRST + BLOCK),
      ),
      fc.boolean(),
    )
    .map(([count, isPush]) => (isPush ? count : -count)),
  { maxLength: 12, size: 'max' },
);

test('it is an array that is pushed and shifted', () => {
  fc.assert(
    fc.property(runs, (steps) => {
      const queue = new PositionQueue();
      const model: number[] = [];
      let pushed = 0;
      let shifted = 0;
      const wrong = () =>
        queue.size !== model.length - shifted ||
        queue.headSequence !== shifted ||
        (queue.size > 0 &&
          (queue.headSlot !== model[shifted] || queue.headOffset !== model[shifted]! * 3));
      for (const step of steps) {
        for (let i = 0; i < step; i++) {
          model.push(pushed);
          queue.push(pushed, pushed * 3);
          pushed += 1;
          if (wrong()) throw new Error(`after ${pushed} pushed and ${shifted} shifted`);
        }
        for (let i = 0; i > step && queue.size > 0; i--) {
          shifted += 1;
          queue.shift();
          if (wrong()) throw new Error(`after ${pushed} pushed and ${shifted} shifted`);
        }
        // Half empty blocks at both ends, and whole ones between them.
        const room = queue.usedBytes / ENTRY_BYTES;
        expect(room).toBeGreaterThanOrEqual(queue.size);
        expect(room).toBeLessThanOrEqual(queue.size + 2 * BLOCK);
      }
    }),
    { numRuns: 150 },
  );
});

/** Runs of pushes and shifts, and removals at a share of what is there. */
const steps = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: runs.map((counts) => ({ counts })) },
    {
      weight: 3,
      arbitrary: fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        many: fc.integer({ min: 1, max: 6000 }),
      }),
    },
  ),
  { maxLength: 10, size: 'max' },
);

test('entries leave from the middle, by number', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new PositionQueue();
      let model: number[] = [];
      let next = 0;
      for (const step of all) {
        if ('counts' in step) {
          for (const count of step.counts) {
            for (let i = 0; i < count; i++) {
              model.push(next);
              queue.push(next, next * 3);
              next += 1;
            }
            for (let i = 0; i > count && queue.size > 0; i--) queue.shift();
            if (count < 0) model = model.slice(-count);
          }
        } else {
          const from = Math.floor(step.at * model.length);
          const going = model.splice(from, step.many);
          // Backwards, so that the last of them may be the head.
          for (const sequence of going.toReversed()) queue.remove(sequence);
          for (const sequence of going.slice(0, 3)) expect(queue.has(sequence)).toBe(false);
        }
        expect(queue.size).toBe(model.length);
        expect(queue.nextSequence).toBe(next);
        const [first] = model;
        expect(queue.headSequence).toBe(first ?? next);
        if (first !== undefined)
          expect([queue.headSlot, queue.headOffset]).toEqual([first, first * 3]);
        for (const index of [0, model.length >> 1, model.length - 1]) {
          const sequence = model[index];
          if (sequence === undefined) continue;
          expect(queue.has(sequence)).toBe(true);
          expect([queue.slotAt(sequence), queue.offsetAt(sequence)]).toEqual([
            sequence,
            sequence * 3,
          ]);
          expect(queue.firstFrom(sequence)).toBe(sequence);
          expect(queue.firstFrom(sequence + 1)).toBe(model[index + 1] ?? next);
        }
        const index = Math.min(50, model.length);
        expect(queue.sequenceAt(index)).toBe(model[index] ?? next);
      }
      const order: number[] = [];
      for (; queue.size > 0; queue.shift()) order.push(queue.headSequence);
      expect(order).toEqual(model);
      // Nothing is kept but a first block.
      expect(queue.usedBytes).toBeLessThanOrEqual(FIRST * ENTRY_BYTES);
    }),
    { numRuns: 60 },
  );
});

test('blocks whose entries have all left from the middle go when the head gets there', () => {
  const queue = new PositionQueue();
  pushMany(queue, FIRST + 20 * BLOCK);
  for (let sequence = 1; sequence < FIRST + 20 * BLOCK - 1; sequence++) queue.remove(sequence);
  expect(queue.size).toBe(2);
  queue.shift();
  expect([queue.headSequence, queue.headSlot]).toEqual([
    FIRST + 20 * BLOCK - 1,
    FIRST + 20 * BLOCK - 1,
  ]);
  expect(queue.usedBytes).toBe(BLOCK * ENTRY_BYTES);
});
