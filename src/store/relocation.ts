// Moves records out of segments that are mostly dead, and tells everybody who holds a position where it has gone. All in one
// go, so nobody ever sees half of it.
import type { LoggedQueue } from './logged-queue.ts';
import type { PositionHolder, PositionVisitor } from './position-holder.ts';
import type { Segment } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

/** A record that moves, and for whom. */
export interface MovingRecord {
  readonly segment: Segment;
  readonly offset: number;
  /** The durable queues it is in, with its place in each. */
  readonly queues: LoggedQueue[];
  /** All positions that there are of it, those included. */
  references: number;
  newSlot: number;
  newOffset: number;
}

/**
 * Moves every record that somebody holds out of the segments in `slots`. `copy` writes a record elsewhere, says where in
 * `newSlot` and `newOffset`, and takes the references along. The old references are the caller's to release.
 */
export function relocate(
  holders: Iterable<PositionHolder>,
  table: SegmentTable,
  slots: ReadonlySet<number>,
  copy: (record: MovingRecord) => void,
): MovingRecord[] {
  const collector = new Collector(table, slots);
  for (const holder of holders) holder.visitPositions(collector);
  const records = collector.records();
  for (const record of records) copy(record);
  const relocator = new Relocator(collector);
  for (const holder of holders) holder.visitPositions(relocator);
  return records;
}

/** Finds out which records live, and for whom. */
class Collector implements PositionVisitor {
  readonly slot = 0;
  readonly offset = 0;
  readonly moving: ReadonlySet<number>;
  readonly #table: SegmentTable;
  readonly #found = new Map<number, Map<number, MovingRecord>>();

  constructor(table: SegmentTable, moving: ReadonlySet<number>) {
    this.#table = table;
    this.moving = moving;
  }

  visit(queue: LoggedQueue | undefined, sequence: number, slot: number, offset: number): boolean {
    const record = this.find(slot, offset) ?? this.#add(slot, offset);
    record.references += 1;
    if (queue && queue.logId > 0) {
      record.queues.push({ logId: queue.logId, nextSequence: sequence });
    }
    return false;
  }

  #add(slot: number, offset: number): MovingRecord {
    const segment = this.#table.get(slot);
    const record = { segment, offset, queues: [], references: 0, newSlot: 0, newOffset: 0 };
    const inSegment = this.#found.get(slot);
    if (inSegment) inSegment.set(offset, record);
    else this.#found.set(slot, new Map([[offset, record]]));
    return record;
  }

  find(slot: number, offset: number): MovingRecord | undefined {
    return this.#found.get(slot)?.get(offset);
  }

  records(): MovingRecord[] {
    return [...this.#found.values()].flatMap((inSegment) => [...inSegment.values()]);
  }
}

/** Tells every holder where its records have gone. */
class Relocator implements PositionVisitor {
  readonly moving: ReadonlySet<number>;
  readonly #collector: Collector;
  slot = 0;
  offset = 0;

  constructor(collector: Collector) {
    this.#collector = collector;
    this.moving = collector.moving;
  }

  visit(_queue: LoggedQueue | undefined, _sequence: number, slot: number, offset: number): boolean {
    const record = this.#collector.find(slot, offset);
    if (!record) return false;
    this.slot = record.newSlot;
    this.offset = record.newOffset;
    return true;
  }
}
