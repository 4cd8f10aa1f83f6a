// How often something may be done: a bucket that fills at a steady rate and is emptied by each act. Kombu's, with our clock.
import type { Clock } from '../../platform/clock.ts';
import { InvalidArgument } from './errors.ts';

export class TokenBucket {
  readonly fillRate: number;
  readonly capacity: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;

  /** `fillRate` tokens come each second, up to `capacity`; it begins full. */
  constructor(clock: Clock, fillRate: number, capacity = 1) {
    if (!(fillRate > 0)) throw new InvalidArgument('fillRate', `must be above 0, not ${fillRate}`);
    if (!(capacity > 0)) throw new InvalidArgument('capacity', `must be above 0, not ${capacity}`);
    this.#clock = clock;
    this.fillRate = fillRate;
    this.capacity = capacity;
    this.#tokens = capacity;
    this.#filledAtMs = clock.now();
  }

  /** Takes `tokens`, when there are that many. */
  canConsume(tokens = 1): boolean {
    if (tokens > this.#fill()) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Seconds until there are `tokens`; 0 when there are. */
  expectedTime(tokens = 1): number {
    return Math.max(0, tokens - this.#fill()) / this.fillRate;
  }

  /** A clock that was set back fills nothing, and takes nothing away. */
  #fill(): number {
    const nowMs = this.#clock.now();
    const passed = Math.max(0, nowMs - this.#filledAtMs) / 1000;
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.capacity, this.#tokens + passed * this.fillRate);
    return this.#tokens;
  }
}
