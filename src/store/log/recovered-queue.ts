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
  /** Places that were neither filled nor settled, though later ones were: lost, if the log is damaged. */
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

  /** Takes out what was settled, and all but the newest copy of what was moved. */
  finish(table: SegmentTable): void {
    this.#sort();
    this.#settled.sort((a, b) => a.first - b.first);
    const settled = this.#settled;
    let range = 0;
    let kept = 0;
    let expected = Math.min(this.#sequences[0] ?? 0, settled[0]?.first ?? Number.POSITIVE_INFINITY);
    for (let i = 0; i < this.#size; i++) {
      const sequence = this.#sequences[i]!;
      for (; range < settled.length && settled[range]!.end <= sequence; range++) {
        this.lost += Math.max(0, settled[range]!.first - expected);
        expected = Math.max(expected, settled[range]!.end);
      }
      const isSettled = range < settled.length && settled[range]!.first <= sequence;
      const isCopied = i + 1 < this.#size && this.#sequences[i + 1] === sequence;
      if (!isSettled) {
        this.lost += Math.max(0, sequence - expected);
        expected = Math.max(expected, sequence + 1);
      }
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
