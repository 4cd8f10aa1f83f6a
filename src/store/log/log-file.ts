// One file of the log:
//
//   header: `LEVERET\n` | version u32 | number u64 | first chunk sequence u64 | mark u32 | seed u32 | crc u32, at 0 and at 2048,
//           so that no single sector is worth the file; zeros else
//   segments, one behind the other from 4096 on
//
// Files are numbered from 1 and read in that order. A file that holds nothing any more is kept aside and used again, since
// writing where there are blocks already is quicker than growing.
import { crc32 } from 'node:zlib';
import type { DataFile } from '../../platform/files.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import type { FileSalt } from './file-salt.ts';

export const FILE_HEADER_BYTES = 4096;
export const FORMAT_VERSION = 3;
/** What a file is made with: room for 16 segments of the standard size. */
export const FILE_BYTES = FILE_HEADER_BYTES + 16 * SEGMENT_BYTES;
/** What has to do where there is no space for that. */
export const SMALL_FILE_BYTES = FILE_HEADER_BYTES + SEGMENT_BYTES;

const MAGIC = new TextEncoder().encode('LEVERET\n');
const CHECKED_BYTES = 36;
/** Where the two copies are. */
const COPIES_AT = [0, 2048] as const;
const COPY_BYTES = CHECKED_BYTES + 4;
const FORMER_CHECKED_BYTES = 28;

export interface FileHeader {
  readonly version: number;
  readonly number: number;
  readonly firstSequence: number;
  readonly salt: FileSalt;
}

export function encodeFileHeader(
  number: number,
  firstSequence: number,
  salt: FileSalt,
): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION);
  view.setBigUint64(12, BigInt(number));
  view.setBigUint64(20, BigInt(firstSequence));
  view.setUint32(28, salt.mark);
  view.setUint32(32, salt.seed);
  view.setUint32(CHECKED_BYTES, crc32(bytes.subarray(0, CHECKED_BYTES)));
  for (const at of COPIES_AT) bytes.copyWithin(at, 0, COPY_BYTES);
  return bytes;
}

/** What either copy says; undefined for what is not the header of a log file. */
export function decodeFileHeader(header: Uint8Array): FileHeader | undefined {
  for (const at of COPIES_AT) {
    const copy = decodeCopy(header.subarray(at, at + COPY_BYTES));
    if (copy) return copy;
  }
  return undefined;
}

function decodeCopy(bytes: Uint8Array): FileHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!hasMagic(bytes)) return undefined;
  if (view.getUint32(CHECKED_BYTES) !== crc32(bytes.subarray(0, CHECKED_BYTES))) return undefined;
  return {
    version: view.getUint32(8),
    number: Number(view.getBigUint64(12)),
    firstSequence: Number(view.getBigUint64(20)),
    salt: { mark: view.getUint32(28), seed: view.getUint32(32) },
  };
}

/** Whether this is the header of a format before the first release, which this version does not read. */
export function isFormerHeader(header: Uint8Array): boolean {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const crc = view.getUint32(FORMER_CHECKED_BYTES);
  return (
    hasMagic(header) &&
    view.getUint32(8) < FORMAT_VERSION &&
    crc === crc32(header.subarray(0, FORMER_CHECKED_BYTES))
  );
}

function hasMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((octet, i) => bytes[i] === octet);
}

export function fileName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`;
}

/** The number in a name that `fileName` made, else undefined. */
export function fileNumber(name: string): number | undefined {
  const match = /^(\d{10})\.log$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** A file that is in use. */
export class LogFile {
  readonly number: number;
  readonly file: DataFile;
  readonly salt: FileSalt;
  /** The sequence number of its first chunk, once that is known. */
  firstSequence = 0;
  /** All there are, in order, whether they hold anything or not. */
  readonly segments: Segment[] = [];
  /** Has an index, or is not to get one any more. */
  isIndexed = false;
  /** Something in it could not be read. */
  isDamaged = false;
  /** What it was made with. */
  readonly madeBytes: number;
  /** Where the next segment begins. */
  end = FILE_HEADER_BYTES;
  /** Segments in here that hold anything, or are not written yet. */
  liveSegments = 0;
  /** Takes no more segments. */
  isFull = false;

  constructor(number: number, file: DataFile, salt: FileSalt, madeBytes = FILE_BYTES) {
    this.number = number;
    this.file = file;
    this.salt = salt;
    this.madeBytes = madeBytes;
  }
}
