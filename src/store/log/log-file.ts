// One file of the log:
//
//   header: `LEVERET\n` | version u32 | number u64 | first chunk sequence u64 | crc u32, then zeros up to 4096
//   segments, one behind the other from 4096 on
//
// Files are numbered from 1 and read in that order. A file that holds nothing any more is kept aside and used again, since
// writing where there are blocks already is quicker than growing.
import { crc32 } from 'node:zlib';
import type { DataFile } from '../../platform/files.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';

export const FILE_HEADER_BYTES = 4096;
export const FORMAT_VERSION = 1;
/** What a file is made with: room for 16 segments of the standard size. */
export const FILE_BYTES = FILE_HEADER_BYTES + 16 * SEGMENT_BYTES;
/** What has to do where there is no space for that. */
export const SMALL_FILE_BYTES = FILE_HEADER_BYTES + SEGMENT_BYTES;

const MAGIC = new TextEncoder().encode('LEVERET\n');
const CHECKED_BYTES = 28;

export interface FileHeader {
  readonly version: number;
  readonly number: number;
  readonly firstSequence: number;
}

export function encodeFileHeader(number: number, firstSequence: number): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION);
  view.setBigUint64(12, BigInt(number));
  view.setBigUint64(20, BigInt(firstSequence));
  view.setUint32(CHECKED_BYTES, crc32(bytes.subarray(0, CHECKED_BYTES)));
  return bytes;
}

/** Undefined for what is not the header of a log file. */
export function decodeFileHeader(bytes: Uint8Array): FileHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (MAGIC.some((octet, i) => bytes[i] !== octet)) return undefined;
  if (view.getUint32(CHECKED_BYTES) !== crc32(bytes.subarray(0, CHECKED_BYTES))) return undefined;
  return {
    version: view.getUint32(8),
    number: Number(view.getBigUint64(12)),
    firstSequence: Number(view.getBigUint64(20)),
  };
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
  /** What it was made with. */
  readonly madeBytes: number;
  /** Where the next segment begins. */
  end = FILE_HEADER_BYTES;
  /** Segments in here that hold anything, or are not written yet. */
  liveSegments = 0;
  /** Takes no more segments. */
  isFull = false;

  constructor(number: number, file: DataFile, madeBytes = FILE_BYTES) {
    this.number = number;
    this.file = file;
    this.madeBytes = madeBytes;
  }
}
