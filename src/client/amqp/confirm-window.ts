// Publishes that the broker has not answered yet, by their number on the channel: a ring, so that a confirm costs an index and
// a confirm of a thousand costs a walk.

const INITIAL_CAPACITY = 64;

export class ConfirmWindow<T> {
  #ring: (T | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined);
  /** The oldest number that may be open, and the one that the next publish gets. Confirms count from 1. */
  #first = 1;
  #next = 1;
  #open = 0;

  /** How many are open. */
  get size(): number {
    return this.#open;
  }

  /** Gives a publish its number. */
  add(entry: T): number {
    if (this.#next - this.#first === this.#ring.length) this.#grow();
    const number = this.#next++;
    this.#ring[number & (this.#ring.length - 1)] = entry;
    this.#open++;
    return number;
  }

  #grow(): void {
    const larger: (T | undefined)[] = new Array(this.#ring.length * 2).fill(undefined);
    for (let number = this.#first; number < this.#next; number++) {
      larger[number & (larger.length - 1)] = this.#ring[number & (this.#ring.length - 1)];
    }
    this.#ring = larger;
  }

  /**
   * The broker has answered `number` and, with `multiple`, all before it (0 = all there are). Calls `settled` for each that
   * was open, in order.
   * @returns false for a number that was never given.
   */
  settle(number: number, multiple: boolean, settled: (entry: T) => void): boolean {
    const last = multiple && number === 0 ? this.#next - 1 : number;
    if (last >= this.#next || (last < 1 && !multiple)) return false;
    const mask = this.#ring.length - 1;
    const from = multiple ? this.#first : Math.max(last, this.#first);
    for (let at = from; at <= last; at++) {
      const entry = this.#ring[at & mask];
      if (entry === undefined) continue;
      this.#ring[at & mask] = undefined;
      this.#open--;
      settled(entry);
      // `settled` may have published, and the ring may have grown: start over from where it stands.
      if (this.#ring.length - 1 !== mask) {
        return multiple ? this.#finish(last, settled) : this.#moveFirst();
      }
    }
    return this.#moveFirst();
  }

  #finish(last: number, settled: (entry: T) => void): boolean {
    this.#moveFirst();
    return this.#first > last ? true : this.settle(last, true, settled);
  }

  #moveFirst(): boolean {
    const mask = this.#ring.length - 1;
    while (this.#first < this.#next && this.#ring[this.#first & mask] === undefined) this.#first++;
    return true;
  }

  /** The open ones, oldest first. */
  *[Symbol.iterator](): Generator<T> {
    for (let number = this.#first; number < this.#next; number++) {
      const entry = this.#ring[number & (this.#ring.length - 1)];
      if (entry !== undefined) yield entry;
    }
  }

  /** Takes out all that are open, oldest first. */
  takeAll(): T[] {
    const entries = [...this];
    this.#ring.fill(undefined);
    this.#first = this.#next;
    this.#open = 0;
    return entries;
  }
}
