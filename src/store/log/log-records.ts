// The records in a chunk:
//
//   message    1 u8 | holders u16 | (queue u32 | sequence u48) × holders | size u32 | `size` bytes
//   settled    2 u8 | queue u32 | first sequence u48 | count u32
//   delivered  3 u8 | queue u32 | below u48
//   failed     4 u8 | queue u32 | sequence u48 | count u32
//   returned   5 u8 | queue u32 | sequence u48 | count u32
//
// A holder is a durable queue and the message's place in it. `settled` takes `count` places away for good. `delivered` says
// that any place below may have been handed to a consumer; it is written when a queue gets its first consumer (below =
// 2⁴⁸ - 1: all there are and will be) and when its last one goes. `failed` says how many deliveries of a message have failed,
// `returned` how many more came to nothing without a failure.
//
// A queue may have several levels, which are numbered each for itself: a place is level × 2⁴⁰ + number.

export const RecordType = {
  MESSAGE: 1,
  SETTLED: 2,
  DELIVERED: 3,
  FAILED: 4,
  RETURNED: 5,
} as const;

/** `below` of a queue that is being consumed. */
export const ALL_PLACES = 0xffff_ffff_ffff;

export const HOLDER_BYTES = 10;
/** Type, holders and size: what a message record takes besides its holders and bytes. */
export const MESSAGE_OVERHEAD_BYTES = 7;
export const SETTLED_BYTES = 15;
export const DELIVERED_BYTES = 11;
export const COUNTED_BYTES = 15;

/** Places of one level. */
export const LEVEL_PLACES = 2 ** 40;

export function levelOf(sequence: number): number {
  return Math.floor(sequence / LEVEL_PLACES);
}

export function writeU48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 2, value >>> 0);
}

export function readU48(view: DataView, at: number): number {
  return view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
}

/** Writes a record of a queue and a place; answers where it ends. */
export function writePlace(
  view: DataView,
  at: number,
  type: number,
  queue: number,
  place: number,
): number {
  view.setUint8(at, type);
  view.setUint32(at + 1, queue);
  writeU48(view, at + 5, place);
  return at + DELIVERED_BYTES;
}

/** Writes a record of a queue, a place and a count; answers where it ends. */
export function writeCount(
  view: DataView,
  at: number,
  type: number,
  queue: number,
  place: number,
  count: number,
): number {
  const countAt = writePlace(view, at, type, queue, place);
  view.setUint32(countAt, count);
  return countAt + 4;
}

/** Told what is in a chunk, in order. */
export interface RecordVisitor {
  /** The bytes of the message are at `at`; its holders begin at `holdersAt`. */
  message(view: DataView, holdersAt: number, holders: number, at: number, sizeBytes: number): void;
  settled(queue: number, first: number, count: number): void;
  delivered(queue: number, below: number): void;
  /** So many deliveries of a message have failed or, without `isFailure`, come to nothing otherwise. */
  counted(queue: number, sequence: number, count: number, isFailure: boolean): void;
}

function isCount(type: number): boolean {
  return type === RecordType.FAILED || type === RecordType.RETURNED;
}

/** Walks over the records from `at` to `end`; false when they are not records. */
export function readRecords(
  view: DataView,
  start: number,
  end: number,
  visitor: RecordVisitor,
): boolean {
  let at = start;
  while (at < end) {
    const type = view.getUint8(at);
    if (type === RecordType.MESSAGE && at + 3 <= end) {
      const holders = view.getUint16(at + 1);
      const sizeAt = at + 3 + holders * HOLDER_BYTES;
      if (sizeAt + 4 > end) return false;
      const size = view.getUint32(sizeAt);
      if (sizeAt + 4 + size > end) return false;
      visitor.message(view, at + 3, holders, sizeAt + 4, size);
      at = sizeAt + 4 + size;
    } else if (type === RecordType.SETTLED && at + SETTLED_BYTES <= end) {
      visitor.settled(view.getUint32(at + 1), readU48(view, at + 5), view.getUint32(at + 11));
      at += SETTLED_BYTES;
    } else if (type === RecordType.DELIVERED && at + DELIVERED_BYTES <= end) {
      visitor.delivered(view.getUint32(at + 1), readU48(view, at + 5));
      at += DELIVERED_BYTES;
    } else if (isCount(type) && at + COUNTED_BYTES <= end) {
      const count = view.getUint32(at + 11);
      const isFailure = type === RecordType.FAILED;
      visitor.counted(view.getUint32(at + 1), readU48(view, at + 5), count, isFailure);
      at += COUNTED_BYTES;
    } else {
      return false;
    }
  }
  return true;
}
