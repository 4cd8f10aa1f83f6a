// Writes chunks that are ready to their places: what lies in one file is one write, and files are written one after the other,
// so that nothing newer is on disk before what is older.
import type { Done } from '../../platform/files.ts';
import type { Segment } from '../segment.ts';
import { sealChunk } from './chunk.ts';
import { encodeFileHeader, FILE_HEADER_BYTES } from './log-file.ts';

/** Part of a segment that waits to be written. The segment has its place in a file. */
export interface PendingChunk {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/** Makes chunks of what has its places in files, numbered from `sequence` on; answers the number that comes next. */
export function sealBatch(batch: readonly PendingChunk[], sequence: number): number {
  for (let index = 0; index < batch.length; index++) {
    const { segment, from, to } = batch[index]!;
    const file = segment.file!;
    if (file.firstSequence === 0) file.firstSequence = sequence + index;
    sealChunk(segment, file.salt, from, to, sequence + index, index);
  }
  return sequence + batch.length;
}

/** Calls `done` when all is written, or with the first error. */
export function writeBatch(batch: readonly PendingChunk[], done: Done): void {
  writeFrom(batch, 0, done);
}

function writeFrom(batch: readonly PendingChunk[], index: number, done: Done): void {
  const first = batch[index];
  if (!first) {
    done(undefined);
    return;
  }
  const { segment, from } = first;
  const file = segment.file!;
  const parts: Uint8Array[] = [];
  let position = segment.fileOffset + from;
  if (position === FILE_HEADER_BYTES) {
    parts.push(encodeFileHeader(file.number, file.firstSequence, file.salt));
    position = 0;
  }
  let next = index;
  for (let item = batch[next]; item && item.segment.file === file; item = batch[next]) {
    next += 1;
    const following = batch[next];
    // Up to the end of the segment when another one follows, so that the write has no gap.
    const bridges = following?.segment.file === file && following.segment !== item.segment;
    parts.push(item.segment.bytes.subarray(item.from, bridges ? item.segment.sizeBytes : item.to));
  }
  file.file.write(position, parts, (error) => {
    if (error) done(error);
    else writeFrom(batch, next, done);
  });
}
