// Positions that came back (requeued deliveries), lowest sequence number first: a binary heap in typed arrays.

import type { LoggedQueue } from './logged-queue.ts';
import type { PositionVisitor } from './position-holder.ts';

const INITIAL_ENTRIES = 16;

export class ReturnedPositions {
  #sequences = new Float64Array(0);
  /** Slot and offset of each entry, alternating; the slot inverted where the message was never delivered. */
  #positions = new Int32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Of the entry with the lowest sequence number; there must be one. */
  get headSequence(): number {
    return this.#sequences[0]!;
  }
  get headSlot(): number {
    const slot = this.#positions[0]!;
    return slot < 0 ? ~slot : slot;
  }
  /** False for one that a crash or a restart left here, and that nobody had seen before. */
  get headWasDelivered(): boolean {
    return this.#positions[0]! >= 0;
  }
  get headOffset(): number {
    return this.#positions[1]!;
  }

  push(sequence: number, slot: number, offset: number, wasDelivered = true): void {
    if (this.#size === this.#sequences.length)
      this.#resize(Math.max(INITIAL_ENTRIES, this.#size * 2));
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#sequences[parent]! <= sequence) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, sequence, wasDelivered ? slot : ~slot, offset);
  }

  /** Removes the entry with the lowest sequence number; there must be one. */
  shift(): void {
    const last = --this.#size;
    this.#move(last, 0);
    this.#sink(0);
    if (last === 0 && this.#sequences.length > INITIAL_ENTRIES) this.#resize(0);
  }

  /** Whether the entry of that number is here. Looks at all of them. */
  has(sequence: number): boolean {
    return this.#sequences.subarray(0, this.#size).includes(sequence);
  }

  /** The numbers of all entries, lowest first. */
  inOrder(): Float64Array {
    return this.#sequences.slice(0, this.#size).sort();
  }

  /** Calls `found` for the entries of those numbers that are here, in no particular order. */
  find(
    sequences: ReadonlySet<number>,
    found: (sequence: number, slot: number, offset: number, wasDelivered: boolean) => void,
  ): void {
    for (let at = 0; at < this.#size; at++) {
      const sequence = this.#sequences[at]!;
      if (!sequences.has(sequence)) continue;
      const slot = this.#positions[at * 2]!;
      found(sequence, slot < 0 ? ~slot : slot, this.#positions[at * 2 + 1]!, slot >= 0);
    }
  }

  /** Removes the entries of those numbers, and passes each to `removed`. All in one go, since each go looks at all entries. */
  remove(
    sequences: ReadonlySet<number>,
    removed: (sequence: number, slot: number, offset: number) => void,
  ): void {
    const end = this.#size;
    let kept = 0;
    for (let at = 0; at < end; at++) {
      const sequence = this.#sequences[at]!;
      const slot = this.#positions[at * 2]!;
      const offset = this.#positions[at * 2 + 1]!;
      if (sequences.has(sequence)) removed(sequence, slot < 0 ? ~slot : slot, offset);
      else this.#set(kept++, sequence, slot, offset);
    }
    this.#size = kept;
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(at);
    if (kept === 0 && this.#sequences.length > INITIAL_ENTRIES) this.#resize(0);
  }

  /** Shows every position in a moving segment to `visitor`, which may replace it. */
  visit(queue: LoggedQueue | undefined, visitor: PositionVisitor): void {
    for (let at = 0; at < this.#size; at++) {
      const stored = this.#positions[at * 2]!;
      const slot = stored < 0 ? ~stored : stored;
      if (!visitor.moving.has(slot)) continue;
      const sequence = this.#sequences[at]!;
      if (!visitor.visit(queue, sequence, slot, this.#positions[at * 2 + 1]!)) continue;
      this.#positions[at * 2] = stored < 0 ? ~visitor.slot : visitor.slot;
      this.#positions[at * 2 + 1] = visitor.offset;
    }
  }

  /** Moves an entry down until no lower number is below it. */
  #sink(start: number): void {
    const sequence = this.#sequences[start]!;
    const slot = this.#positions[start * 2]!;
    const offset = this.#positions[start * 2 + 1]!;
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#sequences[child + 1]! < this.#sequences[child]!) child++;
      if (this.#sequences[child]! >= sequence) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, sequence, slot, offset);
  }

  #set(at: number, sequence: number, slot: number, offset: number): void {
    this.#sequences[at] = sequence;
    this.#positions[at * 2] = slot;
    this.#positions[at * 2 + 1] = offset;
  }

  #move(from: number, to: number): void {
    this.#set(
      to,
      this.#sequences[from]!,
      this.#positions[from * 2]!,
      this.#positions[from * 2 + 1]!,
    );
  }

  #resize(capacity: number): void {
    const sequences = new Float64Array(capacity);
    const positions = new Int32Array(capacity * 2);
    sequences.set(this.#sequences.subarray(0, Math.min(this.#size, capacity)));
    positions.set(this.#positions.subarray(0, Math.min(this.#size, capacity) * 2));
    this.#sequences = sequences;
    this.#positions = positions;
  }
}
