// The time limits of many publishes with one timer: it is set for the earliest, and by then most have long been settled. One look
// at all that are left, now and then, costs less than a timer for each.
import type { Clock, Timer } from '../platform/clock.ts';
import type { Publication } from './publication.ts';

export class Deadlines {
  readonly #clock: Clock;
  readonly #all: () => Iterable<Publication>;
  readonly #why: (publication: Publication) => string;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  /** `all` gives those that may still be open; `why` says why one that is late is late. */
  constructor(
    clock: Clock,
    all: () => Iterable<Publication>,
    why: (publication: Publication) => string,
  ) {
    this.#clock = clock;
    this.#all = all;
    this.#why = why;
  }

  watch({ deadlineMs }: Publication): void {
    if (deadlineMs < this.#atMs) this.#setTimer(deadlineMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  #setTimer(atMs: number): void {
    this.#timer?.cancel();
    this.#atMs = atMs;
    const delayMs = Math.max(0, atMs - this.#clock.now());
    this.#timer = this.#clock.after(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.stop();
    const nowMs = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    // A copy: ending one may let others in.
    for (const publication of [...this.#all()]) {
      if (publication.isSettled) continue;
      if (publication.deadlineMs <= nowMs) publication.expire(this.#why(publication));
      else nextMs = Math.min(nextMs, publication.deadlineMs);
    }
    if (nextMs < this.#atMs) this.#setTimer(nextMs);
  }
}
