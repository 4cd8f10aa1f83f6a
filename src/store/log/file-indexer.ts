// Writes the index of each full file of the log that seems to stay: a queue that is emptied as fast as it is filled costs
// nothing here. Whatever goes wrong, the file has no index, and a start reads the file instead.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
import type { Segment } from '../segment.ts';
import { type Chunk, readChunk, readChunkHeader } from './chunk.ts';
import { EntryWriter, encodeIndex, indexName, type SegmentEntries } from './file-index.ts';
import type { LogFile } from './log-file.ts';
import { readRecords } from './log-records.ts';
import type { ReadFacts } from './recovered-queue.ts';

/** The newest files are left: often they are empty soon. */
const NEWEST_LEFT = 2;

export interface IndexerOptions {
  readonly files: Files;
  readonly directory: string;
  readonly readFacts: ReadFacts;
}

/** What a segment adds to the index of its file. */
export interface SegmentSummary {
  /** Of its first chunk; undefined when it has none. */
  readonly firstSequence: number | undefined;
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly entries: Uint8Array;
}

export class FileIndexer {
  readonly #options: IndexerOptions;
  readonly #onDone: (file: LogFile) => void;
  readonly #writer: EntryWriter;
  #isBusy = false;
  #isStopped = false;

  /** `onDone` is told of each file that was held, when it need not be held any more. */
  constructor(options: IndexerOptions, onDone: (file: LogFile) => void) {
    this.#options = options;
    this.#onDone = onDone;
    this.#writer = new EntryWriter(options.readFacts);
  }

  /** Writes the index of every one of `files` that wants one; they must be oldest first. */
  run(files: readonly LogFile[]): void {
    if (this.#isBusy || this.#isStopped) return;
    const file = files.slice(0, -NEWEST_LEFT).find(isWorthIt);
    if (!file) return;
    this.#isBusy = true;
    file.isIndexed = true;
    // Held, so that it is not used again while it is read.
    file.liveSegments += 1;
    this.#summarizeFrom(file, 0, () => {
      for (const segment of file.segments) segment.summary = undefined;
      this.#isBusy = false;
      file.liveSegments -= 1;
      this.#onDone(file);
      this.run(files);
    });
  }

  /** The file shall have no index, if it has one. */
  remove(file: LogFile): void {
    const { files, directory } = this.#options;
    if (file.isIndexed) files.remove(join(directory, indexName(file.number)));
  }

  /** What is under way may end as it likes; nothing new begins. */
  stop(): void {
    this.#isStopped = true;
  }

  /** To be told of a segment that is about to leave memory: nothing of it need be read again then. */
  leaving(segment: Segment): void {
    const { file, bytes } = segment;
    if (!file || file.isIndexed || file.isDamaged || segment.summary) return;
    segment.summary = this.#summarize(segment, file, bytes, segment.view, false);
  }

  #summarizeFrom(file: LogFile, index: number, done: () => void): void {
    if (this.#isStopped) return;
    const segment = file.segments[index];
    if (!segment) {
      this.#write(file, done);
      return;
    }
    const goOn = () => {
      if (segment.summary) this.#summarizeFrom(file, index + 1, done);
      else done();
    };
    if (segment.summary || segment.isResident) {
      segment.summary ??= this.#summarize(segment, file, segment.bytes, segment.view, false);
      goOn();
      return;
    }
    const bytes = new Uint8Array(segment.end);
    file.file.read(segment.fileOffset, bytes, (error) => {
      const view = new DataView(bytes.buffer);
      // The disk's trouble is told by whoever needs what it holds.
      if (!error) segment.summary = this.#summarize(segment, file, bytes, view, true);
      goOn();
    });
  }

  /** Undefined when something is missing: then the file must not have an index, so that every start tells. */
  #summarize(
    { end }: Segment,
    { salt }: LogFile,
    bytes: Uint8Array,
    view: DataView,
    isFromDisk: boolean,
  ): SegmentSummary | undefined {
    const writer = this.#writer;
    let firstSequence: number | undefined;
    let chunks = 0;
    let at = 0;
    while (at < end) {
      const chunk = isFromDisk
        ? readChunk({ bytes, view }, salt, at, end)
        : readChunkHeader({ bytes, view }, salt, at, end);
      const isWhole =
        chunk !== undefined &&
        (!isFromDisk || (chunk as Chunk).isIntact) &&
        chunk.sequence === (firstSequence ?? chunk.sequence) + chunks &&
        readRecords(view, chunk.recordsAt, chunk.end, writer);
      if (!isWhole) {
        writer.take();
        return undefined;
      }
      firstSequence ??= chunk.sequence;
      chunks += 1;
      at = chunk.end;
    }
    return { firstSequence, chunks, chunkBytes: at, entries: writer.take() };
  }

  #write(file: LogFile, done: () => void): void {
    const bytes = encodeFile(file);
    if (!bytes) {
      done();
      return;
    }
    const path = join(this.#options.directory, indexName(file.number));
    const request = { path, sizeBytes: bytes.length, zeroBytes: 0, durable: false };
    this.#options.files.prepare(request, undefined, (error, made?: DataFile) => {
      if (error || !made) {
        // What was made of it would only take space.
        this.#options.files.remove(path);
        done();
        return;
      }
      made.write(0, [bytes], () => {
        made.close();
        done();
      });
    });
  }
}

/** Undefined when the chunks do not follow each other. */
function encodeFile(file: LogFile): Uint8Array | undefined {
  const { number, salt, firstSequence } = file;
  let nextSequence = firstSequence;
  let chunks = 0;
  let chunkBytes = 0;
  const segments: SegmentEntries[] = [];
  for (const { fileOffset: offset, sizeBytes, end, summary } of file.segments) {
    if (!summary || (summary.firstSequence ?? nextSequence) !== nextSequence) return undefined;
    nextSequence += summary.chunks;
    chunks += summary.chunks;
    chunkBytes += summary.chunkBytes;
    segments.push({ offset, sizeBytes, end, entries: summary.entries });
  }
  return encodeIndex({ number, salt, firstSequence, nextSequence, chunks, chunkBytes }, segments);
}

function isWorthIt({ isFull, isIndexed, isDamaged, liveSegments, segments }: LogFile): boolean {
  const isLive = isFull && liveSegments > 0;
  return isLive && !isIndexed && !isDamaged && segments.every(({ unwritten }) => unwritten === 0);
}
