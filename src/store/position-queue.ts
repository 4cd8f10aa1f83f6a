// First in, first out, of record positions: 8 bytes each, in typed arrays that are chained, so that a queue of millions costs
// the collector a few thousand objects and an empty one costs nothing. Between head and tail blocks are packed, mostly into 2
// bytes each. Every entry has a sequence number, counted from 0 and never used twice, which is its place in the queue for good.
// By it an entry may leave from the middle, too: what stays behind is an empty place, which is passed over.

import type { LoggedQueue } from './logged-queue.ts';
import { PackedPositions } from './packed-positions.ts';
import type { PositionVisitor } from './position-holder.ts';

/** The first block of a queue is small: most queues hold a handful. */
const FIRST_BLOCK_ENTRIES = 32;
const BLOCK_ENTRIES = 4096;

/** Arrays of full-size blocks kept for the next queue that grows. */
const KEPT_ARRAYS = 64;

/** So many blocks from the head on are not packed: they are wanted soon. */
const OPEN_BLOCKS = 3;

/** So many places at the front of the list of blocks may be empty before it is made anew. */
const ALLOWED_GONE_BLOCKS = 64;

/** In place of the slot of an entry that left from the middle. */
const EMPTY = -1;

const spareArrays: Int32Array[] = [];

function takeArray(): Int32Array {
  return spareArrays.pop() ?? new Int32Array(BLOCK_ENTRIES * 2);
}

function leaveArray(array: Int32Array): void {
  if (spareArrays.length < KEPT_ARRAYS) spareArrays.push(array);
}

const noEntries = new Int32Array(0);

class PositionBlock {
  readonly capacity: number;
  /** Slot and offset of each entry, alternating; none while it is packed. */
  entries: Int32Array;
  #packed: PackedPositions | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.entries = capacity === BLOCK_ENTRIES ? takeArray() : new Int32Array(capacity * 2);
  }

  get packed(): PackedPositions | undefined {
    return this.#packed;
  }

  get sizeBytes(): number {
    return this.#packed ? this.#packed.sizeBytes : this.capacity * 8;
  }

  /** All of a full-size block must be filled. */
  pack(): void {
    this.#packed = PackedPositions.of(this.entries);
    if (!this.#packed) return;
    leaveArray(this.entries);
    this.entries = noEntries;
  }

  unpack(): void {
    if (!this.#packed) return;
    this.entries = takeArray();
    this.#packed.unpackInto(this.entries);
    this.#packed = undefined;
  }

  /** Nobody uses it any more. */
  close(): void {
    if (this.entries.length === BLOCK_ENTRIES * 2) leaveArray(this.entries);
  }
}

/** The block that was looked into last while it was packed, and what is in it. */
let viewed: PackedPositions | undefined;
const viewedEntries = new Int32Array(BLOCK_ENTRIES * 2);

/** What is in a block, to be read. */
function entriesOf({ packed, entries }: PositionBlock): Int32Array {
  if (!packed) return entries;
  if (packed !== viewed) packed.unpackInto(viewedEntries);
  viewed = packed;
  return viewedEntries;
}

export class PositionQueue {
  readonly #account: (deltaBytes: number) => void;
  /** All blocks in order, behind those that are gone. All but the first have the full size. */
  #blocks: (PositionBlock | undefined)[] = [];
  #goneBlocks = 0;
  #head: PositionBlock | undefined;
  #tail: PositionBlock | undefined;
  /** Index of the first entry in the head block, and of the first free place in the tail block. */
  #headAt = 0;
  #tailAt = 0;
  #size = 0;
  /** Places between head and tail whose entry has left. */
  #emptyPlaces = 0;
  #headSequence = 0;
  #usedBytes = 0;

  /** `account` is told of the memory that is taken beyond a first small block or, as a negative number, given back. */
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

  /** The sequence number of the next entry to come. */
  get nextSequence(): number {
    return this.#headSequence + this.#size + this.#emptyPlaces;
  }

  /** Bytes of all blocks. */
  get usedBytes(): number {
    return this.#usedBytes;
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
    this.#size -= 1;
    if (this.#size === 0) {
      this.#headSequence += 1 + this.#emptyPlaces;
      this.#rewind();
      return;
    }
    this.#advance();
    if (this.#emptyPlaces > 0) this.#skipEmpty();
  }

  /** Removes the entry of that number, wherever it is; it must be there. */
  remove(sequence: number): void {
    if (sequence === this.#headSequence) {
      this.shift();
      return;
    }
    const block = this.#blockOf(sequence)!;
    this.#unpack(block);
    block.entries[this.#placeIn(block, sequence) * 2] = EMPTY;
    this.#emptyPlaces += 1;
    this.#size -= 1;
  }

  /** Whether the entry of that number is still there. */
  has(sequence: number): boolean {
    const block = this.#blockOf(sequence);
    if (block === undefined) return false;
    // Where one has left, the block is not packed again.
    return (
      block.packed !== undefined || block.entries[this.#placeIn(block, sequence) * 2] !== EMPTY
    );
  }

  /** Slot of the entry of that number, which must be there. */
  slotAt(sequence: number): number {
    const block = this.#blockOf(sequence)!;
    return entriesOf(block)[this.#placeIn(block, sequence) * 2]!;
  }

  /** Offset of the entry of that number, which must be there. */
  offsetAt(sequence: number): number {
    const block = this.#blockOf(sequence)!;
    return entriesOf(block)[this.#placeIn(block, sequence) * 2 + 1]!;
  }

  /** The number of the first entry from `sequence` on, or `nextSequence` when there is none. */
  firstFrom(sequence: number): number {
    let at = Math.max(sequence, this.#headSequence);
    while (at < this.nextSequence && !this.has(at)) at += 1;
    return at;
  }

  /** The number of the entry that `index` others come before, or `nextSequence` when there are not so many. */
  sequenceAt(index: number): number {
    if (index >= this.#size) return this.nextSequence;
    if (this.#emptyPlaces === 0) return this.#headSequence + index;
    let sequence = this.#headSequence;
    for (let before = index; before > 0; before--) sequence = this.firstFrom(sequence + 1);
    return sequence;
  }

  /** Shows every position in a moving segment to `visitor`, which may replace it. */
  visit(queue: LoggedQueue | undefined, visitor: PositionVisitor): void {
    let sequence = this.#headSequence;
    let at = this.#headAt;
    for (let index = this.#goneBlocks; index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!;
      const end = block === this.#tail ? this.#tailAt : block.capacity;
      const isPacked = block.packed !== undefined;
      if (block.packed && !block.packed.isIn(visitor.moving)) {
        sequence += end;
        continue;
      }
      this.#unpack(block);
      for (; at < end; at++, sequence++) {
        const slot = block.entries[at * 2]!;
        if (!visitor.moving.has(slot)) continue;
        if (!visitor.visit(queue, sequence, slot, block.entries[at * 2 + 1]!)) continue;
        block.entries[at * 2] = visitor.slot;
        block.entries[at * 2 + 1] = visitor.offset;
      }
      at = 0;
      if (isPacked) this.#pack(block);
    }
  }

  /** The block with the place of that number, if there is one between head and tail. */
  #blockOf(sequence: number): PositionBlock | undefined {
    if (sequence < this.#headSequence || sequence >= this.nextSequence) return undefined;
    const behindHead = sequence - this.#headSequence + this.#headAt - this.#head!.capacity;
    if (behindHead < 0) return this.#head;
    return this.#blocks[this.#goneBlocks + 1 + Math.floor(behindHead / BLOCK_ENTRIES)];
  }

  #placeIn(block: PositionBlock, sequence: number): number {
    const fromHead = sequence - this.#headSequence + this.#headAt;
    return block === this.#head ? fromHead : (fromHead - this.#head!.capacity) % BLOCK_ENTRIES;
  }

  /** Makes the place behind the head the head. */
  #advance(): void {
    this.#headAt += 1;
    this.#headSequence += 1;
    const done = this.#head!;
    if (this.#headAt < done.capacity) return;
    this.#headAt = 0;
    this.#blocks[this.#goneBlocks] = undefined;
    this.#goneBlocks += 1;
    this.#head = this.#blocks[this.#goneBlocks];
    this.#unpack(this.#head!);
    this.#close(done);
    if (this.#goneBlocks < ALLOWED_GONE_BLOCKS || this.#goneBlocks * 2 < this.#blocks.length) {
      return;
    }
    this.#blocks.splice(0, this.#goneBlocks);
    this.#goneBlocks = 0;
  }

  /** Moves the head on to the next entry, which must be there. */
  #skipEmpty(): void {
    while (this.headSlot === EMPTY) {
      this.#emptyPlaces -= 1;
      this.#advance();
    }
  }

  /** Nothing is left: a small block starts over, large ones go back. */
  #rewind(): void {
    this.#headAt = 0;
    this.#tailAt = 0;
    this.#emptyPlaces = 0;
    if (this.#head === this.#tail && this.#head!.capacity === FIRST_BLOCK_ENTRIES) return;
    for (const block of this.#blocks) if (block) this.#close(block);
    this.#blocks = [];
    this.#goneBlocks = 0;
    this.#head = undefined;
    this.#tail = undefined;
  }

  #extend(): PositionBlock {
    const block = new PositionBlock(this.#tail ? BLOCK_ENTRIES : FIRST_BLOCK_ENTRIES);
    const isFar = this.#blocks.length - this.#goneBlocks > OPEN_BLOCKS;
    if (isFar && this.#emptyPlaces === 0) this.#pack(this.#tail!);
    this.#blocks.push(block);
    this.#head ??= block;
    this.#tail = block;
    this.#tailAt = 0;
    this.#use(block, block.sizeBytes);
    return block;
  }

  #pack(block: PositionBlock): void {
    const before = block.sizeBytes;
    block.pack();
    this.#use(block, block.sizeBytes - before);
  }

  #unpack(block: PositionBlock): void {
    if (!block.packed) return;
    const before = block.sizeBytes;
    block.unpack();
    this.#use(block, block.sizeBytes - before);
  }

  #close(block: PositionBlock): void {
    this.#use(block, -block.sizeBytes);
    block.close();
  }

  #use(block: PositionBlock, deltaBytes: number): void {
    this.#usedBytes += deltaBytes;
    if (block.capacity === BLOCK_ENTRIES && deltaBytes !== 0) this.#account(deltaBytes);
  }
}
