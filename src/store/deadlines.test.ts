import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DeadlineOwner, Deadlines } from './deadlines.ts';

/** Things that are there until they are taken, as plain as can be. */
class Things implements DeadlineOwner {
  readonly there = new Set<number>();
  get size(): number {
    return this.there.size;
  }
  mayHold(sequence: number): boolean {
    return this.there.has(sequence);
  }
  held(): (sequence: number) => boolean {
    return (sequence) => this.there.has(sequence);
  }
}

function dueBy(deadlines: Deadlines, nowMs: number): number[] {
  const due: number[] = [];
  while (deadlines.nextAtMs <= nowMs) {
    due.push(deadlines.nextSequence);
    deadlines.shift();
  }
  return due;
}

test('without entries nothing is ever due, and nothing is used', () => {
  const deadlines = new Deadlines(new Things());
  expect(deadlines.nextAtMs).toBe(Number.POSITIVE_INFINITY);
  expect(deadlines.usedBytes).toBe(0);
});

test('things are due in the order of their times', () => {
  const things = new Things();
  const deadlines = new Deadlines(things);
  for (const [sequence, atMs] of [
    [1, 10],
    [2, 30],
    [3, 20],
    [4, 30],
    [5, 5],
  ] as const) {
    things.there.add(sequence);
    deadlines.add(sequence, atMs);
  }
  expect(dueBy(deadlines, 4)).toEqual([]);
  expect(dueBy(deadlines, 20)).toEqual([5, 1, 3]);
  expect(dueBy(deadlines, 30).toSorted()).toEqual([2, 4]);
});

describe('against a naive clock', () => {
  /** A thing comes with so much time left, some leave, or time passes. */
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ lifeMs: fc.constantFrom(0, 5, 50, 50, 50, 400) }) },
    { weight: 2, arbitrary: fc.record({ leaves: fc.nat(1000), many: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.record({ passesMs: fc.nat(60) }) },
    // A thing that comes back has the time it had.
    { weight: 2, arbitrary: fc.record({ again: fc.nat(1000) }) },
  );

  test('what is due and still there comes out, exactly in its time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const things = new Things();
        const deadlines = new Deadlines(things);
        const times = new Map<number, number>();
        let nowMs = 0;
        let next = 0;
        for (const given of steps) {
          if ('lifeMs' in given) {
            times.set(next, nowMs + given.lifeMs);
            things.there.add(next);
            deadlines.add(next, nowMs + given.lifeMs);
            next += 1;
          } else if ('again' in given) {
            const all = [...things.there];
            const sequence = all[given.again % Math.max(1, all.length)];
            if (sequence !== undefined) deadlines.add(sequence, times.get(sequence)!);
          } else if ('leaves' in given) {
            const all = [...things.there];
            for (const sequence of all
              .slice(given.leaves % (all.length + 1))
              .slice(0, given.many)) {
              things.there.delete(sequence);
            }
          } else {
            nowMs += given.passesMs;
          }
          const expected = [...things.there].filter((sequence) => times.get(sequence)! <= nowMs);
          const due = dueBy(deadlines, nowMs).filter((sequence) => things.there.delete(sequence));
          const timesOf = (all: number[]) => all.map((sequence) => times.get(sequence)!);
          expect(due.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
          expect(timesOf(due)).toEqual(timesOf(due).toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is gone is forgotten', () => {
  test('a fast queue with a long time to live does not grow', () => {
    const things = new Things();
    const deadlines = new Deadlines(things);
    for (let sequence = 0; sequence < 200_000; sequence++) {
      things.there.add(sequence);
      deadlines.add(sequence, sequence + 1_800_000);
      things.there.delete(sequence - 10);
    }
    expect(deadlines.size).toBeLessThan(100);
    expect(deadlines.usedBytes).toBeLessThan(2 * 4096 * 16 + 1024);
  });

  test('nor one with times of all kinds', () => {
    const things = new Things();
    const deadlines = new Deadlines(things);
    for (let sequence = 0; sequence < 200_000; sequence++) {
      things.there.add(sequence);
      deadlines.add(sequence, sequence + ((sequence * 7919) % 1_000_000));
      things.there.delete(sequence - 10);
    }
    expect(deadlines.size).toBeLessThan(4096);
  });

  test('nor one whose things come back again and again', () => {
    const things = new Things();
    const deadlines = new Deadlines(things);
    things.there.add(1);
    for (let i = 0; i < 50_000; i++) deadlines.add(1, 1_000_000);
    expect(deadlines.size).toBeLessThan(4096);
    expect(new Set(dueBy(deadlines, 1_000_000))).toEqual(new Set([1]));
  });
});

test('a million entries cost 16 bytes each, all of it accounted, and all of it given back', () => {
  let accounted = 0;
  const things = new Things();
  const everything = { size: 1_000_000, mayHold: () => true, held: () => () => true };
  const deadlines = new Deadlines(everything, (delta) => {
    accounted += delta;
  });
  for (let sequence = 0; sequence < 1_000_000; sequence++) deadlines.add(sequence, sequence);
  expect(accounted).toBe(deadlines.usedBytes);
  expect(accounted / 1_000_000).toBeLessThan(16.2);
  expect(dueBy(deadlines, 999_999)).toHaveLength(1_000_000);
  expect(accounted).toBeLessThan(1024);
  deadlines.add(1, 1);
  deadlines.add(2, 0);
  deadlines.clear();
  expect([deadlines.size, accounted, things.size]).toEqual([0, 0, 0]);
});
