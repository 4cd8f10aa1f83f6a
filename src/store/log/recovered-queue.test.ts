import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEGMENT_BYTES, SegmentTable } from '../segment-table.ts';
import { RecoveredQueue } from './recovered-queue.ts';

/** A table with one segment per add, as recovery makes them, and how many of them are left. */
function recovered() {
  const table = new SegmentTable();
  const queue = new RecoveredQueue();
  return {
    table,
    queue,
    add(sequence: number, offset: number): void {
      const segment = table.openEvicted(SEGMENT_BYTES);
      segment.references = 1;
      queue.add(sequence, segment.slot, offset);
    },
    get held(): number {
      return [...table.values()].length;
    },
    get messages(): { sequence: number; offset: number }[] {
      return Array.from({ length: queue.size }, (_, i) => ({
        sequence: queue.sequence(i),
        offset: queue.offset(i),
      }));
    },
  };
}

describe('against a plain set', () => {
  type Event =
    | { type: 'add'; sequence: number }
    | { type: 'settled'; first: number; count: number }
    | { type: 'lose'; sequence: number };

  const event: fc.Arbitrary<Event> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ type: fc.constant('add' as const), sequence: fc.nat(150) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('settled' as const),
        first: fc.nat(150),
        count: fc.integer({ min: 1, max: 20 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('lose' as const), sequence: fc.nat(150) }),
    },
  );

  test('any order of adds, copies and settlements', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), fc.boolean(), (events, guessesLoss) => {
        const state = recovered();
        const filled = new Map<number, number>();
        const settled = new Set<number>();
        const lost = new Set<number>();
        events.forEach((event, offset) => {
          if (event.type === 'add') {
            state.add(event.sequence, offset);
            filled.set(event.sequence, offset);
          } else if (event.type === 'lose') {
            state.queue.lose(event.sequence);
            lost.add(event.sequence);
          } else {
            state.queue.settled(event.first, event.count);
            for (let i = 0; i < event.count; i++) settled.add(event.first + i);
          }
        });
        state.queue.finish(state.table, guessesLoss);

        const expected = [...filled]
          .filter(([sequence]) => !settled.has(sequence))
          .sort(([a], [b]) => a - b)
          .map(([sequence, offset]) => ({ sequence, offset }));
        expect(state.messages).toEqual(expected);
        // What is not in the queue any more is not held any more.
        expect(state.held).toBe(expected.length);

        const known = [...filled.keys(), ...settled, ...lost];
        const next = Math.max(-1, ...known) + 1;
        expect(state.queue.nextSequence).toBe(next);

        const missing = (place: number) => !filled.has(place) && !settled.has(place);
        const first = Math.min(next, ...known);
        const places = Array.from({ length: next - first }, (_, i) => first + i);
        const candidates = guessesLoss ? places : [...lost];
        expect(state.queue.lost).toBe(candidates.filter(missing).length);
      }),
      { numRuns: 500 },
    );
  });
});

test('an empty queue', () => {
  const { queue, table } = recovered();
  queue.finish(table, true);
  expect(queue).toMatchObject({ size: 0, nextSequence: 0, lost: 0, deliveredBelow: 0 });
});

test('a long queue that was settled one by one from the front', () => {
  const state = recovered();
  for (let i = 0; i < 5000; i++) state.add(i, i);
  for (let i = 0; i < 4990; i++) state.queue.settled(i, 1);
  state.queue.finish(state.table);
  expect(state.messages.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 10 }, (_, i) => 4990 + i),
  );
  expect(state.held).toBe(10);
});

test('the newest copy of a message that was moved is the one that stays', () => {
  const state = recovered();
  for (const sequence of [0, 1, 2]) state.add(sequence, 100 + sequence);
  for (const sequence of [1, 0]) state.add(sequence, 200 + sequence);
  state.queue.finish(state.table);
  expect(state.messages).toEqual([
    { sequence: 0, offset: 200 },
    { sequence: 1, offset: 201 },
    { sequence: 2, offset: 102 },
  ]);
});

test('a settlement takes away all copies, wherever it stands', () => {
  const state = recovered();
  state.queue.settled(0, 1);
  state.add(0, 1);
  state.add(0, 2);
  state.queue.finish(state.table);
  expect(state.messages).toEqual([]);
  expect(state.held).toBe(0);
});

test('what was said last about deliveries holds', () => {
  const { queue } = recovered();
  queue.delivered(50);
  queue.delivered(20);
  expect(queue.deliveredBelow).toBe(20);
});

test('places beyond 32 bits', () => {
  const state = recovered();
  const far = 0xff_ffff_0000;
  for (const sequence of [far, far + 1, far + 2]) state.add(sequence, 0);
  state.queue.settled(far + 1, 1);
  state.queue.finish(state.table);
  expect(state.messages.map(({ sequence }) => sequence)).toEqual([far, far + 2]);
  expect(state.queue.nextSequence).toBe(far + 3);
});

describe('what was noted of messages', () => {
  const facts = (bodyBytes: number, publishedAtMs?: number, expirationMs?: number) => ({
    bodyBytes,
    publishedAtMs,
    expirationMs,
  });

  test('stays with each, however they are sorted and whichever go', () => {
    const table = new SegmentTable();
    const queue = new RecoveredQueue();
    const expected: unknown[] = [];
    for (let i = 0; i < 300; i++) {
      const sequence = (i * 7) % 300;
      const segment = table.openEvicted(SEGMENT_BYTES);
      segment.references = 1;
      const noted = facts(
        sequence,
        sequence > 250 ? sequence + 0.5 : undefined,
        sequence > 280 ? 9 : undefined,
      );
      queue.add(sequence, segment.slot, i, noted);
      if (sequence % 2 === 1) queue.settled(sequence, 1);
      else expected[sequence / 2] = { sequence, ...noted };
    }
    queue.finish(table);
    const found = Array.from({ length: queue.size }, (_, i) => ({
      sequence: queue.sequence(i),
      bodyBytes: queue.bodyBytes(i),
      publishedAtMs: queue.publishedAtMs(i),
      expirationMs: queue.expirationMs(i),
    }));
    expect(found).toEqual(expected);
  });

  test('counts stay with messages that are there', () => {
    const { table, queue, add } = recovered();
    for (const sequence of [0, 1, 2]) add(sequence, sequence);
    queue.counted(0, 1, true);
    queue.counted(1, 1, true);
    queue.counted(1, 2, true);
    queue.counted(0, 3, false);
    queue.counted(1, 4, false);
    queue.settled(0, 1);
    queue.finish(table);
    expect([...queue.failures]).toEqual([[1, 2]]);
    expect([...queue.returns]).toEqual([[1, 4]]);
  });
});

describe('levels are counted each for itself', () => {
  const high = 3 * 2 ** 40;

  test('places, and what was delivered', () => {
    const { table, queue, add } = recovered();
    add(high + 5, 1);
    add(7, 2);
    queue.settled(high + 6, 2);
    queue.delivered(high + 6);
    queue.delivered(4);
    queue.finish(table);
    expect(queue.levels).toEqual([0, 3]);
    expect([0, 1, 3].map((level) => queue.nextSequenceOf(level))).toEqual([8, 2 ** 40, high + 8]);
    expect([0, 1, 3].map((level) => queue.deliveredBelowOf(level))).toEqual([4, 2 ** 40, high + 6]);
    queue.delivered(2 ** 48 - 1);
    expect(queue.deliveredBelowOf(1)).toBe(2 ** 48 - 1);
    queue.delivered(2);
    expect(queue.deliveredBelowOf(3)).toBe(high);
  });

  test('between two of them nothing is lost', () => {
    const { table, queue, add } = recovered();
    add(1, 1);
    add(3, 1);
    add(high + 1, 1);
    add(high + 4, 1);
    queue.finish(table, true);
    expect(queue.lost).toBe(1 + 2);
  });
});
