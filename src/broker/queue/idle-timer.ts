// Notices that nobody has used a queue for a while (`x-expires`): no consumer, no redeclaration, no basic.get.
import type { Clock, Timer } from '../../platform/clock.ts';

/** As in schedule.ts. */
const MAX_TIMER_MS = 3_600_000;

export class IdleTimer {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  #idleMs = Number.POSITIVE_INFINITY;
  #usedAtMs = 0;
  #isInUse = false;
  #timer: Timer | undefined;

  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  /** From now on it is idle after so long, or (infinite) never. */
  set(idleMs: number): void {
    if (idleMs === this.#idleMs) return;
    this.#idleMs = idleMs;
    this.used();
  }

  /** Somebody begins to use it and goes on to, or has ended. */
  inUse(isInUse: boolean): void {
    this.#isInUse = isInUse;
    this.used();
  }

  /** Somebody has used it. */
  used(): void {
    if (this.#idleMs === Number.POSITIVE_INFINITY) {
      this.stop();
      return;
    }
    this.#usedAtMs = this.#clock.now();
    if (!this.#timer) this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A use while the timer runs only moves the time, so that using it often costs nothing. */
  #arm(): void {
    if (this.#isInUse) return;
    const leftMs = this.#usedAtMs + this.#idleMs - this.#clock.now();
    this.#timer = this.#clock.after(Math.min(Math.max(0, leftMs), MAX_TIMER_MS), () => {
      this.#timer = undefined;
      if (this.#isInUse) return;
      if (this.#usedAtMs + this.#idleMs <= this.#clock.now()) this.#onIdle();
      else this.#arm();
    });
  }
}
