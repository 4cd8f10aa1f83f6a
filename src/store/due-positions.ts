// Positions of records that are due at a time each, earliest first; of those due at the same time, the one that came first. A
// binary heap in typed arrays, 24 bytes each: what waits leaves in another order than it came, so a chain in the order of
// coming would be kept as long as its most patient entry.
import type { LoggedQueue } from './logged-queue.ts';
import type { PositionVisitor } from './position-holder.ts';

const INITIAL_ENTRIES = 16;
const ENTRY_BYTES = 24;

/** Where a record lies, and when it is due. */
export interface DuePosition {
  readonly sequence: number;
  readonly dueAtMs: number;
  readonly slot: number;
  readonly offset: number;
}

export class DuePositions {
  readonly #account: (deltaBytes: number) => void;
  /** Time and sequence number of each entry, alternating. */
  #keys = new Float64Array(0);
  /** Slot and offset of each entry, alternating. */
  #positions = new Int32Array(0);
  #size = 0;

  /** `account` is told of memory that is taken or, as a negative number, given back. */
  constructor(account: (deltaBytes: number) => void = () => {}) {
    this.#account = account;
  }

  get size(): number {
    return this.#size;
  }

  get usedBytes(): number {
    return (this.#keys.length / 2) * ENTRY_BYTES;
  }

  /** When the first one is due; infinite when there is none. */
  get nextAtMs(): number {
    return this.#size > 0 ? this.#keys[0]! : Number.POSITIVE_INFINITY;
  }

  /** Of the entry that is due first; there must be one. */
  get nextSequence(): number {
    return this.#keys[1]!;
  }
  get nextSlot(): number {
    return this.#positions[0]!;
  }
  get nextOffset(): number {
    return this.#positions[1]!;
  }

  add(dueAtMs: number, sequence: number, slot: number, offset: number): void {
    if (this.#size * 2 === this.#keys.length) {
      this.#resize(Math.max(INITIAL_ENTRIES, this.#size * 2));
    }
    const at = this.#size;
    this.#size += 1;
    this.#rise(at, dueAtMs, sequence, slot, offset);
  }

  /** Removes the entry that is due first; there must be one. */
  shift(): void {
    this.#removeAt(0);
  }

  /** Where the entry of that number is, if it is here. Looks at all of them. */
  find(sequence: number): DuePosition | undefined {
    const at = this.#placeOf(sequence);
    return at < 0 ? undefined : this.#entry(at);
  }

  /** Where the entries of those numbers are, as far as they are here. Looks at all entries, once. */
  locate(sequences: ReadonlySet<number>): Map<number, DuePosition> {
    const found = new Map<number, DuePosition>();
    for (let at = 0; at < this.#size && found.size < sequences.size; at++) {
      const sequence = this.#keys[at * 2 + 1]!;
      if (sequences.has(sequence)) found.set(sequence, this.#entry(at));
    }
    return found;
  }

  /** Removes the entry of that number; it must be here. Looks at all of them. */
  remove(sequence: number): void {
    this.#removeAt(this.#placeOf(sequence));
  }

  /** The entries that so many others come before, in order. Takes time in proportion to `offset` and `limit`. */
  list(offset: number, limit: number): DuePosition[] {
    const found: DuePosition[] = [];
    // Below an entry of the heap there are only later ones: a few candidates are enough to know the next.
    const candidates = new Candidates((a, b) => this.#isBefore(a, b));
    if (this.#size > 0) candidates.add(0);
    for (let before = 0; before < offset + limit; before++) {
      const at = candidates.take();
      if (at === undefined) break;
      if (before >= offset) found.push(this.#entry(at));
      for (let child = at * 2 + 1; child <= at * 2 + 2; child++) {
        if (child < this.#size) candidates.add(child);
      }
    }
    return found;
  }

  /** Calls `visit` with the slot of every entry, in no particular order. */
  eachSlot(visit: (slot: number) => void): void {
    for (let at = 0; at < this.#size; at++) visit(this.#positions[at * 2]!);
  }

  clear(): void {
    this.#size = 0;
    this.#resize(0);
  }

  /** Shows every position in a moving segment to `visitor`, which may replace it. */
  visit(queue: LoggedQueue, visitor: PositionVisitor): void {
    for (let at = 0; at < this.#size; at++) {
      const slot = this.#positions[at * 2]!;
      if (!visitor.moving.has(slot)) continue;
      if (!visitor.visit(queue, this.#keys[at * 2 + 1]!, slot, this.#positions[at * 2 + 1]!)) {
        continue;
      }
      this.#positions[at * 2] = visitor.slot;
      this.#positions[at * 2 + 1] = visitor.offset;
    }
  }

  #entry(at: number): DuePosition {
    return {
      dueAtMs: this.#keys[at * 2]!,
      sequence: this.#keys[at * 2 + 1]!,
      slot: this.#positions[at * 2]!,
      offset: this.#positions[at * 2 + 1]!,
    };
  }

  #placeOf(sequence: number): number {
    for (let at = 0; at < this.#size; at++) if (this.#keys[at * 2 + 1] === sequence) return at;
    return -1;
  }

  #isBefore(a: number, b: number): boolean {
    const keys = this.#keys;
    return isBefore(keys[a * 2]!, keys[a * 2 + 1]!, keys[b * 2]!, keys[b * 2 + 1]!);
  }

  #removeAt(at: number): void {
    this.#size -= 1;
    const last = this.#size;
    if (at !== last) {
      const { dueAtMs, sequence, slot, offset } = this.#entry(last);
      const parent = (at - 1) >> 1;
      if (at > 0 && this.#isBefore(last, parent)) this.#rise(at, dueAtMs, sequence, slot, offset);
      else this.#sink(at, dueAtMs, sequence, slot, offset);
    }
    if (last * 8 < this.#keys.length && this.#keys.length > INITIAL_ENTRIES * 2) {
      this.#resize(last === 0 ? 0 : Math.max(INITIAL_ENTRIES, last * 2));
    }
  }

  /** Puts an entry at a place that is free, or above it. */
  #rise(start: number, dueAtMs: number, sequence: number, slot: number, offset: number): void {
    const keys = this.#keys;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(dueAtMs, sequence, keys[parent * 2]!, keys[parent * 2 + 1]!)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, dueAtMs, sequence, slot, offset);
  }

  /** Puts an entry at a place that is free, or below it. */
  #sink(start: number, dueAtMs: number, sequence: number, slot: number, offset: number): void {
    const keys = this.#keys;
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#isBefore(child + 1, child)) child += 1;
      if (!isBefore(keys[child * 2]!, keys[child * 2 + 1]!, dueAtMs, sequence)) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, dueAtMs, sequence, slot, offset);
  }

  #set(at: number, dueAtMs: number, sequence: number, slot: number, offset: number): void {
    this.#keys[at * 2] = dueAtMs;
    this.#keys[at * 2 + 1] = sequence;
    this.#positions[at * 2] = slot;
    this.#positions[at * 2 + 1] = offset;
  }

  #move(from: number, to: number): void {
    this.#keys[to * 2] = this.#keys[from * 2]!;
    this.#keys[to * 2 + 1] = this.#keys[from * 2 + 1]!;
    this.#positions[to * 2] = this.#positions[from * 2]!;
    this.#positions[to * 2 + 1] = this.#positions[from * 2 + 1]!;
  }

  #resize(capacity: number): void {
    const keys = new Float64Array(capacity * 2);
    const positions = new Int32Array(capacity * 2);
    keys.set(this.#keys.subarray(0, this.#size * 2));
    positions.set(this.#positions.subarray(0, this.#size * 2));
    this.#account((capacity - this.#keys.length / 2) * ENTRY_BYTES);
    this.#keys = keys;
    this.#positions = positions;
  }
}

function isBefore(aDueAtMs: number, a: number, bDueAtMs: number, b: number): boolean {
  return aDueAtMs < bDueAtMs || (aDueAtMs === bDueAtMs && a < b);
}

/** A small heap of places. */
class Candidates {
  readonly #places: number[] = [];
  readonly #isBefore: (a: number, b: number) => boolean;

  constructor(isBefore: (a: number, b: number) => boolean) {
    this.#isBefore = isBefore;
  }

  add(place: number): void {
    const places = this.#places;
    let at = places.push(place) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(place, places[parent]!)) break;
      places[at] = places[parent]!;
      at = parent;
    }
    places[at] = place;
  }

  take(): number | undefined {
    const places = this.#places;
    const first = places[0];
    const last = places.pop();
    if (last === undefined || places.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= places.length) break;
      if (child + 1 < places.length && this.#isBefore(places[child + 1]!, places[child]!)) child++;
      if (!this.#isBefore(places[child]!, last)) break;
      places[at] = places[child]!;
      at = child;
    }
    places[at] = last;
    return first;
  }
}
