// First in, first out, of record positions: 8 bytes each, in typed arrays that are chained, so that a queue of millions costs
// the collector a few thousand objects and an empty one costs nothing. Every entry has a sequence number, counted from 0 and
// never used twice, which is its place in the queue for good.

import type { LoggedQueue } from './log/message-log.ts';
import type { PositionVisitor } from './position-holder.ts';

/** The first block of a queue is small: most queues hold a handful. */
const FIRST_BLOCK_ENTRIES = 32;
const BLOCK_ENTRIES = 4096;
const BLOCK_BYTES = BLOCK_ENTRIES * 8;

/** Full-size blocks kept for the next queue that grows. */
const KEPT_BLOCKS = 64;

class PositionBlock {
  /** Slot and offset of each entry, alternating. */
  readonly entries: Int32Array;
  readonly capacity: number;
  next: PositionBlock | undefined;

  constructor(capacity: number) {
    this.entries = new Int32Array(capacity * 2);
    this.capacity = capacity;
  }
}

const spareBlocks: PositionBlock[] = [];

function openBlock(capacity: number): PositionBlock {
  return (
    (capacity === BLOCK_ENTRIES ? spareBlocks.pop() : undefined) ?? new PositionBlock(capacity)
  );
}

function closeBlock(block: PositionBlock): void {
  block.next = undefined;
  if (block.capacity === BLOCK_ENTRIES && spareBlocks.length < KEPT_BLOCKS) spareBlocks.push(block);
}

export class PositionQueue {
  readonly #account: (deltaBytes: number) => void;
  #head: PositionBlock | undefined;
  #tail: PositionBlock | undefined;
  /** Index of the first entry in the head block, and of the first free place in the tail block. */
  #headAt = 0;
  #tailAt = 0;
  #size = 0;
  #headSequence = 0;
  #blockEntries = 0;

  /** `account` is told of every full-size block that is taken or, as a negative number, given back. */
  constructor(account: (deltaBytes: number) => void = () => {}) {
    this.#account = account;
  }

  get size(): number {
    return this.#size;
  }

  /** The sequence number of the entry at the head, or of the next one to come. */
  get headSequence(): number {
    return this.#headSequence;
  }

  /** Bytes of all blocks. */
  get usedBytes(): number {
    return this.#blockEntries * 8;
  }

  /** Gives the next entry that sequence number; the queue must be empty. */
  startAt(sequence: number): void {
    this.#headSequence = sequence;
  }

  push(slot: number, offset: number): void {
    let tail = this.#tail;
    if (tail === undefined || this.#tailAt === tail.capacity) tail = this.#extend();
    const at = this.#tailAt * 2;
    tail.entries[at] = slot;
    tail.entries[at + 1] = offset;
    this.#tailAt += 1;
    this.#size += 1;
  }

  /** Slot of the entry at the head; there must be one. */
  get headSlot(): number {
    return this.#head!.entries[this.#headAt * 2]!;
  }

  /** Offset of the entry at the head; there must be one. */
  get headOffset(): number {
    return this.#head!.entries[this.#headAt * 2 + 1]!;
  }

  /** Removes the entry at the head; there must be one. */
  shift(): void {
    this.#headAt += 1;
    this.#headSequence += 1;
    this.#size -= 1;
    if (this.#size === 0) {
      this.#rewind();
    } else if (this.#headAt === this.#head!.capacity) {
      const done = this.#head!;
      this.#head = done.next;
      this.#headAt = 0;
      this.#close(done);
    }
  }

  /** Shows every position in a moving segment to `visitor`, which may replace it. */
  visit(queue: LoggedQueue | undefined, visitor: PositionVisitor): void {
    let sequence = this.#headSequence;
    let at = this.#headAt;
    for (let block = this.#head; block; block = block.next) {
      const end = block === this.#tail ? this.#tailAt : block.capacity;
      for (; at < end; at++, sequence++) {
        const slot = block.entries[at * 2]!;
        if (!visitor.moving.has(slot)) continue;
        if (!visitor.visit(queue, sequence, slot, block.entries[at * 2 + 1]!)) continue;
        block.entries[at * 2] = visitor.slot;
        block.entries[at * 2 + 1] = visitor.offset;
      }
      at = 0;
    }
  }

  /** Nothing is left: a small block starts over, a large one goes back. */
  #rewind(): void {
    const block = this.#head!;
    this.#headAt = 0;
    this.#tailAt = 0;
    if (block.capacity === FIRST_BLOCK_ENTRIES) return;
    this.#close(block);
    this.#head = undefined;
    this.#tail = undefined;
  }

  #extend(): PositionBlock {
    const block = openBlock(this.#tail === undefined ? FIRST_BLOCK_ENTRIES : BLOCK_ENTRIES);
    if (this.#tail) this.#tail.next = block;
    else this.#head = block;
    this.#tail = block;
    this.#tailAt = 0;
    this.#blockEntries += block.capacity;
    if (block.capacity === BLOCK_ENTRIES) this.#account(BLOCK_BYTES);
    return block;
  }

  #close(block: PositionBlock): void {
    this.#blockEntries -= block.capacity;
    if (block.capacity === BLOCK_ENTRIES) this.#account(-BLOCK_BYTES);
    closeBlock(block);
  }
}
