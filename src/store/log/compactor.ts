// Gives space back that a few old messages hold. Files go only from the oldest on, so one message that nobody takes would keep
// everything behind it; when much more than half of the log is dead, what still lives in the oldest file is appended again
// and the file goes.
//
// A moved message has the queues and places it had, so it does not matter to recovery which copy it finds; the old file stays
// until the new copies are on disk.
import type { PositionHolder } from '../position-holder.ts';
import { type MovingRecord, relocate } from '../relocation.ts';
import type { Segment } from '../segment.ts';
import type { SegmentTable } from '../segment-table.ts';
import { FILE_BYTES, type LogFile } from './log-file.ts';
import type { MessageLog } from './message-log.ts';

/** The log may be this many times what lives in it, and this much larger besides. */
const DEAD_FACTOR = 2;
const DEAD_ALLOWANCE_BYTES = 4 * FILE_BYTES;

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
    this.#load(segments, 0, () => this.#move(oldest, segments));
  }

  #isWorthIt(): boolean {
    let live = 0;
    for (const { isLogged, references, everReferences, sizeBytes } of this.#table.values()) {
      if (isLogged) live += sizeBytes * Math.min(1, references / Math.max(1, everReferences));
    }
    let used = 0;
    for (const { end } of this.#log.files) used += Math.max(FILE_BYTES, end);
    return used > DEAD_FACTOR * live + DEAD_ALLOWANCE_BYTES;
  }

  /** Loads each segment from `index` on once: with little room for them, one may go again for the next. */
  #load(segments: readonly Segment[], index: number, done: () => void): void {
    const missing = segments.findIndex(({ isResident }, at) => at >= index && !isResident);
    if (missing < 0) done();
    else this.#log.load(segments[missing]!, () => this.#load(segments, missing + 1, done));
  }

  #move(file: LogFile, segments: readonly Segment[]): void {
    // What was loaded first may have been evicted again for what was loaded last; then it is moved the next time.
    const resident = segments.filter(({ isResident }) => isResident);
    const slots = new Set(resident.map(({ slot }) => slot));
    const moved = relocate(this.#holders, this.#table, slots, (record) => this.#append(record));
    this.#log.whenSynced(() => {
      for (const { segment, references } of moved) {
        for (let i = 0; i < references; i++) this.#log.release(segment);
      }
      for (const segment of segments) this.#log.release(segment);
      this.#isBusy = false;
      // Where nothing moved, nothing will before somebody else lets go: asking again at once would never end.
      if (moved.length > 0 && file === this.#log.files[0]) this.run();
    });
  }

  #append(record: MovingRecord): void {
    const { segment, offset, queues, references } = record;
    const sizeBytes = segment.view.getUint32(offset - 4);
    const copy = this.#log.append(sizeBytes, queues);
    copy.bytes.set(segment.bytes.subarray(offset, offset + sizeBytes), copy.recordAt);
    // Besides durable queues there may be holders that the log does not know.
    copy.references += references - queues.length;
    copy.everReferences += references - queues.length;
    record.newSlot = copy.slot;
    record.newOffset = copy.recordAt;
  }
}
