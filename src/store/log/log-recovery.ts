// Reads a log from disk: which messages are in which queue, and where the log goes on. What a crash left torn at the end is
// dropped, since nothing in it was confirmed. Damage before the end is told, with what it cost, and everything else is kept.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES, type SegmentTable, segmentBytesFor } from '../segment-table.ts';
import { announcedBytes, CHUNK_HEADER_BYTES, type Chunk, readChunk } from './chunk.ts';
import { ChunkOrder, type SuspectPlace } from './chunk-order.ts';
import { FileIndex, indexName, indexNumber } from './file-index.ts';
import { isSpare } from './file-preparer.ts';
import type { FileSalt } from './file-salt.ts';
import { type FoundFile, isCopy, openFiles } from './found-file.ts';
import { FILE_HEADER_BYTES, fileName, fileNumber, LogFile } from './log-file.ts';
import { HOLDER_BYTES, type RecordVisitor, readRecords, readU48 } from './log-records.ts';
import type { LogTail } from './message-log-options.ts';
import type { ReadFacts, RecordFacts, RecoveredQueue } from './recovered-queue.ts';
import { RecoveredQueues } from './recovered-queues.ts';

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

interface Loaded {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface FileContent {
  chunks: number;
  /** Of all chunks, headers included. */
  chunkBytes: number;
}

/**
 * Reads the log in `directory`: where a file has an index, that instead of the file. Every segment that holds a message of a
 * queue stays in `table`, without memory.
 */
export function recoverLog(
  files: Files,
  directory: string,
  table: SegmentTable,
  isKnownQueue: (logId: number) => boolean,
  readFacts: ReadFacts = () => {},
): Recovery {
  const queues = new RecoveredQueues(isKnownQueue);
  return new LogReader(files, directory, table, queues, readFacts).read();
}

class LogReader {
  readonly #files: Files;
  readonly #directory: string;
  readonly #table: SegmentTable;
  readonly #readFacts: ReadFacts;
  readonly #facts: RecordFacts = {
    bodyBytes: 0,
    publishedAtMs: undefined,
    expirationMs: undefined,
  };
  readonly #queues: RecoveredQueues;
  readonly #order: ChunkOrder;
  readonly #contents = new Map<number, FileContent>();
  /** Numbers of the files that an index is there for. */
  #indexed: ReadonlySet<number> = new Set();
  readonly #standard = new Uint8Array(SEGMENT_BYTES);

  constructor(
    files: Files,
    directory: string,
    table: SegmentTable,
    queues: RecoveredQueues,
    readFacts: ReadFacts,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#table = table;
    this.#queues = queues;
    this.#readFacts = readFacts;
    this.#order = new ChunkOrder(({ queue, sequence }) => queues.get(queue)?.lose(sequence));
  }

  read(): Recovery {
    const names = this.#files.list(this.#directory);
    const numbers = names
      .map(fileNumber)
      .filter((number) => number !== undefined)
      .sort((a, b) => a - b);
    this.#indexed = new Set(names.map(indexNumber).filter((number) => number !== undefined));
    const logFiles: LogFile[] = [];
    const spares = names.filter(isSpare).map((name) => join(this.#directory, name));
    const found = openFiles(this.#files, this.#directory, numbers);
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
    const order = this.#order;
    order.end();
    const isDamaged = order.damage.length > 0;
    for (const queue of this.#queues.byLogId.values()) {
      queue.finish(this.#table, isDamaged && !order.isLossExact);
    }
    this.#removeStrayIndexes(logFiles);
    const kept = this.#dropUnneeded(logFiles);
    return {
      tail: {
        nextFileNumber: (numbers.at(-1) ?? 0) + 1,
        nextChunkSequence: order.expected ?? 1,
        files: kept,
      },
      queues: this.#queues.byLogId,
      highestLogId: this.#queues.highestLogId,
      damage: order.damage,
      isLossExact: order.isLossExact,
      contents: this.#contents,
      spares,
    };
  }

  /** Files from the oldest on that hold no message. A newer one that holds none may hold settlements of an older one's. */
  #dropUnneeded(files: readonly LogFile[]): LogFile[] {
    let first = files.findIndex((file) => file.liveSegments > 0);
    // The newest stays in any case: the log goes on with its sequence numbers, which no recycled file has seen.
    if (first < 0) first = Math.max(0, files.length - 1);
    for (const { number, file, isIndexed } of files.slice(0, first)) {
      file.close();
      this.#files.remove(this.#path(number));
      if (isIndexed) this.#files.remove(join(this.#directory, indexName(number)));
    }
    return files.slice(first);
  }

  /** Of files that are gone, or that the index is not of. */
  #removeStrayIndexes(files: readonly LogFile[]): void {
    const used = new Set(files.filter(({ isIndexed }) => isIndexed).map(({ number }) => number));
    for (const number of this.#indexed) {
      if (!used.has(number)) this.#files.remove(join(this.#directory, indexName(number)));
    }
  }

  #path(number: number): string {
    return join(this.#directory, fileName(number));
  }

  /** Whether nothing was ever written to a file, or nothing but what a crash tore. `later` is the next one with a header. */
  #isUnused({ isBlank }: FoundFile, later: FoundFile | undefined): boolean {
    if (!isBlank) return false;
    // One that others follow may have lost its header, unless the log goes on behind it as if it were not there.
    const { expected } = this.#order;
    if (!later) return true;
    return expected !== undefined && (later.header?.firstSequence ?? 0) === expected;
  }

  /** Reads a file, unless it is not what its name says, or cannot be told from what it held in an earlier life. */
  #readFile({ number, file, header }: FoundFile): LogFile | undefined {
    const name = fileName(number);
    if (!header) {
      this.#order.damage.push(`${name}: its header is damaged, so that nothing in it can be read`);
      return undefined;
    }
    if (isCopy({ number, header })) {
      this.#order.damage.push(`${name} is a copy of ${fileName(header.number)} and was left out`);
      return undefined;
    }
    this.#order.meet(header.firstSequence, `before ${name}`);
    const log = new LogFile(number, file, header.salt);
    log.firstSequence = header.firstSequence;
    log.isFull = true;
    const index = this.#indexOf(log);
    if (index) {
      this.#readIndex(log, index);
      return log;
    }
    this.#contents.set(number, { chunks: 0, chunkBytes: 0 });
    const size = file.sizeBytes;
    let at = FILE_HEADER_BYTES;
    while (at < size) at += this.#readSegment(log, at);
    log.end = at;
    return log;
  }

  /** Remembers which messages would be lost with a chunk that is not intact. */
  #suspect(view: DataView, chunk: Chunk): void {
    const places: SuspectPlace[] = [];
    const isReadable = readRecords(view, chunk.recordsAt, chunk.end, {
      message: (records, holdersAt, holders) => {
        for (let at = holdersAt; at < holdersAt + holders * HOLDER_BYTES; at += HOLDER_BYTES) {
          const queue = records.getUint32(at);
          const sequence = readU48(records, at + 4);
          if (this.#queues.isKnown(queue)) places.push({ queue, sequence });
        }
      },
      settled: () => {},
      delivered: () => {},
      counted: () => {},
    });
    this.#order.suspect(places, isReadable);
  }

  /** Reads the segment at `position` of a file and answers how many bytes it takes there. */
  #readSegment(log: LogFile, position: number): number {
    const { bytes, view } = this.#load(log, position);
    const segment = this.#openSegment(log, position, bytes.length);
    const content = this.#contents.get(log.number)!;
    const order = this.#order;
    const visitor = this.#visitorOf(segment);
    let isWhole = true;
    for (let at = 0; at < bytes.length; ) {
      const chunk = readChunk({ bytes, view }, log.salt, at, bytes.length);
      if (!chunk) break;
      const isEarlier = chunk.sequence < (order.expected ?? 0);
      if (chunk.isIntact && isEarlier) break;
      const where = `in ${fileName(log.number)} before byte ${position + at}`;
      if (!chunk.isIntact) {
        isWhole = false;
        if (!isEarlier) this.#suspect(view, chunk);
      } else if (order.isBehindGap(chunk)) {
        isWhole = false;
        this.#hold(chunk, bytes, where, segment, visitor);
      } else {
        if (chunk.sequence !== order.expected) log.isDamaged = true;
        order.meet(chunk.sequence, where);
        order.expected = chunk.sequence + 1;
        content.chunks += 1;
        content.chunkBytes += chunk.end - at;
        // What is not read up to here for want of a chunk is never asked for again, so it need not be checked.
        segment.end = isWhole ? chunk.end : 0;
        if (!readRecords(view, chunk.recordsAt, chunk.end, visitor)) {
          const place = `${fileName(log.number)} at byte ${position + at}`;
          order.damage.push(`records not understood in ${place}`);
          log.isDamaged = true;
        }
      }
      at = chunk.end;
    }
    // What is behind the damage would be missing in an index.
    if (!isWhole) log.isDamaged = true;
    releaseRecovered(this.#table, segment.slot);
    return bytes.length;
  }

  /** Keeps a chunk that a crash may have left behind one that it tore. */
  #hold(
    chunk: Chunk,
    bytes: Uint8Array,
    where: string,
    segment: Segment,
    visitor: RecordVisitor,
  ): void {
    // The bytes are copied, since the next segment is read into the same place.
    const kept = new DataView(bytes.slice().buffer);
    segment.references += 1;
    this.#order.hold({
      sequence: chunk.sequence,
      where,
      read: () => {
        segment.end = 0;
        readRecords(kept, chunk.recordsAt, chunk.end, visitor);
      },
      drop: () => releaseRecovered(this.#table, segment.slot),
    });
  }

  /** A segment without memory, that holds one reference until everything in it is known. */
  #openSegment(log: LogFile, position: number, sizeBytes: number): Segment {
    const segment = this.#table.openEvicted(sizeBytes);
    segment.sealed = true;
    segment.file = log;
    segment.fileOffset = position;
    segment.references = 1;
    log.segments.push(segment);
    log.liveSegments += 1;
    return segment;
  }

  #visitorOf(segment: Segment): RecordVisitor {
    const queues = this.#queues;
    return {
      message: (records, holdersAt, holders, at) => {
        if (holders > 0) this.#readFacts(records, at, this.#facts);
        for (let holder = 0; holder < holders; holder++) {
          const holderAt = holdersAt + holder * HOLDER_BYTES;
          const place = readU48(records, holderAt + 4);
          queues.place(records.getUint32(holderAt), place, segment, at, this.#facts);
        }
      },
      settled: (queue, first, count) => queues.get(queue)?.settled(first, count),
      delivered: (queue, below) => queues.get(queue)?.delivered(below),
      counted: (queue, ...count) => queues.get(queue)?.counted(...count),
    };
  }

  /** The index of a file, if it has one that is whole and its own. */
  #indexOf(log: LogFile): FileIndex | undefined {
    if (!this.#indexed.has(log.number)) return undefined;
    const file = this.#files.open(join(this.#directory, indexName(log.number)), {});
    const bytes = new Uint8Array(file.sizeBytes);
    file.readNow(0, bytes);
    file.close();
    const index = FileIndex.decode(bytes);
    const isOwn =
      index?.number === log.number &&
      index.salt.mark === log.salt.mark &&
      index.salt.seed === log.salt.seed &&
      index.firstSequence === log.firstSequence;
    // Cut off behind what it held, the file has to be read to tell what is missing.
    const last = index?.segments.at(-1);
    const isAllThere = !last || last.offset + last.end <= log.file.sizeBytes;
    return isOwn && isAllThere ? index : undefined;
  }

  /** Takes from the index what is in a file. */
  #readIndex(log: LogFile, index: FileIndex): void {
    const queues = this.#queues;
    for (const [i, { offset, sizeBytes, end }] of index.segments.entries()) {
      const segment = this.#openSegment(log, offset, sizeBytes);
      segment.end = end;
      index.visit(i, {
        message: (queue, place, at, facts) => queues.place(queue, place, segment, at, facts),
        settled: (queue, first, count) => queues.get(queue)?.settled(first, count),
        delivered: (queue, below) => queues.get(queue)?.delivered(below),
        counted: (queue, ...count) => queues.get(queue)?.counted(...count),
      });
      releaseRecovered(this.#table, segment.slot);
      log.end = offset + sizeBytes;
    }
    log.isIndexed = true;
    this.#order.expected = index.nextSequence;
    this.#contents.set(log.number, { chunks: index.chunks, chunkBytes: index.chunkBytes });
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

/** One reference less to a segment that recovery made. */
export function releaseRecovered(table: SegmentTable, slot: number): void {
  const segment = table.get(slot);
  segment.references -= 1;
  if (segment.references > 0) return;
  table.close(segment);
  if (segment.file) segment.file.liveSegments -= 1;
}
