// Where messages lie: records in large segments outside the JavaScript heap, so that the collector never walks a backlog.
// A record is addressed by its segment's slot and its offset there (two small integers, which cost nothing to pass around).
// It is written once however many queues it reaches: a segment counts the references to all its records, and comes back
// when the last one is released. What a record means is the broker's business.
//
// Messages that must last go to the log; the others stay in memory. Both look the same from here on.
import { ALL_PLACES } from './log/log-records.ts';
import type { MessageLog } from './log/message-log.ts';
import type { LoggedQueue } from './logged-queue.ts';
import type { PositionHolder } from './position-holder.ts';
import { type MovingRecord, relocate } from './relocation.ts';
import type { Segment } from './segment.ts';
import { SEGMENT_BYTES, SegmentTable } from './segment-table.ts';

/** A segment of which less than this is alive is sparse; so many may be, and half of all. */
const SPARSE_BELOW = 1 / 8;
const SPARSE_ALLOWED = 8;

export class MessageStore {
  readonly #table: SegmentTable;
  /** Undefined where nothing is kept on disk. */
  #log: MessageLog | undefined;
  /** Whoever holds positions in here, to be told when records move. */
  readonly holders = new Set<PositionHolder>();
  #active: Segment;
  readonly #sizeOfRecord: (segment: Segment, offset: number) => number;
  /** A segment was filled since sparse ones were looked for. */
  #hasGrown = false;
  #waiting: (() => void)[] = [];

  /** `sizeOfRecord` tells how many bytes the record at an offset has. */
  constructor(
    table = new SegmentTable(),
    sizeOfRecord: (segment: Segment, offset: number) => number = unknownSize,
  ) {
    this.#table = table;
    this.#sizeOfRecord = sizeOfRecord;
    this.#active = table.open(SEGMENT_BYTES, false);
  }

  /** From here on messages can be made to last. */
  attach(log: MessageLog): void {
    this.#log = log;
  }

  /** Bytes of all segments in memory, whether their records are still referenced or not. */
  get usedBytes(): number {
    return this.#table.usedBytes;
  }

  /**
   * Makes room for a record of `sizeBytes` that `references` holders will release one by one. The caller fills in
   * `sizeBytes` bytes at `recordAt` of the segment it is given.
   */
  allocate(sizeBytes: number, references: number): Segment {
    let segment = this.#active;
    if (segment.end + sizeBytes > segment.sizeBytes) segment = this.#roomFor(sizeBytes);
    segment.recordAt = segment.end;
    segment.end += sizeBytes;
    segment.references += references;
    segment.everReferences += references;
    return segment;
  }

  /** Memory that is taken (or, negative, given back) on behalf of messages and is not a segment. */
  account(deltaBytes: number): void {
    this.#table.account(deltaBytes);
  }

  /**
   * Gives back memory that a few old messages hold: what lives in mostly dead segments moves together. To be called when
   * nobody is in the middle of anything.
   */
  endTurn(): void {
    if (!this.#hasGrown) return;
    this.#hasGrown = false;
    const inMemory = [...this.#table.values()].filter(
      ({ isLogged, sealed }) => !isLogged && sealed,
    );
    const sparse = inMemory.filter((segment) => liveShare(segment) < SPARSE_BELOW);
    if (sparse.length < Math.max(SPARSE_ALLOWED, inMemory.length / 2)) return;
    const moved = relocate(
      this.holders,
      this.#table,
      new Set(sparse.map(({ slot }) => slot)),
      (record) => this.#copy(record),
    );
    for (const { segment, references } of moved) {
      for (let i = 0; i < references; i++) this.release(segment.slot);
    }
  }

  #copy(record: MovingRecord): void {
    const { segment, offset, references } = record;
    const sizeBytes = this.#sizeOfRecord(segment, offset);
    const copy = this.allocate(sizeBytes, references);
    copy.bytes.set(segment.bytes.subarray(offset, offset + sizeBytes), copy.recordAt);
    record.newSlot = copy.slot;
    record.newOffset = copy.recordAt;
  }

  /** The same for a message that is to last, in queues of which some have a number in the log. */
  append(sizeBytes: number, queues: readonly LoggedQueue[]): Segment {
    return this.#log!.append(sizeBytes, queues);
  }

  /**
   * What is appended next, up to so many bytes with what the log adds to them, is written as a whole or not at all, unless it is
   * more than a segment.
   */
  keepTogether(sizeBytes: number): void {
    this.#log?.keepTogether(sizeBytes);
  }

  /** Copies bytes of a record, at once even when they have to be read from disk: for the start, when nobody waits. */
  copyNow(slot: number, offset: number, into: Uint8Array): void {
    const segment = this.#table.get(slot);
    if (segment.isResident) into.set(segment.bytes.subarray(offset, offset + into.length));
    // What lies behind the record's segment is read along, and of no concern.
    else segment.file!.file.readNow(segment.fileOffset + offset, into);
  }

  /** What is appended now is on disk when `whenSynced` calls back. */
  get generation(): number {
    return this.#log?.generation ?? 0;
  }

  get syncedGeneration(): number {
    return this.#log?.syncedGeneration ?? 0;
  }

  /** Whether anything waits to be on disk. */
  get isDirty(): boolean {
    const log = this.#log;
    return log !== undefined && (log.isDirty || log.generation > log.syncedGeneration + 1);
  }

  /** Whether so much waits to be on disk that whoever wants more there shall wait. */
  get isBehind(): boolean {
    return this.#log?.isBehind ?? false;
  }

  /** Calls `synced` once, after the next write. */
  whenSynced(synced: () => void): void {
    this.#waiting.push(synced);
  }

  /** Called by the log when a write is done. */
  synced(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const synced of waiting) synced();
  }

  /** Any place below in a durable queue may have been handed to a consumer; `undefined`: any there will ever be. */
  delivered(queue: LoggedQueue, below?: number): void {
    if (queue.logId > 0) this.#log?.delivered(queue.logId, below ?? ALL_PLACES);
  }

  /** So many deliveries of a message in a durable queue have failed. */
  counted(queue: LoggedQueue, sequence: number, count: number, isFailure: boolean): void {
    if (queue.logId > 0) this.#log?.counted(queue.logId, sequence, count, isFailure);
  }

  /** The segment in a slot that still has references. */
  segment(slot: number): Segment {
    return this.#table.get(slot);
  }

  /** Whether a segment's records can be read now. */
  isResident(slot: number): boolean {
    return this.#table.get(slot).isResident;
  }

  /** Brings a segment that is not resident into memory, then calls `done`. */
  load(slot: number, done: () => void): void {
    this.#log!.load(this.#table.get(slot), done);
  }

  /** Adds holders to a record that has at least one. */
  retain(slot: number, references: number): void {
    this.#table.get(slot).references += references;
  }

  /** One holder less. */
  release(slot: number): void {
    const segment = this.#table.get(slot);
    if (segment.isLogged) {
      this.#log!.release(segment);
      return;
    }
    segment.references -= 1;
    if (segment.references > 0) return;
    // Nothing in the segment that is being filled is needed: begin it again, while it is warm in the cache.
    if (!segment.sealed) {
      segment.end = 0;
      segment.everReferences = 0;
    } else this.#table.close(segment);
  }

  /** A holder of a durable queue is done with the message for good: that must last, too. */
  settle(queue: LoggedQueue, sequence: number, slot: number): void {
    if (this.#table.get(slot).isLogged) this.#log!.settle(queue.logId, sequence);
    this.release(slot);
  }

  #roomFor(sizeBytes: number): Segment {
    if (sizeBytes > SEGMENT_BYTES / 4) {
      const own = this.#table.open(sizeBytes, false);
      own.sealed = true;
      return own;
    }
    this.#hasGrown = true;
    const full = this.#active;
    full.sealed = true;
    if (full.references === 0) this.#table.close(full);
    this.#active = this.#table.open(SEGMENT_BYTES, false);
    return this.#active;
  }
}

/** By number of records: how much of a segment somebody still holds. */
function liveShare({ references, everReferences }: Segment): number {
  return references / Math.max(1, everReferences);
}

function unknownSize(): number {
  throw new Error('this store was not told the size of its records');
}
