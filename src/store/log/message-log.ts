// The log that makes messages last. Records gather in a segment's memory; a chunk of them is written and synced at once, one
// write in flight, and whatever arrives meanwhile forms the next: so batching needs no timer, and an idle log no work.
//
// Every append belongs to a generation. When `syncedGeneration` has reached it, the append is on disk.
import type { Files } from '../../platform/files.ts';
import type { Journal } from '../journal.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES, type SegmentTable } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES, sealChunk } from './chunk.ts';
import { FilePreparer } from './file-preparer.ts';
import { FILE_BYTES, type LogFile } from './log-file.ts';
import {
  COUNTED_BYTES,
  DELIVERED_BYTES,
  HOLDER_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  RecordType,
  SETTLED_BYTES,
  writeU48,
} from './log-records.ts';
import { Residency } from './residency.ts';
import { type PendingChunk, writeBatch } from './write-batch.ts';

/** A queue, as the log sees it. */
export interface LoggedQueue {
  /** Its number for good, from 1 on; 0 for a queue that is not durable. */
  readonly logId: number;
  /** The place that the next message takes. */
  readonly nextSequence: number;
}

export interface MessageLogOptions {
  readonly files: Files;
  readonly directory: string;
  readonly table: SegmentTable;
  /** Whether a write is done only when it is on stable storage. */
  readonly durable: boolean;
  /** Resident memory of the log above which written segments give theirs back. */
  readonly residentBytes: number;
  /** Written before each chunk, and synced with it. */
  readonly journal: Journal;
  /** Called when somebody may wait for what was appended; `flush` should follow at the end of the turn. */
  onDirty(): void;
  /** Called when only settlements were appended, for which nobody waits; `flush` should follow before long. */
  onSettled(): void;
  /** A new file was begun. */
  onNewFile(): void;
  /** Called at the end of every write: `syncedGeneration` has grown. */
  onSynced(): void;
  /** A write failed: nothing after the last sync can be trusted. */
  onFailed(error: Error): void;
}

/** Where a log goes on after recovery. */
export interface LogTail {
  readonly nextFileNumber: number;
  readonly nextChunkSequence: number;
  /** Files that are still needed, oldest first. */
  readonly files: readonly LogFile[];
}

interface Range {
  first: number;
  count: number;
}

export class MessageLog {
  readonly #options: MessageLogOptions;
  readonly #table: SegmentTable;
  readonly #preparer: FilePreparer;
  readonly #files: LogFile[];
  /** Files that hold nothing any more, if the log is on disk up to a generation. */
  readonly #emptied: { readonly file: LogFile; readonly generation: number }[] = [];
  #file: LogFile | undefined;
  #segment: Segment | undefined;
  /** Where the open chunk begins in the segment; -1 when none is open. */
  #chunkAt = -1;
  #nextChunkSequence: number;
  readonly #settled = new Map<number, Range>();
  #pending: PendingChunk[] = [];
  #isWriting = false;
  #isAnnounced = false;
  #hasFailed = false;
  readonly #waiting: { readonly generation: number; readonly synced: () => void }[] = [];
  #onClosed: (() => void) | undefined;
  #isClosed = false;
  #beganFile = false;
  #generation = 1;
  #syncedGeneration = 0;
  readonly #residency: Residency;

  constructor(options: MessageLogOptions, tail: LogTail, spares: readonly string[]) {
    this.#options = options;
    this.#table = options.table;
    this.#residency = new Residency(options.table, options.residentBytes);
    this.#files = [...tail.files];
    this.#nextChunkSequence = tail.nextChunkSequence;
    this.#preparer = new FilePreparer(options, tail.nextFileNumber, spares, () => this.flush());
  }

  /** The generation of what is appended now. */
  get generation(): number {
    return this.#generation;
  }

  get syncedGeneration(): number {
    return this.#syncedGeneration;
  }

  /** Files in use, oldest first. */
  get files(): readonly LogFile[] {
    return this.#files;
  }

  /** Calls `synced` when everything that was appended so far is on disk. */
  whenSynced(synced: () => void): void {
    this.#waiting.push({ generation: this.#generation, synced });
    this.announce();
  }

  /** Whether anything waits to be written. */
  get isDirty(): boolean {
    const { journal } = this.#options;
    const hasRecords = this.#chunkAt >= 0 || this.#settled.size > 0 || this.#pending.length > 0;
    return hasRecords || journal.isDirty;
  }

  /** Something was appended, here or to the journal. */
  announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.#options.onDirty();
  }

  /**
   * Makes room for a message of `sizeBytes` in the queues `holders`, of which some are durable. The caller fills in the
   * bytes at `recordAt` of the segment before anything else happens.
   */
  append(sizeBytes: number, holders: readonly LoggedQueue[]): Segment {
    let durable = 0;
    for (const holder of holders) if (holder.logId > 0) durable += 1;
    const segment = this.#room(MESSAGE_OVERHEAD_BYTES + durable * HOLDER_BYTES + sizeBytes);
    const { view } = segment;
    let at = segment.end;
    view.setUint8(at, RecordType.MESSAGE);
    view.setUint16(at + 1, durable);
    at += 3;
    for (const { logId, nextSequence } of holders) {
      if (logId === 0) continue;
      view.setUint32(at, logId);
      writeU48(view, at + 4, nextSequence);
      at += HOLDER_BYTES;
    }
    view.setUint32(at, sizeBytes);
    segment.recordAt = at + 4;
    segment.end = at + 4 + sizeBytes;
    segment.references += holders.length;
    segment.everReferences += holders.length;
    return segment;
  }

  /** What is appended next, if it is no more than that and than a segment, goes into one chunk: recovery finds all or none. */
  keepTogether(sizeBytes: number): void {
    if (CHUNK_HEADER_BYTES + sizeBytes <= SEGMENT_BYTES) this.#room(sizeBytes);
  }

  /** A place in a durable queue is empty for good. */
  settle(queue: number, sequence: number): void {
    const range = this.#settled.get(queue);
    if (!range) {
      if (this.#settled.size === 0) this.#options.onSettled();
      this.#settled.set(queue, { first: sequence, count: 1 });
    } else if (range.first + range.count === sequence) {
      range.count += 1;
    } else {
      this.#writeSettled(queue, range);
      range.first = sequence;
      range.count = 1;
    }
  }

  /** Any place below may have been handed to a consumer. */
  delivered(queue: number, below: number): void {
    this.#begin(RecordType.DELIVERED, DELIVERED_BYTES, queue, below);
  }

  /** So many deliveries of the message in that place have failed. Nobody waits for it. */
  counted(queue: number, sequence: number, count: number): void {
    const { view, end } = this.#begin(RecordType.COUNTED, COUNTED_BYTES, queue, sequence, false);
    view.setUint32(end - 4, count);
    this.#options.onSettled();
  }

  #writeSettled(queue: number, { first, count }: Range): void {
    const { view, end } = this.#begin(RecordType.SETTLED, SETTLED_BYTES, queue, first, false);
    view.setUint32(end - 4, count);
  }

  /** Writes what records of a place begin with: type u8 | queue u32 | place u48. */
  #begin(type: number, bytes: number, queue: number, place: number, isAwaited = true): Segment {
    const segment = this.#room(bytes, isAwaited);
    const at = segment.end;
    segment.view.setUint8(at, type);
    segment.view.setUint32(at + 1, queue);
    writeU48(segment.view, at + 5, place);
    segment.end = at + bytes;
    return segment;
  }

  /** The segment that takes a record of that size next, in an open chunk. */
  #room(sizeBytes: number, isAwaited = true): Segment {
    let segment = this.#segment;
    const header = this.#chunkAt < 0 ? CHUNK_HEADER_BYTES : 0;
    if (!segment || segment.end + header + sizeBytes > segment.sizeBytes) {
      this.#sealSegment();
      segment = this.#openSegment(Math.max(SEGMENT_BYTES, sizeBytes + CHUNK_HEADER_BYTES));
    }
    if (isAwaited) this.announce();
    if (this.#chunkAt < 0) {
      this.#chunkAt = segment.end;
      segment.end += CHUNK_HEADER_BYTES;
    }
    return segment;
  }

  #openSegment(sizeBytes: number): Segment {
    const segment = this.#table.open(sizeBytes, true);
    this.#residency.opened(segment);
    // The log itself holds the segment until its last byte is written.
    segment.references = 1;
    this.#segment = segment;
    return segment;
  }

  #closeChunk(): void {
    const segment = this.#segment;
    if (!segment || this.#chunkAt < 0) return;
    const index = this.#pending.length;
    sealChunk(segment, this.#chunkAt, segment.end, this.#nextChunkSequence++, index);
    this.#pending.push({ segment, from: this.#chunkAt, to: segment.end });
    segment.references += 1;
    segment.unwritten += 1;
    this.#chunkAt = -1;
  }

  #sealSegment(): void {
    this.#closeChunk();
    const segment = this.#segment;
    if (!segment) return;
    this.#segment = undefined;
    segment.sealed = true;
    this.#residency.filled(segment);
    this.release(segment);
  }

  /** Writes if somebody waits for something that was appended. */
  flushAwaited(): void {
    if (this.#isAnnounced) this.flush();
  }

  /** Writes what was appended since the last write, unless one is in flight: then it follows when that is done. */
  flush(): void {
    if (this.#isWriting || this.#hasFailed || !this.isDirty) return;
    for (const [queue, range] of this.#settled) this.#writeSettled(queue, range);
    this.#settled.clear();
    this.#closeChunk();
    const batch = this.#pending;
    if (!this.#placeSegments(batch)) return;
    this.#pending = [];
    this.#isWriting = true;
    this.#isAnnounced = false;
    const generation = this.#generation++;
    if (this.#beganFile) {
      this.#beganFile = false;
      this.#options.onNewFile();
    }
    const written = () => {
      this.#isWriting = false;
      // With nothing more to write, whoever asks now waits for a generation that is empty: it is on disk as it is.
      this.#syncedGeneration = this.isDirty ? generation : this.#generation++;
      for (const { segment } of batch) {
        segment.unwritten -= 1;
        this.release(segment);
      }
      this.#residency.evictFull();
      this.#dropOldFiles();
      this.#recycleEmptied(this.#syncedGeneration);
      this.#options.onSynced();
      while (this.#waiting[0] && this.#waiting[0].generation <= this.#syncedGeneration) {
        this.#waiting.shift()!.synced();
      }
      this.flushAwaited();
      this.#closeWhenIdle();
    };
    // What there is comes before what is in it: a message's queue must be known when it is read.
    this.#options.journal.flush((error) => {
      if (error) this.#writeFailed(error);
      else writeBatch(batch, (failed) => (failed ? this.#writeFailed(failed) : written()));
    });
  }

  #fail(error: Error): void {
    this.#hasFailed = true;
    this.#options.onFailed(error);
  }

  #writeFailed(error: Error): void {
    this.#isWriting = false;
    this.#fail(error);
    this.#closeWhenIdle();
  }

  /** Gives every segment of a batch its place in a file; false when the next file is not ready yet. */
  #placeSegments(batch: readonly PendingChunk[]): boolean {
    for (const { segment } of batch) {
      if (segment.file) continue;
      if (!this.#file || this.#file.isFull) {
        const next = this.#preparer.take();
        if (!next) return false;
        this.#file = next;
        this.#files.push(next);
        this.#beganFile = true;
      }
      const file = this.#file;
      segment.file = file;
      segment.fileOffset = file.end;
      file.end += segment.sizeBytes;
      file.liveSegments += 1;
      if (segment.sizeBytes > SEGMENT_BYTES || file.end + SEGMENT_BYTES > FILE_BYTES)
        file.isFull = true;
    }
    return true;
  }

  /** One holder less; a sealed segment without any gives its memory back, and its file perhaps its place. */
  release(segment: Segment): void {
    segment.references -= 1;
    if (segment.references > 0) return;
    this.#residency.closed(segment);
    this.#table.close(segment);
    if (segment.file) {
      segment.file.liveSegments -= 1;
      this.#dropOldFiles();
    }
  }

  /** Files go from the oldest on: a settlement must outlive the message it is about. */
  #dropOldFiles(): void {
    for (let oldest = this.#files[0]; oldest; oldest = this.#files[0]) {
      // The newest stays: its sequence numbers tell what is fresh from what recycled files held before.
      if (!oldest.isFull || oldest.liveSegments > 0 || this.#files.length === 1) break;
      this.#files.shift();
      this.#emptied.push({ file: oldest, generation: this.#generation });
    }
    if (!this.#isWriting && !this.isDirty) this.#recycleEmptied(this.#generation);
  }

  /** What emptied a file has to be on disk before its content goes. */
  #recycleEmptied(synced: number): void {
    while (this.#emptied[0] && this.#emptied[0].generation <= synced) {
      this.#preparer.recycle(this.#emptied.shift()!.file);
    }
  }

  /** Brings a segment back into memory and calls `done`; nothing happens any more once the log is closed. */
  load(segment: Segment, done: () => void): void {
    if (this.#isClosed) return;
    // Held meanwhile, so that its slot cannot become another segment's.
    segment.references += 1;
    this.#residency.load(segment, (error) => {
      if (this.#isClosed) return;
      if (error) return this.#fail(error);
      this.release(segment);
      done();
    });
  }

  /** Writes what is left, then closes the files and calls `done`. Nothing may be appended any more. */
  close(done: () => void): void {
    this.#onClosed = done;
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    const done = this.#onClosed;
    if (!done || this.#isWriting) return;
    if (this.isDirty && !this.#hasFailed) {
      this.flush();
      return;
    }
    this.#onClosed = undefined;
    this.#isClosed = true;
    this.#preparer.stop();
    for (const { file } of [...this.#emptied.map(({ file }) => file), ...this.#files]) file.close();
    this.#options.journal.close();
    done();
  }
}
