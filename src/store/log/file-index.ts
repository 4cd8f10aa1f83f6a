// What is in a full file of the log, without the bytes of its messages, so that a start need not read them:
//
//   `LEVERETX` | version u32 | number u64 | mark u32 | seed u32 | first chunk sequence u64 | next chunk sequence u64 |
//   chunks u32 | bytes of chunks u32 | segments u32 | length u32 | crc u32, of the above and of `length` bytes that follow:
//
//   segments × (offset u32 | size u32 | end u32 | length of its entries u32) | entries
//
// Number, mark and seed are the file's, so that an index is never taken for that of another life of it. Entries are the records
// of the segment in their order. Those of messages begin with a tag; integers are written with 7 bits in an octet, the lowest
// first:
//
//   tag u8: 1, + 8 for one holder, whose place is the one behind the last entry's in the same queue, + 16 with times
//   | offset since the last message's | size of the body | unless 8: holders | (queue u32 | place u48) × holders
//   | with 16: published at f64 | expiration f64, NaN for none
//
// The others are what they are in a chunk.
import { crc32 } from 'node:zlib';
import type { FileSalt } from './file-salt.ts';
import {
  COUNTED_BYTES,
  DELIVERED_BYTES,
  HOLDER_BYTES,
  RecordType,
  type RecordVisitor,
  readU48,
  SETTLED_BYTES,
  writeCount,
  writePlace,
  writeU48,
} from './log-records.ts';
import type { ReadFacts, RecordFacts } from './recovered-queue.ts';

const MAGIC = new TextEncoder().encode('LEVERETX');
const VERSION = 2;
const HEADER_BYTES = 64;
const CRC_AT = 60;
const SEGMENT_BYTES = 16;
const TYPE_MASK = 7;
const NEXT_PLACE = 8;
const TIMED = 16;
/** More than an entry takes, but for its holders. */
const ENTRY_BYTES = 64;

/** The name of the index of a file of the log. */
export function indexName(number: number): string {
  return `${String(number).padStart(10, '0')}.index`;
}

/** The number in a name that `indexName` made, else undefined. */
export function indexNumber(name: string): number | undefined {
  const match = /^(\d{10})\.index$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

export interface IndexedSegment {
  /** In the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Where its last chunk ends, in the segment. */
  readonly end: number;
}

/** What an index is of. */
export interface IndexedFile {
  readonly number: number;
  readonly salt: FileSalt;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly chunks: number;
  readonly chunkBytes: number;
}

/** A segment, and what `EntryWriter` made of it. */
export interface SegmentEntries extends IndexedSegment {
  readonly entries: Uint8Array;
}

/** Takes the records of a segment, and then those of the next. */
export class EntryWriter implements RecordVisitor {
  readonly #readFacts: ReadFacts;
  readonly #facts: RecordFacts = newFacts();
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #lastMessageAt = 0;
  #lastQueue = 0;
  #lastPlace = 0;

  constructor(readFacts: ReadFacts) {
    this.#readFacts = readFacts;
  }

  /** The entries of what was told since the last time. */
  take(): Uint8Array {
    const entries = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    this.#lastMessageAt = 0;
    this.#lastQueue = 0;
    this.#lastPlace = 0;
    return entries;
  }

  message(view: DataView, holdersAt: number, holders: number, at: number): void {
    if (holders === 0) return;
    this.#reserve(ENTRY_BYTES + holders * HOLDER_BYTES);
    const facts = this.#facts;
    this.#readFacts(view, at, facts);
    const queue = view.getUint32(holdersAt);
    const place = readU48(view, holdersAt + 4);
    const isNext = holders === 1 && queue === this.#lastQueue && place === this.#lastPlace + 1;
    const isTimed = facts.publishedAtMs !== undefined || facts.expirationMs !== undefined;
    this.#bytes[this.#at++] =
      RecordType.MESSAGE | (isNext ? NEXT_PLACE : 0) | (isTimed ? TIMED : 0);
    this.#integer(at - this.#lastMessageAt);
    this.#integer(facts.bodyBytes);
    if (!isNext) this.#holders(view, holdersAt, holders);
    if (isTimed) {
      this.#view.setFloat64(this.#at, facts.publishedAtMs ?? Number.NaN);
      this.#view.setFloat64(this.#at + 8, facts.expirationMs ?? Number.NaN);
      this.#at += 16;
    }
    const lastHolderAt = holdersAt + (holders - 1) * HOLDER_BYTES;
    this.#lastMessageAt = at;
    this.#lastQueue = view.getUint32(lastHolderAt);
    this.#lastPlace = readU48(view, lastHolderAt + 4);
  }

  settled(queue: number, first: number, count: number): void {
    this.#other(RecordType.SETTLED, queue, first, count);
  }

  delivered(queue: number, below: number): void {
    this.#other(RecordType.DELIVERED, queue, below);
  }

  counted(queue: number, sequence: number, count: number, isFailure: boolean): void {
    const type = isFailure ? RecordType.FAILED : RecordType.RETURNED;
    this.#other(type, queue, sequence, count);
  }

  #holders(view: DataView, holdersAt: number, holders: number): void {
    this.#integer(holders);
    for (let at = holdersAt; at < holdersAt + holders * HOLDER_BYTES; at += HOLDER_BYTES) {
      this.#view.setUint32(this.#at, view.getUint32(at));
      writeU48(this.#view, this.#at + 4, readU48(view, at + 4));
      this.#at += HOLDER_BYTES;
    }
  }

  #other(type: number, queue: number, place: number, count?: number): void {
    this.#reserve(ENTRY_BYTES);
    this.#at =
      count === undefined
        ? writePlace(this.#view, this.#at, type, queue, place)
        : writeCount(this.#view, this.#at, type, queue, place, count);
  }

  #integer(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** The index of a file with these segments. */
export function encodeIndex(file: IndexedFile, segments: readonly SegmentEntries[]): Uint8Array {
  const entriesAt = HEADER_BYTES + segments.length * SEGMENT_BYTES;
  const bytes = new Uint8Array(
    segments.reduce((sum, { entries }) => sum + entries.length, entriesAt),
  );
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, VERSION);
  view.setBigUint64(12, BigInt(file.number));
  view.setUint32(20, file.salt.mark);
  view.setUint32(24, file.salt.seed);
  view.setBigUint64(28, BigInt(file.firstSequence));
  view.setBigUint64(36, BigInt(file.nextSequence));
  view.setUint32(44, file.chunks);
  view.setUint32(48, file.chunkBytes);
  view.setUint32(52, segments.length);
  view.setUint32(56, bytes.length - HEADER_BYTES);
  let at = HEADER_BYTES;
  let next = entriesAt;
  for (const { offset, sizeBytes, end, entries } of segments) {
    view.setUint32(at, offset);
    view.setUint32(at + 4, sizeBytes);
    view.setUint32(at + 8, end);
    view.setUint32(at + 12, entries.length);
    bytes.set(entries, next);
    at += SEGMENT_BYTES;
    next += entries.length;
  }
  view.setUint32(CRC_AT, checksum(bytes));
  return bytes;
}

/** Told of what is in a segment, in order. */
export interface IndexVisitor {
  message(queue: number, place: number, at: number, facts: RecordFacts): void;
  settled(queue: number, first: number, count: number): void;
  delivered(queue: number, below: number): void;
  counted(queue: number, sequence: number, count: number, isFailure: boolean): void;
}

export class FileIndex implements IndexedFile {
  readonly number: number;
  readonly salt: FileSalt;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly segments: readonly IndexedSegment[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the entries of each segment begin, and where the last one's end. */
  readonly #bounds: readonly number[];
  readonly #facts = newFacts();
  #at = 0;

  /** Bytes that were checked. */
  private constructor(bytes: Uint8Array, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
    this.number = Number(view.getBigUint64(12));
    this.salt = { mark: view.getUint32(20), seed: view.getUint32(24) };
    this.firstSequence = Number(view.getBigUint64(28));
    this.nextSequence = Number(view.getBigUint64(36));
    this.chunks = view.getUint32(44);
    this.chunkBytes = view.getUint32(48);
    const count = view.getUint32(52);
    const bounds = [HEADER_BYTES + count * SEGMENT_BYTES];
    const segments: IndexedSegment[] = [];
    for (let at = HEADER_BYTES; at < HEADER_BYTES + count * SEGMENT_BYTES; at += SEGMENT_BYTES) {
      const end = view.getUint32(at + 8);
      segments.push({ offset: view.getUint32(at), sizeBytes: view.getUint32(at + 4), end });
      bounds.push(bounds.at(-1)! + view.getUint32(at + 12));
    }
    this.segments = segments;
    this.#bounds = bounds;
  }

  /** Undefined for what is not an index as this version writes it, as one is that a crash has torn. */
  static decode(bytes: Uint8Array): FileIndex | undefined {
    if (bytes.length < HEADER_BYTES || MAGIC.some((octet, i) => bytes[i] !== octet)) {
      return undefined;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = view.getUint32(56);
    if (view.getUint32(8) !== VERSION || length > bytes.length - HEADER_BYTES) return undefined;
    const whole = bytes.subarray(0, HEADER_BYTES + length);
    return view.getUint32(CRC_AT) === checksum(whole) ? new FileIndex(whole, view) : undefined;
  }

  /** Shows the records of a segment to `visitor`. */
  visit(segment: number, visitor: IndexVisitor): void {
    const end = this.#bounds[segment + 1]!;
    const view = this.#view;
    let queue = 0;
    let place = 0;
    let messageAt = 0;
    this.#at = this.#bounds[segment]!;
    while (this.#at < end) {
      const at = this.#at;
      const tag = this.#bytes[at]!;
      switch (tag & TYPE_MASK) {
        case RecordType.MESSAGE: {
          this.#at += 1;
          messageAt += this.#integer();
          this.#facts.bodyBytes = this.#integer();
          const holders = (tag & NEXT_PLACE) === 0 ? this.#integer() : 0;
          const holdersAt = this.#at;
          this.#at += holders * HOLDER_BYTES;
          this.#readTimes((tag & TIMED) !== 0);
          if (holders === 0) visitor.message(queue, ++place, messageAt, this.#facts);
          for (let i = 0; i < holders; i++) {
            queue = view.getUint32(holdersAt + i * HOLDER_BYTES);
            place = readU48(view, holdersAt + i * HOLDER_BYTES + 4);
            visitor.message(queue, place, messageAt, this.#facts);
          }
          break;
        }
        case RecordType.SETTLED:
          visitor.settled(view.getUint32(at + 1), readU48(view, at + 5), view.getUint32(at + 11));
          this.#at += SETTLED_BYTES;
          break;
        case RecordType.DELIVERED:
          visitor.delivered(view.getUint32(at + 1), readU48(view, at + 5));
          this.#at += DELIVERED_BYTES;
          break;
        default: {
          const count = view.getUint32(at + 11);
          const isFailure = (tag & TYPE_MASK) === RecordType.FAILED;
          visitor.counted(view.getUint32(at + 1), readU48(view, at + 5), count, isFailure);
          this.#at += COUNTED_BYTES;
        }
      }
    }
  }

  #readTimes(isTimed: boolean): void {
    const facts = this.#facts;
    facts.publishedAtMs = isTimed ? timeOf(this.#view.getFloat64(this.#at)) : undefined;
    facts.expirationMs = isTimed ? timeOf(this.#view.getFloat64(this.#at + 8)) : undefined;
    if (isTimed) this.#at += 16;
  }

  #integer(): number {
    let octet = this.#bytes[this.#at++]!;
    let value = octet & 0x7f;
    for (let factor = 0x80; octet >= 0x80; factor *= 0x80) {
      octet = this.#bytes[this.#at++]!;
      value += (octet & 0x7f) * factor;
    }
    return value;
  }
}

function newFacts(): RecordFacts {
  return { bodyBytes: 0, publishedAtMs: undefined, expirationMs: undefined };
}

function timeOf(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : ms;
}

/** Of all but the checksum itself. */
function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(CRC_AT + 4), crc32(bytes.subarray(0, CRC_AT)));
}
