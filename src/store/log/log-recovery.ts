// Reads a log from disk: which messages are in which queue, and where the log goes on. What a crash left torn at the end is
// dropped, since nothing in it was confirmed. Damage before the end is told, with what it cost, and everything else is kept.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES, type SegmentTable, segmentBytesFor } from '../segment-table.ts';
import { announcedBytes, CHUNK_HEADER_BYTES, type Chunk, readChunk } from './chunk.ts';
import { isSpare } from './file-preparer.ts';
import type { FileSalt } from './file-salt.ts';
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  type FileHeader,
  FORMAT_VERSION,
  fileName,
  fileNumber,
  isFormerHeader,
  LogFile,
} from './log-file.ts';
import { HOLDER_BYTES, type RecordVisitor, readRecords, readU48 } from './log-records.ts';
import type { LogTail } from './message-log.ts';
import { type RecordFacts, RecoveredQueue } from './recovered-queue.ts';

/** A data directory that this version cannot or must not use. The message says what to do. */
export class StorageError extends Error {}

export interface Recovery {
  readonly tail: LogTail;
  readonly queues: ReadonlyMap<number, RecoveredQueue>;
  /** The highest number of a queue in the log, known or not: a new queue must not get one that is still in there. */
  readonly highestLogId: number;
  /** What could not be read, one sentence each; empty after any crash that did not damage files. */
  readonly damage: readonly string[];
  /** Whether `lost` of every queue is exact: all that was damaged could still be told apart. */
  readonly isLossExact: boolean;
  /** What was found in each file that was read, by its number. */
  readonly contents: ReadonlyMap<number, FileContent>;
  /** Files that may be used again. */
  readonly spares: readonly string[];
}

/** A file as it was found. */
interface FoundFile {
  readonly number: number;
  readonly file: DataFile;
  /** Undefined where there is none that can be read. */
  readonly header: FileHeader | undefined;
  /** Its header is zeros: it was prepared and not written to, or its first write was torn. */
  readonly isBlank: boolean;
}

interface Loaded {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

interface BehindGap {
  readonly chunk: Chunk;
  readonly view: DataView;
  readonly where: string;
  readonly segment: Segment;
  readonly visitor: RecordVisitor;
}

export interface FileContent {
  chunks: number;
  /** Of all chunks, headers included. */
  chunkBytes: number;
}

/** Notes what is worth knowing of the message at an offset without its bytes at hand. */
export type ReadFacts = (view: DataView, offset: number, facts: RecordFacts) => void;

/** Reads the log in `directory`. Every segment that holds a message of a queue stays in `table`, without memory. */
export function recoverLog(
  files: Files,
  directory: string,
  table: SegmentTable,
  isKnownQueue: (logId: number) => boolean,
  readFacts: ReadFacts = () => {},
): Recovery {
  return new LogReader(files, directory, table, isKnownQueue, readFacts).read();
}

class LogReader {
  readonly #files: Files;
  readonly #directory: string;
  readonly #table: SegmentTable;
  readonly #isKnownQueue: (logId: number) => boolean;
  readonly #readFacts: ReadFacts;
  readonly #facts: RecordFacts = {
    bodyBytes: 0,
    publishedAtMs: undefined,
    expirationMs: undefined,
  };
  readonly #queues = new Map<number, RecoveredQueue>();
  readonly #damage: string[] = [];
  readonly #contents = new Map<number, FileContent>();
  #highestLogId = 0;
  readonly #standard = new Uint8Array(SEGMENT_BYTES);
  /** The sequence number of the next chunk; undefined before the first. */
  #expected: number | undefined;
  /** Chunks that are not intact. What comes behind shows whether a crash tore them or they are damaged. */
  #suspects = 0;
  #suspectPlaces: { queue: number; sequence: number }[] = [];
  #isLossExact = true;
  /** Intact chunks behind one that is missing from the same write: torn by a crash if the log ended there. */
  #behindGap: BehindGap[] = [];

  constructor(
    files: Files,
    directory: string,
    table: SegmentTable,
    isKnownQueue: (logId: number) => boolean,
    readFacts: ReadFacts,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#table = table;
    this.#isKnownQueue = isKnownQueue;
    this.#readFacts = readFacts;
  }

  read(): Recovery {
    const names = this.#files.list(this.#directory);
    const numbers = names
      .map(fileNumber)
      .filter((number) => number !== undefined)
      .sort((a, b) => a - b);
    const logFiles: LogFile[] = [];
    const spares = names.filter(isSpare).map((name) => join(this.#directory, name));
    const found = numbers.map((number) => this.#open(number));
    try {
      for (const each of found) this.#refuseOtherFormat(each);
    } catch (error) {
      for (const { file } of found) file.close();
      throw error;
    }
    found.forEach((each, index) => {
      const later = found.slice(index + 1).find((other) => !other.isBlank && !isCopy(other));
      if (this.#isUnused(each, later)) {
        each.file.close();
        // One for every start would stay behind; the next is prepared anyway.
        this.#files.remove(this.#path(each.number));
      } else {
        const log = this.#readFile(each);
        if (log) logFiles.push(log);
        else each.file.close();
      }
    });
    this.#dropBehindGap();
    const isDamaged = this.#damage.length > 0;
    for (const queue of this.#queues.values()) {
      queue.finish(this.#table, isDamaged && !this.#isLossExact);
    }
    const kept = this.#dropUnneeded(logFiles);
    return {
      tail: {
        nextFileNumber: (numbers.at(-1) ?? 0) + 1,
        nextChunkSequence: this.#expected ?? 1,
        files: kept,
      },
      queues: this.#queues,
      highestLogId: this.#highestLogId,
      damage: this.#damage,
      isLossExact: this.#isLossExact,
      contents: this.#contents,
      spares,
    };
  }

  /** Files from the oldest on that hold no message. A newer one that holds none may hold settlements of an older one's. */
  #dropUnneeded(files: readonly LogFile[]): LogFile[] {
    let first = files.findIndex((file) => file.liveSegments > 0);
    // The newest stays in any case: the log goes on with its sequence numbers, which no recycled file has seen.
    if (first < 0) first = Math.max(0, files.length - 1);
    for (const { number, file } of files.slice(0, first)) {
      file.close();
      this.#files.remove(this.#path(number));
    }
    return files.slice(first);
  }

  #open(number: number): FoundFile {
    const file = this.#files.open(this.#path(number), {});
    const bytes = new Uint8Array(FILE_HEADER_BYTES);
    file.readNow(0, bytes);
    const header = decodeFileHeader(bytes);
    if (!header && isFormerHeader(bytes)) {
      file.close();
      throw new StorageError(
        `${fileName(number)} was written by a version of Leveret before its first release; remove the data directory, or choose another --data-dir`,
      );
    }
    return { number, file, header, isBlank: bytes.every((octet) => octet === 0) };
  }

  #path(number: number): string {
    return join(this.#directory, fileName(number));
  }

  #refuseOtherFormat({ number, header }: FoundFile): void {
    if (!header || header.version <= FORMAT_VERSION) return;
    throw new StorageError(
      `${fileName(number)} was written by a newer version of Leveret (format ${header.version}, this one knows ${FORMAT_VERSION}); start that version, or choose another --data-dir`,
    );
  }

  /** Whether nothing was ever written to a file, or nothing but what a crash tore. `later` is the next one with a header. */
  #isUnused({ isBlank }: FoundFile, later: FoundFile | undefined): boolean {
    if (!isBlank) return false;
    // One that others follow may have lost its header, unless the log goes on behind it as if it were not there.
    const expected = this.#expected;
    if (!later) return true;
    return expected !== undefined && (later.header?.firstSequence ?? 0) === expected;
  }

  /** Reads a file, unless it is not what its name says, or cannot be told from what it held in an earlier life. */
  #readFile({ number, file, header }: FoundFile): LogFile | undefined {
    const name = fileName(number);
    if (!header) {
      this.#damage.push(`${name}: its header is damaged, so that nothing in it can be read`);
      return undefined;
    }
    if (isCopy({ number, header })) {
      this.#damage.push(`${name} is a copy of ${fileName(header.number)} and was left out`);
      return undefined;
    }
    this.#meet(header.firstSequence, `before ${name}`);
    const log = new LogFile(number, file, header.salt);
    log.isFull = true;
    this.#contents.set(number, { chunks: 0, chunkBytes: 0 });
    const size = file.sizeBytes;
    let at = FILE_HEADER_BYTES;
    while (at < size) at += this.#readSegment(log, at);
    log.end = at;
    return log;
  }

  /** Notes a gap between the chunks that were read and the one that comes next. */
  #meet(sequence: number, where: string): void {
    this.#closeGap(sequence);
    const missing = this.#expected === undefined ? 0 : sequence - this.#expected;
    if (missing > 0) {
      this.#damage.push(
        `${missing} ${missing === 1 ? 'chunk' : 'chunks'} missing or damaged ${where}`,
      );
      if (missing !== this.#suspects) this.#isLossExact = false;
      for (const { queue, sequence: place } of this.#suspectPlaces) this.#queue(queue)?.lose(place);
    }
    this.#suspects = 0;
    this.#suspectPlaces = [];
    this.#expected = Math.max(this.#expected ?? 0, sequence);
  }

  /**
   * Decides about chunks behind a gap, when `sequence` comes next. If the log went on behind them, the gap is damage, and they
   * are read after all; if it went on where the gap begins, they were torn by a crash, and the broker started without them.
   */
  #closeGap(sequence: number): void {
    const last = this.#behindGap.at(-1);
    if (!last) return;
    if (sequence > last.chunk.sequence) {
      const behind = this.#behindGap;
      this.#behindGap = [];
      for (const { chunk, view, where, segment, visitor } of behind) {
        this.#meet(chunk.sequence, where);
        this.#expected = chunk.sequence + 1;
        readRecords(view, chunk.recordsAt, chunk.end, visitor);
        releaseRecovered(this.#table, segment.slot);
      }
    } else {
      this.#dropBehindGap();
    }
  }

  #dropBehindGap(): void {
    for (const { segment } of this.#behindGap) releaseRecovered(this.#table, segment.slot);
    this.#behindGap = [];
  }

  /** Whether chunks of the same write are missing before this one. */
  #isBehindGap({ sequence, index }: Chunk): boolean {
    const expected = this.#expected;
    return expected !== undefined && sequence > expected && sequence - index <= expected;
  }

  /** Remembers which messages would be lost with a chunk that is not intact. */
  #suspect(view: DataView, chunk: Chunk): void {
    this.#suspects += 1;
    const isReadable = readRecords(view, chunk.recordsAt, chunk.end, {
      message: (records, holdersAt, holders) => {
        for (let at = holdersAt; at < holdersAt + holders * HOLDER_BYTES; at += HOLDER_BYTES) {
          const queue = records.getUint32(at);
          const sequence = readU48(records, at + 4);
          if (this.#isKnownQueue(queue)) this.#suspectPlaces.push({ queue, sequence });
        }
      },
      settled: () => {},
      delivered: () => {},
      counted: () => {},
    });
    if (!isReadable) this.#isLossExact = false;
  }

  /** Reads the segment at `position` of a file and answers how many bytes it takes there. */
  #readSegment(log: LogFile, position: number): number {
    const { bytes, view } = this.#load(log, position);
    const segment = this.#table.openEvicted(bytes.length);
    segment.sealed = true;
    segment.file = log;
    segment.fileOffset = position;
    segment.references = 1;
    const content = this.#contents.get(log.number)!;
    const visitor: RecordVisitor = {
      message: (records, holdersAt, holders, at) => {
        if (holders > 0) this.#readFacts(records, at, this.#facts);
        for (let holder = 0; holder < holders; holder++) {
          const holderAt = holdersAt + holder * HOLDER_BYTES;
          const queue = this.#queue(records.getUint32(holderAt));
          if (!queue) continue;
          segment.references += 1;
          segment.everReferences += 1;
          queue.add(readU48(records, holderAt + 4), segment.slot, at, this.#facts);
        }
      },
      settled: (queue, first, count) => this.#queue(queue)?.settled(first, count),
      delivered: (queue, below) => this.#queue(queue)?.delivered(below),
      counted: (queue, sequence, count) => this.#queue(queue)?.counted(sequence, count),
    };
    for (let at = 0; at < bytes.length; ) {
      const chunk = readChunk({ bytes, view }, log.salt, at, bytes.length);
      if (!chunk) break;
      const isEarlier = chunk.sequence < (this.#expected ?? 0);
      if (chunk.isIntact && isEarlier) break;
      const where = `in ${fileName(log.number)} before byte ${position + at}`;
      if (!chunk.isIntact) {
        if (!isEarlier) this.#suspect(view, chunk);
      } else if (this.#isBehindGap(chunk)) {
        // The bytes are copied, since the next segment is read into the same place.
        const kept = new DataView(bytes.slice().buffer);
        segment.references += 1;
        this.#behindGap.push({ chunk, view: kept, where, segment, visitor });
      } else {
        this.#meet(chunk.sequence, where);
        this.#expected = chunk.sequence + 1;
        content.chunks += 1;
        content.chunkBytes += chunk.end - at;
        if (!readRecords(view, chunk.recordsAt, chunk.end, visitor)) {
          const place = `${fileName(log.number)} at byte ${position + at}`;
          this.#damage.push(`records not understood in ${place}`);
        }
      }
      at = chunk.end;
    }
    log.liveSegments += 1;
    releaseRecovered(this.#table, segment.slot);
    return bytes.length;
  }

  #queue(logId: number): RecoveredQueue | undefined {
    this.#highestLogId = Math.max(this.#highestLogId, logId);
    if (!this.#isKnownQueue(logId)) return undefined;
    let queue = this.#queues.get(logId);
    if (!queue) {
      queue = new RecoveredQueue();
      this.#queues.set(logId, queue);
    }
    return queue;
  }

  /** The bytes of a segment: the standard number, or as many whole ones as its first chunk takes, if that is intact. */
  #load({ file, salt }: LogFile, position: number): Loaded {
    const bytes = this.#standard;
    file.readNow(position, bytes);
    const standard = { bytes, view: new DataView(bytes.buffer) };
    return this.#loadOversized(file, salt, position, standard) ?? standard;
  }

  #loadOversized(
    file: DataFile,
    salt: FileSalt,
    position: number,
    start: Loaded,
  ): Loaded | undefined {
    const announced = (announcedBytes(start, salt, 0) ?? 0) + CHUNK_HEADER_BYTES;
    if (announced <= SEGMENT_BYTES || position + announced > file.sizeBytes) return undefined;
    const bytes = new Uint8Array(segmentBytesFor(announced));
    file.readNow(position, bytes);
    const whole = { bytes, view: new DataView(bytes.buffer) };
    return readChunk(whole, salt, 0, announced)?.isIntact ? whole : undefined;
  }
}

/** By its header. */
function isCopy({ number, header }: Pick<FoundFile, 'number' | 'header'>): boolean {
  return header !== undefined && header.number !== number;
}

/** One reference less to a segment that recovery made. */
export function releaseRecovered(table: SegmentTable, slot: number): void {
  const segment = table.get(slot);
  segment.references -= 1;
  if (segment.references > 0) return;
  table.close(segment);
  if (segment.file) segment.file.liveSegments -= 1;
}
