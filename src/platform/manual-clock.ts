// A clock that stands still until it is moved. `defer` stays real: it is about order, not about time.
import type { Clock, Timer } from './clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  readonly #alarms = new Set<Alarm>();

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const alarm: Alarm = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  /** When the next timer is due; undefined when there is none. */
  get nextAlarmMs(): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#alarms) if (next === undefined || atMs < next) next = atMs;
    return next;
  }

  /** Moves on by `ms`, running what falls due on the way in order of time. */
  advance(ms: number): void {
    const until = this.#nowMs + ms;
    for (;;) {
      let next: Alarm | undefined;
      for (const alarm of this.#alarms) {
        if (alarm.atMs <= until && (!next || alarm.atMs < next.atMs)) next = alarm;
      }
      if (!next) break;
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = until;
  }
}
