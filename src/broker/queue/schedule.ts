// Deadlines with a timer: one for the earliest of all, so that a million cost no more than one.
import type { Clock, Timer } from '../../platform/clock.ts';
import { type DeadlineOwner, Deadlines } from '../../store/deadlines.ts';

/** A timer waits no longer than this, so that a clock that was set is noticed before long; timers count to 25 days anyway. */
const MAX_TIMER_MS = 3_600_000;

export class Schedule {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #onDue: () => void;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** `onDue` is called when something is due, and calls `takeDue` then or later. */
  constructor(
    clock: Clock,
    owner: DeadlineOwner,
    account: (deltaBytes: number) => void,
    onDue: () => void,
  ) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(owner, account);
    this.#onDue = onDue;
  }

  /** The earliest time; infinite when there is none. */
  get nextAtMs(): number {
    return this.#deadlines.nextAtMs;
  }

  add(sequence: number, atMs: number): void {
    this.#deadlines.add(sequence, atMs);
    if (atMs < this.#timerAtMs) this.#arm();
  }

  /** Takes out what is due at `nowMs`, at most `limit` of it, in order of time. Some may have gone long ago. */
  takeDue(nowMs: number, limit: number): number[] {
    const due: number[] = [];
    while (due.length < limit && this.#deadlines.nextAtMs <= nowMs) {
      due.push(this.#deadlines.nextSequence);
      this.#deadlines.shift();
    }
    // What is left over and due is asked for again by whoever asked now.
    if (this.nextAtMs > nowMs) this.#arm();
    return due;
  }

  clear(): void {
    this.#deadlines.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const { nextAtMs } = this;
    if (nextAtMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = nextAtMs;
    const delayMs = Math.max(0, nextAtMs - this.#clock.now());
    this.#timer = this.#clock.after(Math.min(delayMs, MAX_TIMER_MS), () => {
      this.#timer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      if (this.nextAtMs <= this.#clock.now()) this.#onDue();
      else this.#arm();
    });
  }
}
