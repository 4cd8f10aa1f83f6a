import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReturnedPositions } from './returned-positions.ts';

const headOf = (returned: ReturnedPositions) => [
  returned.headSequence,
  returned.headSlot,
  returned.headOffset,
];

test('the lowest sequence number comes first, whatever came back first', () => {
  const returned = new ReturnedPositions();
  returned.push(7, 70, 700);
  returned.push(3, 30, 300);
  returned.push(5, 50, 500);
  const order: number[][] = [];
  while (returned.size > 0) {
    order.push(headOf(returned));
    returned.shift();
  }
  expect(order).toEqual([
    [3, 30, 300],
    [5, 50, 500],
    [7, 70, 700],
  ]);
});

test('a sequence number may be as large as a queue ever counts', () => {
  const returned = new ReturnedPositions();
  returned.push(Number.MAX_SAFE_INTEGER, 1, 1);
  returned.push(Number.MAX_SAFE_INTEGER - 1, 2 ** 31 - 1, 2 ** 31 - 1);
  expect(headOf(returned)).toEqual([Number.MAX_SAFE_INTEGER - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
});

test('it can be emptied and filled again', () => {
  const returned = new ReturnedPositions();
  for (let round = 0; round < 3; round++) {
    for (let i = 100; i > 0; i--) returned.push(i, i, i);
    for (let i = 1; i <= 100; i++) {
      expect(headOf(returned)).toEqual([i, i, i]);
      returned.shift();
    }
    expect(returned.size).toBe(0);
  }
});

test('an empty one gives its memory back', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usedBytes = () => {
    // Twice: what the first finds is swept in the background, and done by the second.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const many = Array.from({ length: 20 }, () => new ReturnedPositions());
  const before = usedBytes();
  for (const returned of many) for (let i = 0; i < 20_000; i++) returned.push(i, i, i);
  expect(usedBytes() - before).toBeGreaterThan(5_000_000);
  for (const returned of many) while (returned.size > 0) returned.shift();
  expect(usedBytes() - before).toBeLessThan(1_000_000);
  expect(many.map(({ size }) => size)).toEqual(many.map(() => 0));
});

/** A number is a push; undefined takes the head away. */
const steps = fc
  .tuple(
    fc.uniqueArray(fc.nat({ max: 1_000 }), { maxLength: 150, size: 'max' }),
    fc.array(fc.boolean(), { maxLength: 250, size: 'max' }),
  )
  .map(([sequences, kinds]) =>
    kinds.map((isPush) => (isPush ? sequences.pop() : undefined)).concat(sequences),
  );

test('it is a sorted array', () => {
  fc.assert(
    fc.property(steps, (sequences) => {
      const returned = new ReturnedPositions();
      let model: number[] = [];
      for (const sequence of sequences) {
        if (sequence !== undefined) {
          model = [...model, sequence].toSorted((a, b) => a - b);
          returned.push(sequence, sequence + 1, sequence + 2);
        } else if (model.length > 0) {
          model = model.slice(1);
          returned.shift();
        }
        expect(returned.size).toBe(model.length);
        const [head] = model;
        if (head !== undefined) expect(headOf(returned)).toEqual([head, head + 1, head + 2]);
      }
    }),
  );
});

test('any of them can be found and removed by number', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 300 }), { maxLength: 100, size: 'max' });
  fc.assert(
    fc.property(numbers, numbers, (pushed, going) => {
      const returned = new ReturnedPositions();
      for (const sequence of pushed) {
        returned.push(sequence, sequence + 1, sequence + 2, sequence % 2 === 0);
      }
      const wanted = new Set(going);
      const expected = pushed.filter((sequence) => wanted.has(sequence)).toSorted((a, b) => a - b);
      const found: unknown[][] = [];
      returned.find(wanted, (...all) => void found.push(all));
      const row = (sequence: number) => [sequence, sequence + 1, sequence + 2, sequence % 2 === 0];
      const byNumber = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0]);
      expect(found.toSorted(byNumber)).toEqual(expected.map(row));
      const removed: number[][] = [];
      returned.remove(wanted, (...all) => void removed.push(all));
      expect(removed.toSorted(byNumber)).toEqual(expected.map((at) => row(at).slice(0, 3)));
      const left = pushed.filter((sequence) => !wanted.has(sequence)).toSorted((a, b) => a - b);
      expect([...returned.inOrder()]).toEqual(left);
      for (const sequence of going) expect(returned.has(sequence)).toBe(false);
      for (const sequence of left) expect(returned.has(sequence)).toBe(true);
      const order: unknown[][] = [];
      for (; returned.size > 0; returned.shift()) {
        order.push([...headOf(returned), returned.headWasDelivered]);
      }
      expect(order).toEqual(left.map(row));
    }),
  );
});
