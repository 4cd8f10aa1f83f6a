// The files of a log that are in use, oldest first, and what becomes of them: segments get their places in the newest, the next
// is prepared ahead, and what holds nothing any more goes, from the oldest on, once that is on stable storage.
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { FilePreparer, type PreparerOptions } from './file-preparer.ts';
import type { LogFile } from './log-file.ts';
import { LogSyncer } from './log-syncer.ts';
import type { PendingChunk } from './write-batch.ts';

const AHEAD_SEGMENTS = 4;

export class LogFiles {
  readonly #preparer: FilePreparer;
  readonly #syncer: LogSyncer;
  readonly #options: PreparerOptions;
  readonly #files: LogFile[];
  /** Files that hold nothing any more, if the log is on disk up to a generation. */
  readonly #emptied: { readonly file: LogFile; readonly generation: number }[] = [];
  /** Those for which that has come, while it is synced. */
  readonly #recyclable = new Set<LogFile>();
  #current: LogFile | undefined;
  #hasBegun = false;

  /** `onReady` is called when the next file is there. */
  constructor(
    options: PreparerOptions,
    files: readonly LogFile[],
    nextNumber: number,
    spares: readonly string[],
    onReady: () => void,
  ) {
    this.#options = options;
    this.#files = [...files];
    this.#syncer = new LogSyncer(options.onFailed);
    // A process before this one may have been killed before it synced them.
    if (!options.durable) for (const { file } of files) this.#syncer.wrote(file);
    this.#preparer = new FilePreparer(options, nextNumber, spares, onReady);
  }

  get all(): readonly LogFile[] {
    return this.#files;
  }

  /** Whether the next file waits for space; not until `retry`, but until it is there. */
  get isOutOfSpace(): boolean {
    return this.#preparer.isOutOfSpace;
  }

  /** Whether there will be no next file before `retry`. */
  get isStuck(): boolean {
    return this.#preparer.isOutOfSpace && !this.#preparer.isPreparing && !this.#preparer.isReady;
  }

  /** Space is short: what can be spared goes, and the next file is tried again where so much is free, as far as is known. */
  retry(freeBytes: number | undefined): void {
    try {
      if (!this.#preparer.isOutOfSpace) this.#preparer.removeSpares();
    } catch (error) {
      this.#options.onFailed(error as Error);
    }
    this.#preparer.retry(freeBytes);
  }

  /** Gives every segment of a batch its place in a file; false when the next file is not ready yet. */
  place(batch: readonly PendingChunk[]): boolean {
    for (const { segment } of batch) {
      if (segment.file) continue;
      if (!this.#current || this.#current.isFull) {
        const next = this.#preparer.take();
        if (!next) return false;
        this.#current = next;
        this.#files.push(next);
        this.#hasBegun = true;
      }
      const file = this.#current;
      segment.file = file;
      segment.fileOffset = file.end;
      file.end += segment.sizeBytes;
      file.segments.push(segment);
      file.liveSegments += 1;
      // One that is larger than what is left makes the file larger, rather than leave the rest of it empty.
      if (file.end + SEGMENT_BYTES > file.madeBytes) file.isFull = true;
    }
    return true;
  }

  /** The next segments behind one in which there is something: as many as are read before anybody asks for them. */
  following(segment: Segment): Segment[] {
    const found: Segment[] = [];
    let index = segment.file ? this.#files.indexOf(segment.file) : -1;
    if (index < 0) return found;
    let at = this.#files[index]!.segments.indexOf(segment) + 1;
    for (; index < this.#files.length; index++, at = 0) {
      for (const { segments } = this.#files[index]!; at < segments.length; at++) {
        if (segments[at]!.references > 0 && found.push(segments[at]!) === AHEAD_SEGMENTS)
          return found;
      }
    }
    return found;
  }

  /** Whether a file was begun since this was asked last. */
  takeHasBegun(): boolean {
    const hasBegun = this.#hasBegun;
    this.#hasBegun = false;
    return hasBegun;
  }

  /** A part of a segment was written to its file. */
  wrote(segment: Segment): void {
    if (!this.#options.durable) this.#syncer.wrote(segment.file!.file);
  }

  /** Files go from the oldest on: a settlement must outlive the message it is about. `generation` is the one that empties. */
  dropOld(generation: number): void {
    for (let oldest = this.#files[0]; oldest; oldest = this.#files[0]) {
      // The newest stays: a start goes on with its sequence numbers.
      if (!oldest.isFull || oldest.liveSegments > 0 || this.#files.length === 1) return;
      this.#files.shift();
      this.#emptied.push({ file: oldest, generation });
    }
  }

  /** The log is written up to a generation. What emptied a file has to be on stable storage before its content goes. */
  recycleEmptied(written: number): void {
    if (this.#emptied.length === 0) return;
    const count = this.#emptied.filter(({ generation }) => generation <= written).length;
    if (count === 0) return;
    // What is emptied while this is synced is not among them.
    const recyclable = this.#emptied.splice(0, count).map(({ file }) => file);
    for (const file of recyclable) this.#recyclable.add(file);
    this.sync(() => this.#recycle(recyclable));
  }

  #recycle(files: readonly LogFile[]): void {
    try {
      for (const file of files) if (this.#recyclable.delete(file)) this.#preparer.recycle(file);
    } catch (error) {
      this.#options.onFailed(error as Error);
    }
  }

  /** Whether anything was written that is not on stable storage. */
  get isUnsynced(): boolean {
    return this.#syncer.isDirty;
  }

  /** Calls `synced` when everything that was written so far is on stable storage: at once if writes are synced anyway. */
  sync(synced: () => void): void {
    if (this.#options.durable) synced();
    else this.#syncer.sync(synced);
  }

  /** Closes all files, and calls `done` when nothing is under way any more. */
  close(done: () => void): void {
    for (const { file } of this.#emptied) file.file.close();
    for (const { file } of this.#recyclable) file.close();
    this.#recyclable.clear();
    for (const { file } of this.#files) file.close();
    this.#preparer.stop(done);
  }
}
