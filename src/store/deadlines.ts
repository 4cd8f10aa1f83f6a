// When each of many things is due: pairs of a sequence number and a time, 16 bytes each outside the collector's reach. Times
// that arrive in order, as those of one time to live do, form a chain of blocks; the others a binary heap. Nobody tells when a
// thing has gone before its time: such entries are dropped when they come to the front of the chain, and all together when
// they are more than those that live.

const FIRST_BLOCK_ENTRIES = 32;
const BLOCK_ENTRIES = 4096;
const ENTRY_BYTES = 16;

/** So many entries of things that are gone are nobody's concern. */
const STALE_ALLOWED = 1024;

/** How many stale entries may go with each new one: more than come, so that they get fewer. */
const DROPPED_PER_ADD = 2;

const HEAP_ENTRIES = 16;

/** Whose deadlines these are. */
export interface DeadlineOwner {
  /** How many things there are that may have a deadline. */
  readonly size: number;
  /** Whether it may still have the thing of that number; cheap, and may be true of what has gone. */
  mayHold(sequence: number): boolean;
  /** Tells exactly which it has, until anything changes. */
  held(): (sequence: number) => boolean;
}

class DeadlineBlock {
  /** Sequence number and time of each entry, alternating. */
  readonly entries: Float64Array;
  readonly capacity: number;
  next: DeadlineBlock | undefined;

  constructor(capacity: number) {
    this.entries = new Float64Array(capacity * 2);
    this.capacity = capacity;
  }
}

const spareBlocks: DeadlineBlock[] = [];

/** Full-size blocks kept for the next chain that grows. */
const KEPT_BLOCKS = 16;

function openBlock(capacity: number): DeadlineBlock {
  return (
    (capacity === BLOCK_ENTRIES ? spareBlocks.pop() : undefined) ?? new DeadlineBlock(capacity)
  );
}

function closeBlock(block: DeadlineBlock): void {
  block.next = undefined;
  if (block.capacity === BLOCK_ENTRIES && spareBlocks.length < KEPT_BLOCKS) spareBlocks.push(block);
}

export class Deadlines {
  readonly #owner: DeadlineOwner;
  readonly #account: (deltaBytes: number) => void;
  #head: DeadlineBlock | undefined;
  #tail: DeadlineBlock | undefined;
  #headAt = 0;
  #tailAt = 0;
  #chainSize = 0;
  /** Of the last entry of the chain. */
  #lastAtMs = Number.NEGATIVE_INFINITY;
  /** Sequence number and time of each entry, alternating; the earliest first. */
  #heap = new Float64Array(0);
  #heapSize = 0;
  #usedBytes = 0;

  /** `account` is told of memory that is taken or, as a negative number, given back. */
  constructor(owner: DeadlineOwner, account: (deltaBytes: number) => void = () => {}) {
    this.#owner = owner;
    this.#account = account;
  }

  /** Entries, those of things that are gone included. */
  get size(): number {
    return this.#chainSize + this.#heapSize;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The earliest time; infinite when there is none. */
  get nextAtMs(): number {
    return Math.min(this.#chainAtMs, this.#heapAtMs);
  }

  /** What is due first; there must be something. */
  get nextSequence(): number {
    return this.#chainAtMs <= this.#heapAtMs
      ? this.#head!.entries[this.#headAt * 2]!
      : this.#heap[0]!;
  }

  /** Removes what is due first; there must be something. */
  shift(): void {
    if (this.#chainAtMs <= this.#heapAtMs) this.#shiftChain();
    else this.#shiftHeap();
  }

  /** The thing of that number is due at `atMs`. One that has two deadlines is due at the earlier one. */
  add(sequence: number, atMs: number): void {
    if (this.#chainSize > 0) this.#dropStale(DROPPED_PER_ADD);
    if (this.size > 2 * this.#owner.size + STALE_ALLOWED) this.#dropAllStale();
    if (atMs >= this.#lastAtMs || this.#chainSize === 0) this.#append(sequence, atMs);
    else this.#pushHeap(sequence, atMs);
  }

  clear(): void {
    while (this.#head) this.#closeHead();
    this.#tail = undefined;
    this.#chainSize = 0;
    this.#heapSize = 0;
    this.#resizeHeap(0);
  }

  get #chainAtMs(): number {
    return this.#chainSize > 0
      ? this.#head!.entries[this.#headAt * 2 + 1]!
      : Number.POSITIVE_INFINITY;
  }

  get #heapAtMs(): number {
    return this.#heapSize > 0 ? this.#heap[1]! : Number.POSITIVE_INFINITY;
  }

  #dropStale(limit: number): void {
    for (let i = 0; i < limit && this.#chainSize > 0; i++) {
      if (this.#owner.mayHold(this.#head!.entries[this.#headAt * 2]!)) return;
      this.#shiftChain();
    }
  }

  /** What went in the order in which it came, as most does, is at the front of the chain. */
  #dropAllStale(): void {
    this.#dropStale(Number.POSITIVE_INFINITY);
    if (this.size > 2 * this.#owner.size + STALE_ALLOWED) this.#rebuild();
  }

  /** Keeps one entry of each thing that is still there: its earliest. */
  #rebuild(): void {
    const isHeld = this.#owner.held();
    const seen = new Set<number>();
    const kept: number[] = [];
    while (this.size > 0) {
      const { nextSequence, nextAtMs } = this;
      this.shift();
      if (!isHeld(nextSequence) || seen.has(nextSequence)) continue;
      seen.add(nextSequence);
      kept.push(nextSequence, nextAtMs);
    }
    for (let i = 0; i < kept.length; i += 2) this.#append(kept[i]!, kept[i + 1]!);
  }

  #append(sequence: number, atMs: number): void {
    let tail = this.#tail;
    if (tail === undefined || this.#tailAt === tail.capacity) tail = this.#extend();
    const at = this.#tailAt * 2;
    tail.entries[at] = sequence;
    tail.entries[at + 1] = atMs;
    this.#tailAt += 1;
    this.#chainSize += 1;
    this.#lastAtMs = atMs;
  }

  #extend(): DeadlineBlock {
    const block = openBlock(this.#tail === undefined ? FIRST_BLOCK_ENTRIES : BLOCK_ENTRIES);
    if (this.#tail) this.#tail.next = block;
    else this.#head = block;
    this.#tail = block;
    this.#tailAt = 0;
    this.#use(block.capacity * ENTRY_BYTES);
    return block;
  }

  #shiftChain(): void {
    this.#headAt += 1;
    this.#chainSize -= 1;
    if (this.#chainSize === 0) {
      this.#headAt = 0;
      this.#tailAt = 0;
      if (this.#head!.capacity === FIRST_BLOCK_ENTRIES) return;
      this.#closeHead();
      this.#tail = undefined;
    } else if (this.#headAt === this.#head!.capacity) {
      this.#closeHead();
    }
  }

  #closeHead(): void {
    const done = this.#head!;
    this.#head = done.next;
    this.#headAt = 0;
    this.#use(-done.capacity * ENTRY_BYTES);
    closeBlock(done);
  }

  #pushHeap(sequence: number, atMs: number): void {
    if (this.#heapSize * 2 === this.#heap.length) {
      this.#resizeHeap(Math.max(HEAP_ENTRIES, this.#heapSize * 2));
    }
    let at = this.#heapSize++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#heap[parent * 2 + 1]! <= atMs) break;
      this.#setHeap(at, this.#heap[parent * 2]!, this.#heap[parent * 2 + 1]!);
      at = parent;
    }
    this.#setHeap(at, sequence, atMs);
  }

  #shiftHeap(): void {
    const heap = this.#heap;
    const last = --this.#heapSize;
    const sequence = heap[last * 2]!;
    const atMs = heap[last * 2 + 1]!;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= last) break;
      if (child + 1 < last && heap[child * 2 + 3]! < heap[child * 2 + 1]!) child++;
      if (heap[child * 2 + 1]! >= atMs) break;
      this.#setHeap(at, heap[child * 2]!, heap[child * 2 + 1]!);
      at = child;
    }
    this.#setHeap(at, sequence, atMs);
    if (last === 0 && heap.length > HEAP_ENTRIES * 2) this.#resizeHeap(0);
  }

  #setHeap(at: number, sequence: number, atMs: number): void {
    this.#heap[at * 2] = sequence;
    this.#heap[at * 2 + 1] = atMs;
  }

  #resizeHeap(capacity: number): void {
    const heap = new Float64Array(capacity * 2);
    heap.set(this.#heap.subarray(0, Math.min(this.#heapSize, capacity) * 2));
    this.#use((heap.length - this.#heap.length) * (ENTRY_BYTES / 2));
    this.#heap = heap;
  }

  #use(deltaBytes: number): void {
    this.#usedBytes += deltaBytes;
    this.#account(deltaBytes);
  }
}
