// The time of a process that was not running for a while: the wall clock is far ahead, and no timer knows.
import type { Clock, Timer } from '../../src/platform/clock.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';

export class SkippingClock implements Clock {
  readonly #clock = new ManualClock();
  #skippedMs = 0;

  now(): number {
    return this.#clock.now() + this.#skippedMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs, run);
  }

  defer(run: () => void): void {
    this.#clock.defer(run);
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  /** So long nothing ran. */
  skip(ms: number): void {
    this.#skippedMs += ms;
  }
}
