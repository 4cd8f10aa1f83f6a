// What is synced at once and recovered at once, or not at all:
//
//   mark u32 | length u32 | sequence u64 | crc u32 | index u32 | records: `length` bytes
//
// The CRC-32 covers everything else. It begins with the salt of the file, and so does the chunk (file-salt.ts), so that what a
// recycled file still holds from its earlier life, or what a message holds, is not a chunk. `index` is how many chunks were written before this one in the same write: those are the
// chunks that a crash may have torn while this one is intact. Sequence numbers go up by one from chunk to chunk through all files.
// All numbers are big-endian.
import { crc32 } from 'node:zlib';
import type { FileSalt } from './file-salt.ts';

export const CHUNK_HEADER_BYTES = 24;

const CHECKED_HEADER_BYTES = 16;
const INDEX_AT = 20;

interface Bytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function checksum(bytes: Uint8Array, seed: number, at: number, end: number): number {
  const header = crc32(bytes.subarray(at, at + CHECKED_HEADER_BYTES), seed);
  return crc32(bytes.subarray(at + INDEX_AT, end), header);
}

/** Fills in the header at `at` for the records that follow it up to `end`. */
export function sealChunk(
  { bytes, view }: Bytes,
  { mark, seed }: FileSalt,
  at: number,
  end: number,
  sequence: number,
  index = 0,
): void {
  view.setUint32(at, mark);
  view.setUint32(at + 4, end - at - CHUNK_HEADER_BYTES);
  view.setUint32(at + 8, Math.floor(sequence / 0x1_0000_0000));
  view.setUint32(at + 12, sequence >>> 0);
  view.setUint32(at + INDEX_AT, index);
  view.setUint32(at + 16, checksum(bytes, seed, at, end));
}

export interface ChunkHeader {
  readonly sequence: number;
  /** How many chunks came before it in the same write. */
  readonly index: number;
  /** Where the records begin and end. */
  readonly recordsAt: number;
  readonly end: number;
}

export interface Chunk extends ChunkHeader {
  readonly isIntact: boolean;
}

/** What the header at `at` says; undefined when there is none, or the chunk would reach beyond `limit`. */
export function readChunkHeader(
  { view }: Bytes,
  { mark }: FileSalt,
  at: number,
  limit: number,
): ChunkHeader | undefined {
  if (at + CHUNK_HEADER_BYTES > limit || view.getUint32(at) !== mark) return undefined;
  const recordsAt = at + CHUNK_HEADER_BYTES;
  const end = recordsAt + view.getUint32(at + 4);
  if (end > limit) return undefined;
  const sequence = view.getUint32(at + 8) * 0x1_0000_0000 + view.getUint32(at + 12);
  return {
    sequence,
    index: view.getUint32(at + INDEX_AT),
    recordsAt,
    end,
  };
}

/** The same, and whether all of the chunk is as it was written. */
export function readChunk(
  block: Bytes,
  salt: FileSalt,
  at: number,
  limit: number,
): Chunk | undefined {
  const header = readChunkHeader(block, salt, at, limit);
  if (!header) return undefined;
  const { bytes, view } = block;
  const isIntact = view.getUint32(at + 16) === checksum(bytes, salt.seed, at, header.end);
  return { ...header, isIntact };
}

/** Whether there are nothing but intact chunks up to `end`. */
export function hasIntactChunks(block: Bytes, salt: FileSalt, end: number): boolean {
  for (let at = 0; at < end; ) {
    const chunk = readChunk(block, salt, at, end);
    if (!chunk?.isIntact) return false;
    at = chunk.end;
  }
  return true;
}

/** The length of the records that a chunk header announces, whether the chunk is all there or not. */
export function announcedBytes(
  { view }: Bytes,
  { mark }: FileSalt,
  at: number,
): number | undefined {
  return view.getUint32(at) === mark ? view.getUint32(at + 4) : undefined;
}
