// The last samples of one object's counters, in a ring: what rates and the curves of a page are made of.

export class CounterHistory {
  readonly #width: number;
  readonly #capacity: number;
  readonly #values: Float64Array;
  readonly #timesMs: Float64Array;
  #count = 0;

  /** Keeps `capacity` samples of `width` counters each. */
  constructor(width: number, capacity: number) {
    this.#width = width;
    this.#capacity = capacity;
    this.#values = new Float64Array(width * capacity);
    this.#timesMs = new Float64Array(capacity);
  }

  get sampleCount(): number {
    return Math.min(this.#count, this.#capacity);
  }

  push(timeMs: number, values: Float64Array): void {
    const at = this.#count % this.#capacity;
    this.#timesMs[at] = timeMs;
    this.#values.set(values.subarray(0, this.#width), at * this.#width);
    this.#count += 1;
  }

  /** The value of a counter `age` samples ago; 0 is the newest. */
  value(counter: number, age: number): number {
    return this.#values[this.#indexOf(age) * this.#width + counter]!;
  }

  timeMs(age: number): number {
    return this.#timesMs[this.#indexOf(age)]!;
  }

  #indexOf(age: number): number {
    return (this.#count - 1 - age) % this.#capacity;
  }

  /** Per second, over the last interval; 0 before there are two samples. */
  rate(counter: number): number {
    if (this.sampleCount < 2) return 0;
    const seconds = (this.timeMs(0) - this.timeMs(1)) / 1000;
    return seconds > 0 ? (this.value(counter, 0) - this.value(counter, 1)) / seconds : 0;
  }
}
