// Notices that this process stood still: a computation that let nothing else run, a container that was frozen, a machine that slept.
// A timer that is late by the wall clock shows all of them, also where timers themselves do not count the sleep.
import type { Clock, Timer } from '../../platform/clock.ts';

const LONGEST_TICK_MS = 5_000;

export class StandstillWatch {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #stoodStill: (ms: number) => void;
  #timer: Timer | undefined;

  /** Calls `stoodStill` with what is known of its length whenever a quarter of a heartbeat was missed, or five seconds. */
  constructor(clock: Clock, heartbeatSeconds: number, stoodStill: (ms: number) => void) {
    const quarterMs = heartbeatSeconds * 250;
    this.#clock = clock;
    this.#tickMs = quarterMs > 0 ? Math.min(quarterMs, LONGEST_TICK_MS) : LONGEST_TICK_MS;
    this.#stoodStill = stoodStill;
    this.#schedule();
  }

  #schedule(): void {
    const dueMs = this.#clock.now() + this.#tickMs;
    this.#timer = this.#clock.after(this.#tickMs, () => {
      this.#schedule();
      const lateMs = this.#clock.now() - dueMs;
      if (lateMs >= this.#tickMs) this.#stoodStill(lateMs);
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
