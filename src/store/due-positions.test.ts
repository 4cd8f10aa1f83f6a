import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DuePositions } from './due-positions.ts';

/** Everything that is in there, taken out in order. */
function drained(positions: DuePositions): number[][] {
  const all: number[][] = [];
  while (positions.size > 0) {
    const { nextAtMs, nextSequence, nextSlot, nextOffset } = positions;
    all.push([nextAtMs, nextSequence, nextSlot, nextOffset]);
    positions.shift();
  }
  return all;
}

test('the earliest comes first, and of equals the one that came first', () => {
  const positions = new DuePositions();
  expect(positions.nextAtMs).toBe(Number.POSITIVE_INFINITY);
  positions.add(30, 0, 1, 10);
  positions.add(10, 1, 2, 20);
  positions.add(30, 2, 3, 30);
  positions.add(20, 3, 4, 40);
  expect(positions.nextAtMs).toBe(10);
  expect(drained(positions)).toEqual([
    [10, 1, 2, 20],
    [20, 3, 4, 40],
    [30, 0, 1, 10],
    [30, 2, 3, 30],
  ]);
});

test('memory is accounted, and comes back', () => {
  let used = 0;
  const positions = new DuePositions((delta) => (used += delta));
  for (let n = 0; n < 10_000; n++) positions.add(n % 77, n, 0, n);
  expect(used).toBe(positions.usedBytes);
  expect(used / 10_000).toBeLessThanOrEqual(48);
  while (positions.size > 100) positions.shift();
  expect(used).toBeLessThan(100 * 24 * 8);
  positions.clear();
  expect([used, positions.size, positions.usedBytes]).toEqual([0, 0, 0]);
});

test('positions in moving segments are replaced, and no others', () => {
  const positions = new DuePositions();
  for (let n = 0; n < 10; n++) positions.add(n, n, n % 2, n);
  const seen: number[] = [];
  positions.visit(
    { logId: 1, nextSequence: 10 },
    {
      moving: new Set([1]),
      slot: 7,
      offset: 70,
      visit: (_queue, sequence, slot, offset) => {
        expect([slot, offset]).toEqual([1, sequence]);
        seen.push(sequence);
        return sequence !== 3;
      },
    },
  );
  expect(seen.sort()).toEqual([1, 3, 5, 7, 9]);
  expect(drained(positions).map(([, sequence, slot]) => [sequence, slot])).toEqual([
    ...[
      [0, 0],
      [1, 7],
      [2, 0],
      [3, 1],
      [4, 0],
    ],
    ...[
      [5, 7],
      [6, 0],
      [7, 7],
      [8, 0],
      [9, 7],
    ],
  ]);
});

test('it is a list sorted by time and number, whatever is done to it', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), dueAtMs: fc.nat(20) }),
    fc.record({ kind: fc.constant('shift' as const) }),
    fc.record({ kind: fc.constant('remove' as const), index: fc.nat(30) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.nat(20),
      fc.nat(20),
      (steps, offset, limit) => {
        const positions = new DuePositions();
        let model: number[][] = [];
        let sequence = 0;
        for (const one of steps) {
          if (one.kind === 'add') {
            positions.add(one.dueAtMs, sequence, sequence + 1, sequence + 2);
            model.push([one.dueAtMs, sequence, sequence + 1, sequence + 2]);
            model.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
            sequence += 1;
          } else if (one.kind === 'shift' && model.length > 0) {
            positions.shift();
            model.shift();
          } else if (one.kind === 'remove' && model[one.index]) {
            const [dueAtMs, number] = model[one.index]!;
            expect(positions.find(number!)?.dueAtMs).toBe(dueAtMs);
            positions.remove(number!);
            model = model.filter((_, index) => index !== one.index);
          }
          expect(positions.size).toBe(model.length);
          expect(positions.nextAtMs).toBe(model[0]?.[0] ?? Number.POSITIVE_INFINITY);
        }
        expect(positions.find(sequence)).toBeUndefined();
        const asked = new Set([0, 3, 4, sequence]);
        expect([...positions.locate(asked).keys()].sort()).toEqual(
          model
            .map(([, number]) => number!)
            .filter((number) => asked.has(number))
            .sort(),
        );
        expect(positions.list(offset, limit).map(({ sequence: number }) => number)).toEqual(
          model.slice(offset, offset + limit).map(([, number]) => number),
        );
        expect(drained(positions)).toEqual(model);
      },
    ),
  );
});
