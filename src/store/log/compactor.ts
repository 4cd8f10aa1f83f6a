// Gives space back that a few old messages hold. Files go only from the oldest on, so one message that nobody takes would keep
// everything behind it; when much more than half of the log is dead, what still lives in the oldest file is appended again
// and the file goes.
//
// A moved message has the queues and places it had, so it does not matter to recovery which copy it finds; the old file stays
// until the new copies are on disk.
import type { PositionHolder, PositionVisitor } from '../position-holder.ts';
import type { Segment } from '../segment.ts';
import type { SegmentTable } from '../segment-table.ts';
import { FILE_BYTES, type LogFile } from './log-file.ts';
import type { LoggedQueue, MessageLog } from './message-log.ts';

/** The log may be this many times what lives in it, and this much larger besides. */
const DEAD_FACTOR = 2;
const DEAD_ALLOWANCE_BYTES = 4 * FILE_BYTES;

/** A record that moves, and the durable queues it is in. */
interface Moving {
  readonly segment: Segment;
  readonly offset: number;
  readonly holders: { logId: number; nextSequence: number }[];
  references: number;
  newSlot: number;
  newOffset: number;
}

export class Compactor {
  readonly #log: MessageLog;
  readonly #table: SegmentTable;
  readonly #holders: Iterable<PositionHolder>;
  #isBusy = false;

  constructor(log: MessageLog, table: SegmentTable, holders: Iterable<PositionHolder>) {
    this.#log = log;
    this.#table = table;
    this.#holders = holders;
  }

  /** Moves what lives in the oldest file if that is worth it. */
  run(): void {
    const [oldest] = this.#log.files;
    if (this.#isBusy || !oldest?.isFull || !this.#isWorthIt()) return;
    this.#isBusy = true;
    const segments = [...this.#table.values()].filter(({ file }) => file === oldest);
    // Held, so that neither memory nor file goes while their records are on the way.
    for (const segment of segments) segment.references += 1;
    this.#load(segments, () => this.#move(oldest, segments));
  }

  #isWorthIt(): boolean {
    let live = 0;
    for (const { isLogged, references, everReferences, sizeBytes } of this.#table.values()) {
      if (isLogged) live += sizeBytes * Math.min(1, references / Math.max(1, everReferences));
    }
    return this.#log.files.length * FILE_BYTES > DEAD_FACTOR * live + DEAD_ALLOWANCE_BYTES;
  }

  #load(segments: readonly Segment[], done: () => void): void {
    const missing = segments.find(({ isResident }) => !isResident);
    if (missing) this.#log.load(missing, () => this.#load(segments, done));
    else done();
  }

  #move(file: LogFile, segments: readonly Segment[]): void {
    // What was loaded first may have been evicted again for what was loaded last; then it is moved the next time.
    const resident = segments.filter(({ isResident }) => isResident);
    const collector = new Collector(this.#table, new Set(resident.map(({ slot }) => slot)));
    for (const holder of this.#holders) holder.visitPositions(collector);
    for (const moving of collector.all()) this.#append(moving);
    const relocator = new Relocator(collector);
    for (const holder of this.#holders) holder.visitPositions(relocator);
    this.#log.whenSynced(() => {
      for (const moving of collector.all()) {
        for (let i = 0; i < moving.references; i++) this.#log.release(moving.segment);
      }
      for (const segment of segments) this.#log.release(segment);
      this.#isBusy = false;
      if (file === this.#log.files[0]) this.run();
    });
  }

  #append(moving: Moving): void {
    const { segment, offset } = moving;
    const sizeBytes = segment.view.getUint32(offset - 4);
    const copy = this.#log.append(sizeBytes, moving.holders);
    copy.bytes.set(segment.bytes.subarray(offset, offset + sizeBytes), copy.recordAt);
    // Besides those of durable queues there may be holders that the log does not know.
    const others = moving.references - moving.holders.length;
    copy.references += others;
    copy.everReferences += others;
    moving.newSlot = copy.slot;
    moving.newOffset = copy.recordAt;
  }
}

/** Finds out which records live, and for whom. */
class Collector implements PositionVisitor {
  readonly slot = 0;
  readonly offset = 0;
  readonly moving: ReadonlySet<number>;
  readonly #table: SegmentTable;
  readonly #found = new Map<number, Map<number, Moving>>();

  constructor(table: SegmentTable, moving: ReadonlySet<number>) {
    this.#table = table;
    this.moving = moving;
  }

  visit(queue: LoggedQueue | undefined, sequence: number, slot: number, offset: number): boolean {
    let inSegment = this.#found.get(slot);
    if (!inSegment) {
      inSegment = new Map();
      this.#found.set(slot, inSegment);
    }
    let moving = inSegment.get(offset);
    if (!moving) {
      const segment = this.#table.get(slot);
      moving = { segment, offset, holders: [], references: 0, newSlot: 0, newOffset: 0 };
      inSegment.set(offset, moving);
    }
    moving.references += 1;
    if (queue && queue.logId > 0) {
      moving.holders.push({ logId: queue.logId, nextSequence: sequence });
    }
    return false;
  }

  find(slot: number, offset: number): Moving | undefined {
    return this.#found.get(slot)?.get(offset);
  }

  *all(): Iterable<Moving> {
    for (const inSegment of this.#found.values()) yield* inSegment.values();
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
    const moving = this.#collector.find(slot, offset);
    if (!moving) return false;
    this.slot = moving.newSlot;
    this.offset = moving.newOffset;
    return true;
  }
}
