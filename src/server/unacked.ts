// The deliveries of one channel that wait for their acknowledgement, by delivery tag. Tags only grow, so they lie in blocks
// of consecutive tags; a block goes when all of its deliveries are settled. One that is never acknowledged holds its block
// and no more.

import type { PositionHolder, PositionVisitor } from '../store/position-holder.ts';

/** Who a delivery went to. `consumer` is undefined for a basic.get. */
export interface Holder {
  /** One of its deliveries is settled or given back. */
  settled(): void;
  readonly queue: {
    readonly logId: number;
    readonly nextSequence: number;
    readonly isDeleted: boolean;
    settle(sequence: number, slot: number): void;
    reject(sequence: number, slot: number, offset: number): void;
    requeue(
      sequence: number,
      slot: number,
      offset: number,
      bodyBytes: number,
      isFailure: boolean,
    ): void;
  };
}

/**
 * How a delivery ends: acknowledged, refused for good, or given back, either because its consumer could not cope with it or
 * for no fault of the message's.
 */
export type Outcome = 'acknowledged' | 'rejected' | 'failed' | 'returned';

const BLOCK_TAGS = 128;

/** In place of the position of a message that was taken back. */
const NO_SLOT = -1;

/** Has what was taken back. */
const nobody: Holder = {
  settled: () => {},
  queue: {
    logId: 0,
    nextSequence: 0,
    isDeleted: true,
    settle: () => {},
    reject: () => {},
    requeue: () => {},
  },
};

class UnackedBlock {
  firstTag = 0;
  /** Deliveries in here that are not settled. */
  count = 0;
  /** Undefined where a tag is settled, or was never given. */
  readonly holders: (Holder | undefined)[] = new Array<Holder | undefined>(BLOCK_TAGS).fill(
    undefined,
  );
  readonly sequences = new Float64Array(BLOCK_TAGS);
  /** Slot and offset, alternating. */
  readonly positions = new Int32Array(BLOCK_TAGS * 2);
  readonly bodyBytes = new Uint32Array(BLOCK_TAGS);
  /** 1 where a transaction has acknowledged the delivery and may still roll back. */
  readonly reserved = new Uint8Array(BLOCK_TAGS);
}

const spare: UnackedBlock[] = [];
const KEPT_BLOCKS = 256;

export class Unacked implements PositionHolder {
  /** By first tag / BLOCK_TAGS, in ascending order since tags ascend. */
  readonly #blocks = new Map<number, UnackedBlock>();
  #last: UnackedBlock | undefined;
  #count = 0;

  /** Deliveries that are not settled, reserved ones included. */
  get count(): number {
    return this.#count;
  }

  /** Remembers a delivery; its tag must be higher than all before. */
  add(
    tag: number,
    holder: Holder,
    sequence: number,
    slot: number,
    offset: number,
    bodyBytes: number,
  ): void {
    const at = tag % BLOCK_TAGS;
    let block = this.#last;
    if (block === undefined || tag - block.firstTag >= BLOCK_TAGS || tag < block.firstTag) {
      block = this.#blockFor(tag - at);
    }
    block.holders[at] = holder;
    block.sequences[at] = sequence;
    block.positions[at * 2] = slot;
    block.positions[at * 2 + 1] = offset;
    block.bodyBytes[at] = bodyBytes;
    block.count += 1;
    this.#count += 1;
  }

  /** Whether a tag is outstanding and free to be acknowledged. */
  has(tag: number): boolean {
    const block = this.#find(tag);
    const at = tag % BLOCK_TAGS;
    return block !== undefined && block.holders[at] !== undefined && block.reserved[at] === 0;
  }

  /** All tags up to `tag` that are free to be acknowledged, ascending. */
  tagsUpTo(tag: number): number[] {
    return this.#tags(tag, false);
  }

  /** All tags that are not settled, reserved ones included, ascending. */
  allTags(): number[] {
    return this.#tags(Number.POSITIVE_INFINITY, true);
  }

  #tags(last: number, withReserved: boolean): number[] {
    const tags: number[] = [];
    for (const block of this.#blocks.values()) {
      if (block.firstTag > last) break;
      for (let at = 0; at < BLOCK_TAGS && block.firstTag + at <= last; at++) {
        if (block.holders[at] && (withReserved || block.reserved[at] === 0)) {
          tags.push(block.firstTag + at);
        }
      }
    }
    return tags;
  }

  /** Marks an outstanding tag as taken by a transaction, or gives it back. */
  reserve(tag: number, reserved: boolean): void {
    const block = this.#find(tag);
    if (block) block.reserved[tag % BLOCK_TAGS] = reserved ? 1 : 0;
  }

  /** An outstanding delivery is acknowledged. */
  settle(tag: number): void {
    const block = this.#find(tag)!;
    const at = tag % BLOCK_TAGS;
    const holder = block.holders[at]!;
    const sequence = block.sequences[at]!;
    const slot = block.positions[at * 2]!;
    this.#remove(block, at);
    holder.queue.settle(sequence, slot);
    holder.settled();
  }

  /** An outstanding delivery ends in any way. */
  end(tag: number, outcome: Outcome): void {
    if (outcome === 'acknowledged') {
      this.settle(tag);
      return;
    }
    const block = this.#find(tag)!;
    const at = tag % BLOCK_TAGS;
    const holder = block.holders[at]!;
    const sequence = block.sequences[at]!;
    const slot = block.positions[at * 2]!;
    const offset = block.positions[at * 2 + 1]!;
    const bodyBytes = block.bodyBytes[at]!;
    this.#remove(block, at);
    if (outcome === 'rejected') holder.queue.reject(sequence, slot, offset);
    else holder.queue.requeue(sequence, slot, offset, bodyBytes, outcome === 'failed');
    holder.settled();
  }

  /**
   * Gives back everything that `holder` has, for no fault of the messages'. The tags stay outstanding: whoever acknowledges
   * one later has not made a mistake, but it means nothing any more.
   */
  takeBack(holder: Holder): void {
    for (const tag of this.allTags()) {
      const block = this.#find(tag)!;
      const at = tag % BLOCK_TAGS;
      if (block.holders[at] !== holder) continue;
      const slot = block.positions[at * 2]!;
      const offset = block.positions[at * 2 + 1]!;
      block.holders[at] = nobody;
      block.positions[at * 2] = NO_SLOT;
      holder.queue.requeue(block.sequences[at]!, slot, offset, block.bodyBytes[at]!, false);
      holder.settled();
    }
  }

  visitPositions(visitor: PositionVisitor): void {
    for (const { holders, sequences, positions } of this.#blocks.values()) {
      for (let at = 0; at < BLOCK_TAGS; at++) {
        const holder = holders[at];
        const slot = positions[at * 2]!;
        if (!holder || !visitor.moving.has(slot)) continue;
        const queue = holder.queue.isDeleted ? undefined : holder.queue;
        if (!visitor.visit(queue, sequences[at]!, slot, positions[at * 2 + 1]!)) continue;
        positions[at * 2] = visitor.slot;
        positions[at * 2 + 1] = visitor.offset;
      }
    }
  }

  #find(tag: number): UnackedBlock | undefined {
    const last = this.#last;
    if (last && tag >= last.firstTag && tag - last.firstTag < BLOCK_TAGS) return last;
    return this.#blocks.get((tag - (tag % BLOCK_TAGS)) / BLOCK_TAGS);
  }

  #blockFor(firstTag: number): UnackedBlock {
    if (this.#last?.count === 0) this.#drop(this.#last);
    const block = spare.pop() ?? new UnackedBlock();
    block.firstTag = firstTag;
    this.#blocks.set(firstTag / BLOCK_TAGS, block);
    this.#last = block;
    return block;
  }

  #remove(block: UnackedBlock, at: number): void {
    block.holders[at] = undefined;
    block.reserved[at] = 0;
    block.count -= 1;
    this.#count -= 1;
    // The last block stays: the next delivery goes there.
    if (block.count === 0 && block !== this.#last) this.#drop(block);
  }

  #drop(block: UnackedBlock): void {
    this.#blocks.delete(block.firstTag / BLOCK_TAGS);
    if (spare.length < KEPT_BLOCKS) spare.push(block);
  }
}
