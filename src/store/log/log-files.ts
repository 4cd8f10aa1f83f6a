// The files of the log that are in use: where a segment gets its place, and when a file goes. Files go only from the oldest on,
// since a settlement must outlive the message it is about.
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import type { FilePreparer } from './file-preparer.ts';
import { FILE_BYTES, type LogFile } from './log-file.ts';

export class LogFiles {
  readonly #preparer: FilePreparer;
  readonly #files: LogFile[];
  /** Files that hold nothing any more, if the log is on disk up to a generation. */
  readonly #emptied: { readonly file: LogFile; readonly generation: number }[] = [];
  #newest: LogFile | undefined;

  /** `files` are what an earlier life has left, oldest first. */
  constructor(files: readonly LogFile[], preparer: FilePreparer) {
    this.#files = [...files];
    this.#preparer = preparer;
  }

  /** Those in use, oldest first. */
  get inUse(): readonly LogFile[] {
    return this.#files;
  }

  /** The file that segments get their places in; undefined before the first. */
  get newest(): LogFile | undefined {
    return this.#newest;
  }

  /** Gives a segment its place; false when the next file is not ready yet. */
  place(segment: Segment): boolean {
    if (!this.#newest || this.#newest.isFull) {
      const next = this.#preparer.take();
      if (!next) return false;
      this.#newest = next;
      this.#files.push(next);
    }
    const file = this.#newest;
    segment.file = file;
    segment.fileOffset = file.end;
    file.end += segment.sizeBytes;
    file.segments.push(segment);
    file.liveSegments += 1;
    // One that is larger than what is left makes the file larger, rather than leave the rest of it empty.
    if (file.end + SEGMENT_BYTES > FILE_BYTES) file.isFull = true;
    return true;
  }

  /** Takes files away in which nothing is left, once what emptied them is on disk: with `generation`. */
  dropOld(generation: number): void {
    for (let oldest = this.#files[0]; oldest; oldest = this.#files[0]) {
      // The newest stays: a start goes on with its sequence numbers.
      if (!oldest.isFull || oldest.liveSegments > 0 || this.#files.length === 1) break;
      this.#files.shift();
      this.#emptied.push({ file: oldest, generation });
    }
  }

  /** The log is on disk up to a generation. */
  recycleEmptied(synced: number): void {
    while (this.#emptied[0] && this.#emptied[0].generation <= synced) {
      this.#preparer.recycle(this.#emptied.shift()!.file);
    }
  }

  close(): void {
    this.#preparer.stop();
    for (const { file } of [...this.#emptied.map(({ file }) => file), ...this.#files]) file.close();
  }
}
