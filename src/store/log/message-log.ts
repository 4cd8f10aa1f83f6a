// The log that makes messages last. Records gather in a segment's memory; a chunk of them is written and synced at once, one
// write in flight, and whatever arrives meanwhile forms the next: so batching needs no timer, and an idle log no work.
//
// Every append belongs to a generation. When `syncedGeneration` has reached it, the append is on disk.
import type { Files } from '../../platform/files.ts';
import type { Journal } from '../journal.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES, type SegmentTable } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES, sealChunk } from './chunk.ts';
import type { LogFile } from './log-file.ts';
import { LogFiles } from './log-files.ts';
import {
  DELIVERED_BYTES,
  HOLDER_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  RecordType,
  SETTLED_BYTES,
  writeU48,
} from './log-records.ts';
import { LogWriter } from './log-writer.ts';
import { Residency } from './residency.ts';
import type { PendingChunk } from './write-batch.ts';

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
  /** The disk is full. Nothing is lost; `retry` should follow when there may be space. */
  onNoSpace(): void;
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
  readonly #files: LogFiles;
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
  #generation = 1;
  #syncedGeneration = 0;
  readonly #residency: Residency;
  readonly #writer: LogWriter;

  constructor(options: MessageLogOptions, tail: LogTail, spares: readonly string[]) {
    this.#options = options;
    this.#table = options.table;
    this.#residency = new Residency(options.table, options.residentBytes);
    this.#nextChunkSequence = tail.nextChunkSequence;
    const { files, directory, journal, durable } = options;
    const onNoSpace = () => this.#outOfSpace();
    this.#writer = new LogWriter({
      journal,
      durable,
      onNoSpace,
      onFailed: (error) => this.#writeFailed(error),
    });
    const onFailed = (error: Error) => this.#fail(error);
    const preparing = { files, directory, durable, onNoSpace, onFailed };
    const onReady = () => this.flush();
    this.#files = new LogFiles(preparing, tail.files, tail.nextFileNumber, spares, onReady);
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
    return this.#files.all;
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
    const segment = this.#room(DELIVERED_BYTES);
    const at = segment.end;
    segment.view.setUint8(at, RecordType.DELIVERED);
    segment.view.setUint32(at + 1, queue);
    writeU48(segment.view, at + 5, below);
    segment.end = at + DELIVERED_BYTES;
  }

  #writeSettled(queue: number, range: Range): void {
    const segment = this.#room(SETTLED_BYTES, false);
    const at = segment.end;
    segment.view.setUint8(at, RecordType.SETTLED);
    segment.view.setUint32(at + 1, queue);
    writeU48(segment.view, at + 5, range.first);
    segment.view.setUint32(at + 11, range.count);
    segment.end = at + SETTLED_BYTES;
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
    if (this.#hasFailed) return;
    const { isDirty } = this;
    if (this.#isWriting || !isDirty) {
      this.#isAnnounced = isDirty;
      if (!this.#isWriting && this.#waiting.length > 0) {
        this.#syncedGeneration = this.#generation++;
        this.#tellWaiting();
      }
      return;
    }
    for (const [queue, range] of this.#settled) this.#writeSettled(queue, range);
    this.#settled.clear();
    this.#closeChunk();
    const batch = this.#pending;
    if (!this.#files.place(batch)) return;
    this.#pending = [];
    this.#isWriting = true;
    this.#isAnnounced = false;
    const generation = this.#generation++;
    if (this.#files.takeHasBegun()) this.#options.onNewFile();
    this.#writer.write(batch, () => {
      this.#isWriting = false;
      // With nothing more to write, whoever asks now waits for a generation that is empty: it is on disk as it is.
      this.#syncedGeneration = this.isDirty ? generation : this.#generation++;
      for (const { segment } of batch) {
        this.#files.wrote(segment);
        segment.unwritten -= 1;
        this.release(segment);
      }
      this.#residency.evictFull();
      this.#dropOldFiles();
      this.#files.recycleEmptied(this.#syncedGeneration);
      this.#options.onSynced();
      this.#tellWaiting();
      this.flushAwaited();
      this.#closeWhenIdle();
    });
  }

  #tellWaiting(): void {
    while (this.#waiting[0] && this.#waiting[0].generation <= this.#syncedGeneration) {
      this.#waiting.shift()!.synced();
    }
  }

  /** Whether something waits for space on the disk. */
  get isOutOfSpace(): boolean {
    return this.#writer.isOutOfSpace || this.#files.isOutOfSpace;
  }

  /** Space is short: gives back what can be spared, and tries again what there was none for. */
  retry(freeBytes?: number): void {
    if (this.#hasFailed) return;
    this.#files.retry(freeBytes);
    this.#writer.retry();
  }

  #outOfSpace(): void {
    if (this.#onClosed) this.#closeWhenIdle();
    else if (!this.#hasFailed && !this.#isClosed) this.#options.onNoSpace();
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

  #dropOldFiles(): void {
    this.#files.dropOld(this.#generation);
    if (!this.#isWriting && !this.isDirty) this.#files.recycleEmptied(this.#generation);
  }

  /** Syncs what was written, where writes are not synced by themselves. */
  sync(): void {
    if (!this.#isClosed) this.#files.sync(() => {});
  }

  /** Brings a segment back into memory and calls `done`; nothing happens any more once the log is closed. */
  load(segment: Segment, done: () => void): void {
    if (this.#isClosed) return;
    // Held meanwhile, so that its slot cannot become another segment's.
    segment.references += 1;
    this.#residency.load(segment, (error) => {
      if (this.#isClosed) return;
      if (error) {
        this.#fail(error);
        return;
      }
      this.release(segment);
      done();
    });
  }

  /** Writes what is left, then closes the files and calls `done`. Nothing may be appended any more. */
  close(done: () => void): void {
    this.#onClosed = done;
    if (this.isOutOfSpace) this.retry();
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    const done = this.#onClosed;
    if (!done) return;
    // Whoever closes does not wait for space: nothing that is left was confirmed.
    if (this.#writer.giveUp()) {
      this.#isWriting = false;
      this.#hasFailed = true;
    }
    if (this.#isWriting) return;
    if (!this.#hasFailed) {
      if (this.isDirty) this.flush();
      if (this.#isWriting || (this.isDirty && !this.#files.isStuck)) return;
      if (this.#files.isUnsynced) {
        this.#files.sync(() => this.#closeWhenIdle());
        return;
      }
    }
    this.#onClosed = undefined;
    this.#isClosed = true;
    this.#options.journal.close((error) => {
      if (error && !this.#hasFailed) this.#fail(error);
      this.#files.close(done);
    });
  }
}
