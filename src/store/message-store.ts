// Where messages lie: records in large segments outside the JavaScript heap, so that the collector never walks a backlog.
// A record is addressed by its segment's slot and its offset there (two small integers, which cost nothing to pass around).
// It is written once however many queues it reaches: a segment counts the references to all its records, and comes back
// when the last one is released. What a record means is the broker's business.

/** Records larger than this get a segment of their own. */
export const SEGMENT_BYTES = 1024 * 1024;

/** Empty segments kept for the next record; more than that go back to the system. */
const KEPT_SEGMENTS = 16;

export class Segment {
  readonly slot: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the record that was allocated last begins. */
  recordAt = 0;
  /** Where the next record begins. */
  end = 0;
  /** References to all records in here. */
  references = 0;
  /** Takes no more records. */
  sealed = false;

  constructor(slot: number, bytes: Uint8Array) {
    this.slot = slot;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Told whenever the store takes or gives back memory. */
export type MemoryListener = (usedBytes: number) => void;

export class MessageStore {
  /** By slot; a free slot holds undefined. */
  readonly #segments: (Segment | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #spare: Uint8Array[] = [];
  readonly #onMemory: MemoryListener;
  #active: Segment;
  #usedBytes = 0;

  constructor(onMemory: MemoryListener = () => {}) {
    this.#onMemory = onMemory;
    this.#active = this.#open(SEGMENT_BYTES);
  }

  /** Bytes of all segments in use, whether their records are still referenced or not. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Makes room for a record of `sizeBytes` that `references` holders will release one by one. The caller fills in
   * `sizeBytes` bytes at `recordAt` of the segment it is given.
   */
  allocate(sizeBytes: number, references: number): Segment {
    let segment = this.#active;
    if (segment.end + sizeBytes > segment.bytes.length) segment = this.#roomFor(sizeBytes);
    segment.recordAt = segment.end;
    segment.end += sizeBytes;
    segment.references += references;
    return segment;
  }

  /** The segment in a slot that still has references. */
  segment(slot: number): Segment {
    return this.#segments[slot]!;
  }

  /** Adds holders to a record that has at least one. */
  retain(slot: number, references: number): void {
    this.#segments[slot]!.references += references;
  }

  /** One holder less. */
  release(slot: number): void {
    const segment = this.#segments[slot]!;
    segment.references -= 1;
    if (segment.references > 0) return;
    // Nothing in the segment that is being filled is needed: begin it again, while it is warm in the cache.
    if (!segment.sealed) segment.end = 0;
    else this.#close(segment);
  }

  #roomFor(sizeBytes: number): Segment {
    if (sizeBytes > SEGMENT_BYTES / 4) {
      const own = this.#open(sizeBytes);
      own.sealed = true;
      return own;
    }
    const full = this.#active;
    full.sealed = true;
    if (full.references === 0) this.#close(full);
    this.#active = this.#open(SEGMENT_BYTES);
    return this.#active;
  }

  #open(sizeBytes: number): Segment {
    const standard = sizeBytes === SEGMENT_BYTES;
    const bytes = (standard ? this.#spare.pop() : undefined) ?? new Uint8Array(sizeBytes);
    const slot = this.#freeSlots.pop() ?? this.#segments.length;
    const segment = new Segment(slot, bytes);
    this.#segments[slot] = segment;
    this.#usedBytes += sizeBytes;
    this.#onMemory(this.#usedBytes);
    return segment;
  }

  #close(segment: Segment): void {
    const { bytes, slot } = segment;
    this.#segments[slot] = undefined;
    this.#freeSlots.push(slot);
    if (bytes.length === SEGMENT_BYTES && this.#spare.length < KEPT_SEGMENTS)
      this.#spare.push(bytes);
    this.#usedBytes -= bytes.length;
    this.#onMemory(this.#usedBytes);
  }
}
