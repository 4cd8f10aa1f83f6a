import { describe, expect, test } from 'vitest';
import type { LoggedQueue } from './logged-queue.ts';
import type { PositionHolder } from './position-holder.ts';
import { PositionQueue } from './position-queue.ts';
import { relocate } from './relocation.ts';
import { ReturnedPositions } from './returned-positions.ts';
import { SEGMENT_BYTES, SegmentTable } from './segment-table.ts';

/** A holder with the positions that it is given. */
function holder(
  logId: number,
  positions: readonly (readonly [slot: number, offset: number])[],
  first = 0,
) {
  const queue: LoggedQueue = { logId, nextSequence: first + positions.length };
  const fresh = new PositionQueue();
  fresh.startAt(first);
  for (const [slot, offset] of positions) fresh.push(slot, offset);
  const made: PositionHolder & { all(): [number, number][] } = {
    visitPositions: (visitor) => fresh.visit(queue, visitor),
    all: () => positions.map((_, i) => [fresh.slotAt(first + i), fresh.offsetAt(first + i)]),
  };
  return made;
}

function tableOf(count: number) {
  const table = new SegmentTable();
  const slots = Array.from({ length: count }, () => table.open(SEGMENT_BYTES, true).slot);
  return { table, slots: slots as [number, number, number] };
}

describe('records that move', () => {
  test('are copied once, whoever holds them, and all are told where', () => {
    const { table, slots } = tableOf(3);
    const [from, stays, to] = slots;
    const one = holder(7, [
      [from, 10],
      [stays, 10],
      [from, 50],
    ]);
    const two = holder(8, [[from, 50]], 4);
    const transient = holder(0, [[from, 50]]);
    const copied: unknown[] = [];
    let next = 100;
    const moved = relocate([one, two, transient], table, new Set([from]), (record) => {
      const { offset, references, queues, segment } = record;
      copied.push({ slot: segment.slot, offset, references, queues });
      record.newSlot = to;
      record.newOffset = next++;
    });
    expect(copied).toEqual([
      { slot: from, offset: 10, references: 1, queues: [{ logId: 7, nextSequence: 0 }] },
      {
        slot: from,
        offset: 50,
        references: 3,
        queues: [
          { logId: 7, nextSequence: 2 },
          { logId: 8, nextSequence: 4 },
        ],
      },
    ]);
    expect(moved).toHaveLength(2);
    expect(one.all()).toEqual([
      [to, 100],
      [stays, 10],
      [to, 101],
    ]);
    expect(two.all()).toEqual([[to, 101]]);
    expect(transient.all()).toEqual([[to, 101]]);
  });

  test('that were given back keep their order, and whether they had been delivered', () => {
    const { table, slots } = tableOf(3);
    const [from, , to] = slots;
    const returned = new ReturnedPositions();
    returned.push(5, from, 1);
    returned.push(3, from, 2, false);
    const queue = { logId: 1, nextSequence: 6 };
    const places: number[] = [];
    relocate(
      [{ visitPositions: (visitor) => returned.visit(queue, visitor) }],
      table,
      new Set([from]),
      (record) => {
        places.push(...record.queues.map(({ nextSequence }) => nextSequence));
        record.newSlot = to;
        record.newOffset = record.offset + 100;
      },
    );
    expect(places.sort()).toEqual([3, 5]);
    const found: unknown[] = [];
    while (returned.size > 0) {
      const { headSequence, headSlot, headOffset, headWasDelivered } = returned;
      found.push([headSequence, headSlot, headOffset, headWasDelivered]);
      returned.shift();
    }
    expect(found).toEqual([
      [3, to, 102, false],
      [5, to, 101, true],
    ]);
  });

  test('nothing is copied where nobody holds anything', () => {
    const { table, slots } = tableOf(3);
    const never = () => {
      throw new Error('nothing to copy');
    };
    expect(relocate([holder(1, [[slots[1], 0]])], table, new Set([slots[0]]), never)).toEqual([]);
    expect(relocate([], table, new Set(slots), never)).toEqual([]);
  });

  test('a place that is empty stays so', () => {
    const { table, slots } = tableOf(3);
    const [from, , to] = slots;
    const fresh = new PositionQueue();
    for (const offset of [1, 2, 3]) fresh.push(from, offset);
    fresh.remove(1);
    const holders = [
      {
        visitPositions: (visitor: Parameters<PositionHolder['visitPositions']>[0]) =>
          fresh.visit({ logId: 1, nextSequence: 3 }, visitor),
      },
    ];
    const offsets: number[] = [];
    relocate(holders, table, new Set([from]), (record) => {
      offsets.push(record.offset);
      record.newSlot = to;
      record.newOffset = record.offset;
    });
    expect(offsets).toEqual([1, 3]);
    expect(fresh.has(1)).toBe(false);
    expect([fresh.slotAt(0), fresh.slotAt(2)]).toEqual([to, to]);
  });
});
