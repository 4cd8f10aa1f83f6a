// Reads a log from disk: which messages are in which queue, and where the log goes on. What a crash left torn at the end is
// dropped, since nothing in it was confirmed. Damage before the end is told, with what it cost, and everything else is kept.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
import { SEGMENT_BYTES, type SegmentTable } from '../segment-table.ts';
import { announcedBytes, CHUNK_HEADER_BYTES, readChunk } from './chunk.ts';
import { SPARE_PREFIX } from './file-preparer.ts';
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  FORMAT_VERSION,
  fileName,
  fileNumber,
  LogFile,
} from './log-file.ts';
import { HOLDER_BYTES, type RecordVisitor, readRecords, readU48 } from './log-records.ts';
import type { LogTail } from './message-log.ts';
import { RecoveredQueue } from './recovered-queue.ts';

/** A data directory that this version cannot or must not use. The message says what to do. */
export class StorageError extends Error {}

export interface Recovery {
  readonly tail: LogTail;
  readonly queues: ReadonlyMap<number, RecoveredQueue>;
  /** What could not be read, one sentence each; empty after any crash that did not damage files. */
  readonly damage: readonly string[];
  /** Files that may be used again. */
  readonly spares: readonly string[];
}

/** Reads the log in `directory`. Every segment that holds a message of a queue stays in `table`, without memory. */
export function recoverLog(
  files: Files,
  directory: string,
  table: SegmentTable,
  isKnownQueue: (logId: number) => boolean,
): Recovery {
  return new LogReader(files, directory, table, isKnownQueue).read();
}

class LogReader {
  readonly #files: Files;
  readonly #directory: string;
  readonly #table: SegmentTable;
  readonly #isKnownQueue: (logId: number) => boolean;
  readonly #queues = new Map<number, RecoveredQueue>();
  readonly #damage: string[] = [];
  readonly #standard = new Uint8Array(SEGMENT_BYTES);
  /** The sequence number of the next chunk; undefined before the first. */
  #expected: number | undefined;

  constructor(
    files: Files,
    directory: string,
    table: SegmentTable,
    isKnownQueue: (logId: number) => boolean,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#table = table;
    this.#isKnownQueue = isKnownQueue;
  }

  read(): Recovery {
    const names = this.#files.list(this.#directory);
    const numbers = names
      .map(fileNumber)
      .filter((number) => number !== undefined)
      .sort((a, b) => a - b);
    const logFiles: LogFile[] = [];
    const spares = names
      .filter((name) => name.startsWith(SPARE_PREFIX))
      .map((name) => join(this.#directory, name));
    for (const number of numbers) {
      const path = join(this.#directory, fileName(number));
      const file = new LogFile(number, this.#files.open(path, {}));
      file.isFull = true;
      this.#readFile(file);
      logFiles.push(file);
    }
    for (const queue of this.#queues.values()) queue.finish(this.#table);
    const kept = this.#dropUnneeded(logFiles);
    const lost = [...this.#queues].filter(([, queue]) => this.#damage.length > 0 && queue.lost > 0);
    for (const [id, queue] of lost) this.#damage.push(`queue ${id} lost ${queue.lost} messages`);
    return {
      tail: {
        nextFileNumber: (numbers.at(-1) ?? 0) + 1,
        nextChunkSequence: this.#expected ?? 1,
        files: kept,
      },
      queues: this.#queues,
      damage: this.#damage,
      spares,
    };
  }

  /** Files from the oldest on that hold no message. A newer one that holds none may hold settlements of an older one's. */
  #dropUnneeded(files: readonly LogFile[]): LogFile[] {
    let first = files.findIndex((file) => file.liveSegments > 0);
    if (first < 0) first = files.length;
    for (const { number, file } of files.slice(0, first)) {
      file.close();
      this.#files.remove(join(this.#directory, fileName(number)));
    }
    return files.slice(first);
  }

  #readFile(log: LogFile): void {
    const { file } = log;
    const header = new Uint8Array(FILE_HEADER_BYTES);
    file.readNow(0, header);
    // Prepared, and never written to.
    if (header.every((octet) => octet === 0)) return;
    const name = fileName(log.number);
    const decoded = decodeFileHeader(header);
    if (!decoded) {
      this.#damage.push(`${name}: its header is damaged`);
    } else if (decoded.version > FORMAT_VERSION) {
      throw new StorageError(
        `${name} was written by a newer version of Leveret (format ${decoded.version}, this one knows ${FORMAT_VERSION}); start that version, or choose another --data-dir`,
      );
    } else {
      this.#meet(decoded.firstSequence, `before ${name}`);
    }
    const size = file.sizeBytes;
    let at = FILE_HEADER_BYTES;
    while (at < size) at += this.#readSegment(log, at, size);
    log.end = at;
  }

  /** Notes a gap between the chunks that were read and the one that comes next. */
  #meet(sequence: number, where: string): void {
    if (this.#expected !== undefined && sequence > this.#expected) {
      const missing = sequence - this.#expected;
      this.#damage.push(
        `${missing} ${missing === 1 ? 'chunk' : 'chunks'} missing or damaged ${where}`,
      );
    }
    this.#expected = sequence;
  }

  /** Reads the segment at `position` of a file and answers how many bytes it takes there. */
  #readSegment(log: LogFile, position: number, fileSize: number): number {
    const { bytes, view } = this.#load(log.file, position);
    const segment = this.#table.openEvicted(bytes.length);
    segment.sealed = true;
    segment.file = log;
    segment.fileOffset = position;
    segment.references = 1;
    const visitor: RecordVisitor = {
      message: (records, holdersAt, holders, at) => {
        for (let holder = 0; holder < holders; holder++) {
          const holderAt = holdersAt + holder * HOLDER_BYTES;
          const queue = this.#queue(records.getUint32(holderAt));
          if (!queue) continue;
          segment.references += 1;
          queue.add(readU48(records, holderAt + 4), segment.slot, at);
        }
      },
      settled: (queue, first, count) => this.#queue(queue)?.settled(first, count),
      delivered: (queue, below) => this.#queue(queue)?.delivered(below),
    };
    for (let at = 0; at < bytes.length; ) {
      const chunk = readChunk({ bytes, view }, at, bytes.length);
      if (!chunk || chunk.sequence < (this.#expected ?? 0)) break;
      if (chunk.isIntact) {
        this.#meet(chunk.sequence, `in ${fileName(log.number)} before byte ${position + at}`);
        this.#expected = chunk.sequence + 1;
        readRecords(view, chunk.recordsAt, chunk.end, visitor);
      }
      at = chunk.end;
    }
    log.liveSegments += 1;
    releaseRecovered(this.#table, segment.slot);
    return Math.min(bytes.length, fileSize - position);
  }

  #queue(logId: number): RecoveredQueue | undefined {
    if (!this.#isKnownQueue(logId)) return undefined;
    let queue = this.#queues.get(logId);
    if (!queue) {
      queue = new RecoveredQueue();
      this.#queues.set(logId, queue);
    }
    return queue;
  }

  /** The bytes of a segment: the standard number, or as many as its only chunk announces. */
  #load(file: DataFile, position: number): { bytes: Uint8Array; view: DataView } {
    let bytes = this.#standard;
    file.readNow(position, bytes);
    let view = new DataView(bytes.buffer);
    const announced = (announcedBytes({ bytes, view }, 0) ?? 0) + CHUNK_HEADER_BYTES;
    if (announced > SEGMENT_BYTES && position + announced <= file.sizeBytes) {
      bytes = new Uint8Array(announced);
      file.readNow(position, bytes);
      view = new DataView(bytes.buffer);
    }
    return { bytes, view };
  }
}

/** One reference less to a segment that recovery made. */
export function releaseRecovered(table: SegmentTable, slot: number): void {
  const segment = table.get(slot);
  segment.references -= 1;
  if (segment.references > 0) return;
  table.close(segment);
  if (segment.file) segment.file.liveSegments -= 1;
}
