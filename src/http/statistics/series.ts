// The histories of one kind of object (queues, channels, …), filled every few seconds. An object that has done nothing for as
// long as histories reach back has none, so that ten thousand idle queues cost a number each.
import { CounterHistory } from './counter-history.ts';

export interface Kind<T extends object> {
  /** What is counted, in the order in which `read` fills it in. */
  readonly names: readonly string[];
  /** How many of them, from the first on, only grow: an object whose counters stand still is idle. */
  readonly counters: number;
  read(object: T, into: Float64Array): void;
}

class Tracked {
  activity = 0;
  activeAtMs: number;
  quietSamples = 0;
  history: CounterHistory | undefined;
  /** What the last sample said of an object that has no history any more; it has not changed since. */
  resting: Float64Array | undefined;

  constructor(nowMs: number) {
    this.activeAtMs = nowMs;
  }
}

export class Series<T extends object> {
  readonly kind: Kind<T>;
  readonly #capacity: number;
  readonly #tracked = new WeakMap<T, Tracked>();
  readonly #scratch: Float64Array;
  readonly #zeros: Float64Array;

  constructor(kind: Kind<T>, capacity: number) {
    this.kind = kind;
    this.#capacity = capacity;
    this.#scratch = new Float64Array(kind.names.length);
    this.#zeros = new Float64Array(kind.names.length);
  }

  sample(object: T, nowMs: number, intervalMs: number): void {
    const { kind } = this;
    kind.read(object, this.#scratch);
    let tracked = this.#tracked.get(object);
    if (!tracked) {
      tracked = new Tracked(nowMs);
      this.#tracked.set(object, tracked);
    }
    let activity = 0;
    for (let i = 0; i < kind.counters; i++) activity += this.#scratch[i]!;
    if (activity !== tracked.activity) {
      tracked.activity = activity;
      tracked.activeAtMs = nowMs;
      tracked.quietSamples = 0;
      if (!tracked.history) {
        tracked.history = new CounterHistory(kind.names.length, this.#capacity);
        // It is new, or stood still: what it did, it did since the sample before this one.
        tracked.history.push(nowMs - intervalMs, tracked.resting ?? this.#zeros);
        tracked.resting = undefined;
      }
    } else {
      tracked.quietSamples += 1;
      if (tracked.quietSamples > this.#capacity && tracked.history) {
        tracked.history = undefined;
        tracked.resting = this.#scratch.slice();
      }
    }
    tracked.history?.push(nowMs, this.#scratch);
  }

  history(object: T): CounterHistory | undefined {
    return this.#tracked.get(object)?.history;
  }

  /** When the object was last seen to have done something; undefined while it does. */
  idleSinceMs(object: T): number | undefined {
    const tracked = this.#tracked.get(object);
    return tracked && tracked.quietSamples > 0 ? tracked.activeAtMs : undefined;
  }
}
