// A block of bytes with both views that hot code needs: octets to index, a DataView for wider numbers. A Uint8Array alone
// would make every reader build its own DataView; measured, 4-byte DataView steps copy short runs fastest (bench/README.md).

/** A run of bytes that is allocated once and addressed by offset. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Wraps `bytes` without copying. */
export function blockOf(bytes: Uint8Array): Block {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** A fresh block of `sizeBytes`. The system hands out zero pages as they are touched, so a large one costs little. */
export function allocateBlock(sizeBytes: number): Block {
  return blockOf(new Uint8Array(sizeBytes));
}

/** From this length on, the engine's own copy beats a loop. */
const BULK_COPY_FROM = 104;

/** Copies `length` bytes; the two ranges must not overlap within one block. */
export function copyBytes(
  source: Block,
  sourceAt: number,
  target: Block,
  targetAt: number,
  length: number,
): void {
  if (length >= BULK_COPY_FROM) {
    const { buffer, byteOffset } = source.bytes;
    target.bytes.set(new Uint8Array(buffer, byteOffset + sourceAt, length), targetAt);
    return;
  }
  const from = source.view;
  const to = target.view;
  let done = 0;
  for (; done + 8 <= length; done += 8) {
    to.setInt32(targetAt + done, from.getInt32(sourceAt + done, true), true);
    to.setInt32(targetAt + done + 4, from.getInt32(sourceAt + done + 4, true), true);
  }
  if (done + 4 <= length) {
    to.setInt32(targetAt + done, from.getInt32(sourceAt + done, true), true);
    done += 4;
  }
  for (; done < length; done++) to.setUint8(targetAt + done, from.getUint8(sourceAt + done));
}

/** Whether two runs of `length` bytes are the same. */
export function sameBytes(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
