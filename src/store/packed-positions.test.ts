import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedPositions } from './packed-positions.ts';
import { PositionQueue } from './position-queue.ts';

const entriesOf = (positions: readonly (readonly [number, number])[]) =>
  Int32Array.from(positions.flat());

function unpacked(packed: PackedPositions, count: number): number[] {
  const entries = new Int32Array(count * 2).fill(-7);
  packed.unpackInto(entries);
  return [...entries];
}

/** Records one behind the other: how far each is from the last, and whether it begins another segment. */
const records = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 99 })),
  { minLength: 8, maxLength: 300 },
);

describe('packed', () => {
  test('positions come back as they were', () => {
    fc.assert(
      fc.property(records, (gaps) => {
        let [slot, offset] = [3, 40];
        const entries = entriesOf(
          gaps.map(([gap, chance]) => {
            if (chance === 0) [slot, offset] = [(slot * 7) % 1000, 40];
            else offset += gap;
            return [slot, offset] as const;
          }),
        );
        const packed = PackedPositions.of(entries);
        if (packed) expect(unpacked(packed, gaps.length)).toEqual([...entries]);
        // What is not packed has too many runs: far gaps and other segments.
        else
          expect(gaps.filter(([gap, chance]) => gap > 0xffff || chance === 0).length).not.toBe(0);
      }),
    );
  });

  test('records of 180 bytes take a little more than 2 bytes each', () => {
    const count = 4096;
    const entries = entriesOf(Array.from({ length: count }, (_, i) => [9, 40 + i * 180] as const));
    expect(PackedPositions.of(entries)!.sizeBytes).toBe(count * 2 + 12);
  });

  test('what lies all over the place is not packed', () => {
    const entries = entriesOf(Array.from({ length: 4096 }, (_, i) => [i, 40] as const));
    expect(PackedPositions.of(entries)).toBeUndefined();
  });

  test('an offset that goes back begins anew', () => {
    const positions = Array.from({ length: 32 }, (_, i) => [5, i < 16 ? 1000 + i : i] as const);
    const entries = entriesOf(positions);
    expect(unpacked(PackedPositions.of(entries)!, 32)).toEqual([...entries]);
  });
});

describe('a long queue, packed between its ends', () => {
  const COUNT = 60_000;
  const slotOf = (i: number) => Math.floor(i / 5000);
  const offsetOf = (i: number) => 40 + (i % 5000) * 180 + (i % 7);

  function longQueue(account?: (deltaBytes: number) => void): PositionQueue {
    const queue = new PositionQueue(account);
    for (let i = 0; i < COUNT; i++) queue.push(slotOf(i), offsetOf(i));
    return queue;
  }

  test('takes less than 4 bytes each, and tells of all it takes and gives back', () => {
    let accounted = 0;
    const queue = longQueue((deltaBytes) => {
      accounted += deltaBytes;
    });
    expect(queue.usedBytes).toBeLessThan(COUNT * 4);
    for (let i = 0; i < COUNT; i++) queue.shift();
    expect([queue.usedBytes, accounted]).toEqual([0, 0]);
  });

  test('comes out as it went in', () => {
    const queue = longQueue();
    for (let i = 0; i < COUNT; i++) {
      if (queue.headSlot !== slotOf(i) || queue.headOffset !== offsetOf(i)) {
        expect([i, queue.headSlot, queue.headOffset]).toEqual([i, slotOf(i), offsetOf(i)]);
      }
      queue.shift();
    }
    expect(queue.size).toBe(0);
  });

  test('is looked into anywhere, and loses entries anywhere, like a plain list', () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom('look', 'remove', 'shift'), fc.nat(COUNT - 1)),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (wanted) => {
        const queue = longQueue();
        const gone = new Set<number>();
        let head = 0;
        for (const [step, place] of wanted) {
          const isThere = place >= head && !gone.has(place);
          expect(queue.has(place)).toBe(isThere);
          if (step === 'shift') {
            gone.add(head);
            queue.shift();
          } else if (isThere) {
            expect([queue.slotAt(place), queue.offsetAt(place)]).toEqual([
              slotOf(place),
              offsetOf(place),
            ]);
            if (step === 'remove') {
              gone.add(place);
              queue.remove(place);
            }
          }
          while (gone.has(head)) head += 1;
          expect([queue.headSequence, queue.size]).toEqual([head, COUNT - gone.size]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('records that move are found, wherever they are, and it stays packed', () => {
    const queue = longQueue();
    const before = queue.usedBytes;
    const seen: number[] = [];
    const visitor = {
      moving: new Set([4]),
      slot: 0,
      offset: 0,
      visit(_queue: unknown, sequence: number, slot: number, offset: number) {
        expect([slot, offset]).toEqual([slotOf(sequence), offsetOf(sequence)]);
        seen.push(sequence);
        visitor.slot = 77;
        visitor.offset = offset + 8;
        return true;
      },
    };
    queue.visit(undefined, visitor as never);
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, i) => 20_000 + i));
    for (let i = 0; i < COUNT; i += 997) {
      const isMoved = slotOf(i) === 4;
      expect([queue.slotAt(i), queue.offsetAt(i)]).toEqual(
        isMoved ? [77, offsetOf(i) + 8] : [slotOf(i), offsetOf(i)],
      );
    }
    expect(queue.usedBytes).toBeLessThan(before * 1.1);
  });
});
