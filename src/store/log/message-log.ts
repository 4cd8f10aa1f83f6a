// The log that makes messages last. Records gather in a segment's memory; a chunk of them is written and synced at once, one
// write in flight, and whatever arrives meanwhile forms the next: so batching needs no timer, and an idle log no work.
//
// Every append belongs to a generation. When `syncedGeneration` has reached it, the append is on disk.
import type { LoggedQueue } from '../logged-queue.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES, type SegmentTable, segmentBytesFor } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES } from './chunk.ts';
import { FileIndexer } from './file-indexer.ts';
import type { LogFile } from './log-file.ts';
import { LogFiles } from './log-files.ts';
import {
  COUNTED_BYTES,
  DELIVERED_BYTES,
  HOLDER_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  RecordType,
  SETTLED_BYTES,
  writeCount,
  writePlace,
  writeU48,
} from './log-records.ts';
import { LogWriter } from './log-writer.ts';
import type { LogTail, MessageLogOptions } from './message-log-options.ts';
import { Residency } from './residency.ts';
import { type PendingChunk, sealBatch } from './write-batch.ts';

/** Messages that wait to be on disk, in all; more than that is held back where it comes from. */
const BEHIND_BYTES = 16 * 1024 * 1024;

export class MessageLog {
  readonly #options: MessageLogOptions;
  readonly #table: SegmentTable;
  readonly #files: LogFiles;
  #segment: Segment | undefined;
  /** Where the open chunk begins in the segment; -1 when none is open. */
  #chunkAt = -1;
  #nextChunkSequence: number;
  readonly #settled = new Map<number, { first: number; count: number }>();
  #pending: PendingChunk[] = [];
  #isWriting = false;
  /** Of messages that wait to be written, and of those that are being written. */
  #waitingBytes = 0;
  #writtenBytes = 0;
  #isAnnounced = false;
  #hasFailed = false;
  readonly #waiting: { readonly generation: number; readonly synced: () => void }[] = [];
  #onClosed: (() => void) | undefined;
  #isClosed = false;
  #generation = 1;
  #syncedGeneration = 0;
  readonly #residency: Residency;
  readonly #indexer: FileIndexer;
  readonly #writer: LogWriter;

  constructor(options: MessageLogOptions, tail: LogTail, spares: readonly string[]) {
    this.#options = options;
    this.#table = options.table;
    this.#indexer = new FileIndexer(options, () => this.#dropOldFiles());
    this.#residency = new Residency(options.table, options.residentBytes, (segment) =>
      this.#indexer.leaving(segment),
    );
    this.#nextChunkSequence = tail.nextChunkSequence;
    const onNoSpace = () => this.#outOfSpace();
    const onFailed = (error: Error) => this.#writeFailed(error);
    this.#writer = new LogWriter({ ...options, onNoSpace, onFailed });
    const preparing = { ...options, onNoSpace, onFailed: (error: Error) => this.#fail(error) };
    this.#files = new LogFiles(preparing, tail.files, tail.nextFileNumber, spares, () =>
      this.flush(),
    );
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
    const hasRecords = this.#chunkAt >= 0 || this.#settled.size > 0 || this.#pending.length > 0;
    return hasRecords || this.#options.journal.isDirty;
  }

  /** Whether more waits to be written than makes writes quicker. */
  get isBehind(): boolean {
    return this.#waitingBytes + this.#writtenBytes > BEHIND_BYTES;
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
    this.#waitingBytes += sizeBytes;
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
    const segment = this.#room(DELIVERED_BYTES);
    segment.end = writePlace(segment.view, segment.end, RecordType.DELIVERED, queue, below);
  }

  /** So many deliveries of the message in that place have failed, or come back otherwise. Nobody waits for it. */
  counted(queue: number, sequence: number, count: number, isFailure: boolean): void {
    const segment = this.#room(COUNTED_BYTES, false);
    const type = isFailure ? RecordType.FAILED : RecordType.RETURNED;
    segment.end = writeCount(segment.view, segment.end, type, queue, sequence, count);
    this.#options.onSettled();
  }

  #writeSettled(queue: number, { first, count }: { first: number; count: number }): void {
    const segment = this.#room(SETTLED_BYTES, false);
    segment.end = writeCount(segment.view, segment.end, RecordType.SETTLED, queue, first, count);
  }

  /** The segment that takes a record of that size next, in an open chunk. */
  #room(sizeBytes: number, isAwaited = true): Segment {
    let segment = this.#segment;
    const neededBytes = sizeBytes + (this.#chunkAt < 0 ? CHUNK_HEADER_BYTES : 0);
    if (!segment || segment.end + neededBytes > segment.sizeBytes) {
      this.#sealSegment();
      segment = this.#openSegment(segmentBytesFor(CHUNK_HEADER_BYTES + sizeBytes));
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
    if (this.#files.takeHasBegun()) {
      this.#indexer.run(this.files);
      // In the same write: what every file says again is to be there as soon as anything in it is confirmed.
      this.#options.onNewFile();
      this.#closeChunk();
      if (!this.#files.place(batch)) return;
    }
    this.#nextChunkSequence = sealBatch(batch, this.#nextChunkSequence);
    this.#pending = [];
    this.#isWriting = true;
    this.#isAnnounced = false;
    this.#writtenBytes = this.#waitingBytes;
    this.#waitingBytes = 0;
    const generation = this.#generation++;
    this.#writer.write(batch, () => {
      this.#isWriting = false;
      this.#writtenBytes = 0;
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
    if (segment.wasLoaded) this.#readAhead(segment);
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
    this.#load(segment, done);
    this.#readAhead(segment);
  }

  /** What lies behind a segment in the log is likely to be wanted next. */
  #readAhead(segment: Segment): void {
    for (const next of this.#files.following(segment)) {
      if (!next.isResident && this.#residency.hasRoomFor(next)) this.#load(next, () => {});
    }
  }

  #load(segment: Segment, done: () => void): void {
    // Held meanwhile, so that its slot cannot become another segment's.
    segment.references += 1;
    this.#residency.load(segment, (error) => {
      if (this.#isClosed || this.#hasFailed) return;
      if (error) {
        // The next start is to read all of the file, and tell what is lost.
        this.#indexer.remove(segment.file!);
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
    this.#indexer.stop();
    this.#options.journal.close((error) => {
      if (error && !this.#hasFailed) this.#fail(error);
      this.#files.close(done);
    });
  }
}
