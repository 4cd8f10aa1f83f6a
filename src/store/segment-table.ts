// All segments by slot, and the memory they take. Memory of the standard size is kept for the next segment.
import { Segment } from './segment.ts';

/** Records larger than a quarter of this get a segment of their own. */
export const SEGMENT_BYTES = 1024 * 1024;

/** What a segment takes that begins with a chunk of that size: whole ones of the standard size. */
export function segmentBytesFor(chunkBytes: number): number {
  return Math.max(1, Math.ceil(chunkBytes / SEGMENT_BYTES)) * SEGMENT_BYTES;
}

/** Memory kept for the next segments; more than that goes back to the system. */
const KEPT = 16;

export class SegmentTable {
  readonly #segments: (Segment | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #spare: Uint8Array[] = [];
  readonly #onMemory: (usedBytes: number) => void;
  #usedBytes = 0;

  /** `onMemory` is told whenever memory is taken or given back. */
  constructor(onMemory: (usedBytes: number) => void = () => {}) {
    this.#onMemory = onMemory;
  }

  /** Memory of all segments, and what was accounted besides. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get(slot: number): Segment {
    return this.#segments[slot]!;
  }

  *values(): Iterable<Segment> {
    for (const segment of this.#segments) if (segment) yield segment;
  }

  open(sizeBytes: number, isLogged: boolean): Segment {
    const segment = new Segment(this.#freeSlot(), this.takeMemory(sizeBytes), isLogged);
    this.#segments[segment.slot] = segment;
    return segment;
  }

  /** A segment whose records are in a file, without memory for now. */
  openEvicted(sizeBytes: number): Segment {
    const segment = new Segment(this.#freeSlot(), new Uint8Array(0), true);
    segment.sizeBytes = sizeBytes;
    segment.evict();
    this.#segments[segment.slot] = segment;
    return segment;
  }

  /** Nothing in the segment is needed any more. */
  close(segment: Segment): void {
    this.#segments[segment.slot] = undefined;
    this.#freeSlots.push(segment.slot);
    if (segment.isResident) this.giveMemory(segment.evict());
  }

  /** Memory that is taken or given back elsewhere and counts with that of segments. */
  account(deltaBytes: number): void {
    this.#usedBytes += deltaBytes;
    this.#onMemory(this.#usedBytes);
  }

  takeMemory(sizeBytes: number): Uint8Array {
    this.#usedBytes += sizeBytes;
    this.#onMemory(this.#usedBytes);
    return (
      (sizeBytes === SEGMENT_BYTES ? this.#spare.pop() : undefined) ?? new Uint8Array(sizeBytes)
    );
  }

  giveMemory(bytes: Uint8Array): void {
    if (bytes.length === SEGMENT_BYTES && this.#spare.length < KEPT) this.#spare.push(bytes);
    this.#usedBytes -= bytes.length;
    this.#onMemory(this.#usedBytes);
  }

  #freeSlot(): number {
    return this.#freeSlots.pop() ?? this.#segments.length;
  }
}
