// What recovery finds of one queue: places that were filled, and places that were settled. What is left are its messages.
import type { SegmentTable } from '../segment-table.ts';
import { ALL_PLACES, LEVEL_PLACES, levelOf } from './log-records.ts';
import { releaseRecovered } from './log-recovery.ts';

const INITIAL = 64;

/** Notes what is worth knowing of the message at an offset without its bytes at hand. */
export type ReadFacts = (view: DataView, offset: number, facts: RecordFacts) => void;

/** What the broker, which knows what is in a record, wants to know of each without having to read it again. */
export interface RecordFacts {
  bodyBytes: number;
  publishedAtMs: number | undefined;
  expirationMs: number | undefined;
}

export class RecoveredQueue {
  #sequences = new Float64Array(INITIAL);
  /** Slot and offset, alternating. */
  #positions = new Int32Array(INITIAL * 2);
  #bodyBytes = new Uint32Array(INITIAL);
  /** Time of publishing and expiration, alternating, NaN for neither; empty until a message has one. */
  #times = new Float64Array(0);
  #size = 0;
  #isSorted = true;
  readonly #settled: { first: number; end: number }[] = [];
  /** The place that the next message of each level takes. */
  readonly #next = new Map<number, number>();
  /** All that there are may have been delivered; else those below, by level. */
  #allDelivered = false;
  readonly #deliveredBelow = new Map<number, number>();
  /** How many deliveries of a message have failed, by place. */
  readonly failures = new Map<number, number>();
  /** How many more have come to nothing. */
  readonly returns = new Map<number, number>();
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
  /** Whether any message says when it was published. */
  get isTimed(): boolean {
    return this.#times.length > 0;
  }
  bodyBytes(index: number): number {
    return this.#bodyBytes[index]!;
  }
  publishedAtMs(index: number): number | undefined {
    return timeOf(this.#times[index * 2]);
  }
  expirationMs(index: number): number | undefined {
    return timeOf(this.#times[index * 2 + 1]);
  }

  /** Places below this may have been delivered. */
  get deliveredBelow(): number {
    return this.deliveredBelowOf(0);
  }
  /** The place that the next message takes. */
  get nextSequence(): number {
    return this.nextSequenceOf(0);
  }
  /** Levels that have, or had, messages; lowest first. */
  get levels(): number[] {
    return [...this.#next.keys()].sort((a, b) => a - b);
  }
  deliveredBelowOf(level: number): number {
    if (this.#allDelivered) return ALL_PLACES;
    return this.#deliveredBelow.get(level) ?? level * LEVEL_PLACES;
  }
  nextSequenceOf(level: number): number {
    return this.#next.get(level) ?? level * LEVEL_PLACES;
  }

  add(sequence: number, slot: number, offset: number, facts?: RecordFacts): void {
    const at = this.#size;
    if (at === this.#sequences.length) this.#grow();
    if (at > 0 && sequence <= this.#sequences[at - 1]!) this.#isSorted = false;
    this.#sequences[at] = sequence;
    this.#positions[at * 2] = slot;
    this.#positions[at * 2 + 1] = offset;
    if (facts) this.#note(at, facts);
    this.#size = at + 1;
    this.#wasUsed(sequence);
  }

  #note(at: number, { bodyBytes, publishedAtMs, expirationMs }: RecordFacts): void {
    this.#bodyBytes[at] = bodyBytes;
    if (publishedAtMs === undefined && this.#times.length === 0) return;
    if (this.#times.length === 0) {
      this.#times = new Float64Array(this.#sequences.length * 2).fill(Number.NaN);
    }
    this.#times[at * 2] = publishedAtMs ?? Number.NaN;
    this.#times[at * 2 + 1] = expirationMs ?? Number.NaN;
  }

  #wasUsed(sequence: number): void {
    const level = levelOf(sequence);
    this.#next.set(level, Math.max(this.nextSequenceOf(level), sequence + 1));
  }

  settled(first: number, count: number): void {
    const last = this.#settled.at(-1);
    if (last && last.end === first) last.end = first + count;
    else this.#settled.push({ first, end: first + count });
    this.#wasUsed(first + count - 1);
  }

  delivered(below: number): void {
    this.#allDelivered = below === ALL_PLACES;
    if (this.#allDelivered) this.#deliveredBelow.clear();
    else this.#deliveredBelow.set(levelOf(below), below);
  }

  counted(sequence: number, count: number, isFailure: boolean): void {
    (isFailure ? this.failures : this.returns).set(sequence, count);
  }

  /** The message in that place could not be read. */
  lose(sequence: number): void {
    this.#lost.add(sequence);
    this.#wasUsed(sequence);
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
      this.#copy(i, kept);
      kept += 1;
    }
    this.#size = kept;
    this.#dropCounts();
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

  /** Counts of messages that are not there any more. */
  #dropCounts(): void {
    if (this.failures.size + this.returns.size === 0) return;
    const there = new Set(this.#sequences.subarray(0, this.#size));
    for (const counts of [this.failures, this.returns]) {
      for (const sequence of counts.keys()) if (!there.has(sequence)) counts.delete(sequence);
    }
  }

  #copy(from: number, to: number): void {
    this.#sequences[to] = this.#sequences[from]!;
    this.#positions.copyWithin(to * 2, from * 2, from * 2 + 2);
    this.#bodyBytes[to] = this.#bodyBytes[from]!;
    if (this.#times.length > 0) this.#times.copyWithin(to * 2, from * 2, from * 2 + 2);
  }

  #emptyPlaces(): number {
    return this.levels.reduce((sum, level) => sum + this.#emptyPlacesOf(level), 0);
  }

  /** Places of a level between its first and its last that are neither filled nor settled. Both are sorted. */
  #emptyPlacesOf(level: number): number {
    const isOfLevel = (place: number) => levelOf(place) === level;
    const settled = this.#settled.filter(({ first }) => isOfLevel(first));
    const places = this.#sequences.subarray(0, this.#size).filter(isOfLevel);
    const next = this.nextSequenceOf(level);
    let expected = Math.min(settled[0]?.first ?? next, places[0] ?? next);
    for (const place of this.#lost) if (isOfLevel(place)) expected = Math.min(expected, place);
    let empty = 0;
    let at = 0;
    for (const { first, end } of [...settled, { first: next, end: 0 }]) {
      for (; at < places.length && places[at]! < first; at++) {
        empty += Math.max(0, places[at]! - expected);
        expected = Math.max(expected, places[at]! + 1);
      }
      empty += Math.max(0, first - expected);
      expected = Math.max(expected, end);
    }
    return empty;
  }

  /** By sequence; among equal ones the order of reading stays, which is from older to newer. */
  #sort(): void {
    if (this.#isSorted) return;
    const sequences = this.#sequences;
    const order = Uint32Array.from({ length: this.#size }, (_, i) => i);
    order.sort((a, b) => sequences[a]! - sequences[b]! || a - b);
    this.#sequences = Float64Array.from(order, (i) => sequences[i]!);
    this.#bodyBytes = Uint32Array.from(order, (i) => this.#bodyBytes[i]!);
    this.#positions = inOrder(this.#positions, order, new Int32Array(this.#size * 2));
    if (this.#times.length === 0) return;
    this.#times = inOrder(this.#times, order, new Float64Array(this.#size * 2));
  }

  #grow(): void {
    const capacity = this.#size * 2;
    this.#sequences = resized(this.#sequences, new Float64Array(capacity));
    this.#positions = resized(this.#positions, new Int32Array(capacity * 2));
    this.#bodyBytes = resized(this.#bodyBytes, new Uint32Array(capacity));
    if (this.#times.length === 0) return;
    this.#times = resized(this.#times, new Float64Array(capacity * 2).fill(Number.NaN));
  }
}

function timeOf(ms: number | undefined): number | undefined {
  return ms === undefined || Number.isNaN(ms) ? undefined : ms;
}

type Numbers = Float64Array | Int32Array | Uint32Array;

function resized<To extends Numbers>(from: To, to: To): To {
  to.set(from);
  return to;
}

/** Pairs of numbers, in another order. */
function inOrder<To extends Numbers>(pairs: To, order: Uint32Array, to: To): To {
  order.forEach((from, at) => {
    to[at * 2] = pairs[from * 2]!;
    to[at * 2 + 1] = pairs[from * 2 + 1]!;
  });
  return to;
}
