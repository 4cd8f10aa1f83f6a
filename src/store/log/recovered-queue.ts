// What recovery finds of one queue: places that were filled, and places that were settled. What is left are its messages.
import type { SegmentTable } from '../segment-table.ts';
import { releaseRecovered } from './log-recovery.ts';

const INITIAL = 64;

export class RecoveredQueue {
  #sequences = new Float64Array(INITIAL);
  /** Slot and offset, alternating. */
  #positions = new Int32Array(INITIAL * 2);
  #size = 0;
  #isSorted = true;
  readonly #settled: { first: number; end: number }[] = [];
  /** Places below this may have been delivered. */
  deliveredBelow = 0;
  /** The place that the next message takes. */
  nextSequence = 0;
  readonly #lost = new Set<number>();
  /** Messages that the log held and that could not be read. */
  lost = 0;

  /** Messages, in order, once `finish` was called. */
  get size(): number {
    return this.#size;
  }
  sequence(index: number): number {
    return this.#sequences[index]!;
  }
  slot(index: number): number {
    return this.#positions[index * 2]!;
  }
  offset(index: number): number {
    return this.#positions[index * 2 + 1]!;
  }

  add(sequence: number, slot: number, offset: number): void {
    const at = this.#size;
    if (at === this.#sequences.length) this.#grow();
    if (at > 0 && sequence <= this.#sequences[at - 1]!) this.#isSorted = false;
    this.#sequences[at] = sequence;
    this.#positions[at * 2] = slot;
    this.#positions[at * 2 + 1] = offset;
    this.#size = at + 1;
    this.nextSequence = Math.max(this.nextSequence, sequence + 1);
  }

  settled(first: number, count: number): void {
    const last = this.#settled.at(-1);
    if (last && last.end === first) last.end = first + count;
    else this.#settled.push({ first, end: first + count });
    this.nextSequence = Math.max(this.nextSequence, first + count);
  }

  delivered(below: number): void {
    this.deliveredBelow = below;
  }

  /** The message in that place could not be read. */
  lose(sequence: number): void {
    this.#lost.add(sequence);
    this.nextSequence = Math.max(this.nextSequence, sequence + 1);
  }

  /**
   * Takes out what was settled, and all but the newest copy of what was moved. With `guessesLoss`, places that were neither
   * filled nor settled, though later ones were, count as lost, too; messages that were not to last left such places as well.
   */
  finish(table: SegmentTable, guessesLoss = false): void {
    this.#sort();
    this.#settled.sort((a, b) => a.first - b.first);
    const settled = this.#settled;
    let range = 0;
    let kept = 0;
    for (let i = 0; i < this.#size; i++) {
      const sequence = this.#sequences[i]!;
      this.#lost.delete(sequence);
      while (range < settled.length && settled[range]!.end <= sequence) range += 1;
      const isSettled = range < settled.length && settled[range]!.first <= sequence;
      const isCopied = i + 1 < this.#size && this.#sequences[i + 1] === sequence;
      if (isSettled || isCopied) {
        releaseRecovered(table, this.slot(i));
        continue;
      }
      this.#sequences[kept] = sequence;
      this.#positions[kept * 2] = this.slot(i);
      this.#positions[kept * 2 + 1] = this.offset(i);
      kept += 1;
    }
    this.#size = kept;
    this.lost = guessesLoss ? this.#emptyPlaces() : this.#lostPlaces();
  }

  /** Places that are known to be lost, but for those that were settled. `#settled` is sorted. */
  #lostPlaces(): number {
    let range = 0;
    let lost = 0;
    for (const place of [...this.#lost].sort((a, b) => a - b)) {
      while (range < this.#settled.length && this.#settled[range]!.end <= place) range += 1;
      if (range === this.#settled.length || this.#settled[range]!.first > place) lost += 1;
    }
    return lost;
  }

  /** Places between the first and the last that are neither filled nor settled. Both are sorted. */
  #emptyPlaces(): number {
    let expected = this.#settled[0]?.first ?? this.nextSequence;
    if (this.#size > 0) expected = Math.min(expected, this.#sequences[0]!);
    for (const place of this.#lost) expected = Math.min(expected, place);
    let empty = 0;
    let at = 0;
    for (const { first, end } of [...this.#settled, { first: this.nextSequence, end: 0 }]) {
      for (; at < this.#size && this.#sequences[at]! < first; at++) {
        empty += Math.max(0, this.#sequences[at]! - expected);
        expected = Math.max(expected, this.#sequences[at]! + 1);
      }
      empty += Math.max(0, first - expected);
      expected = Math.max(expected, end);
    }
    return empty;
  }

  /** By sequence; among equal ones the order of reading stays, which is from older to newer. */
  #sort(): void {
    if (this.#isSorted) return;
    const order = Array.from({ length: this.#size }, (_, i) => i);
    const { sequences, positions } = { sequences: this.#sequences, positions: this.#positions };
    order.sort((a, b) => sequences[a]! - sequences[b]! || a - b);
    this.#sequences = Float64Array.from(order, (i) => sequences[i]!);
    this.#positions = new Int32Array(this.#size * 2);
    order.forEach((from, to) => {
      this.#positions[to * 2] = positions[from * 2]!;
      this.#positions[to * 2 + 1] = positions[from * 2 + 1]!;
    });
  }

  #grow(): void {
    const sequences = new Float64Array(this.#size * 2);
    const positions = new Int32Array(this.#size * 4);
    sequences.set(this.#sequences);
    positions.set(this.#positions);
    this.#sequences = sequences;
    this.#positions = positions;
  }
}
