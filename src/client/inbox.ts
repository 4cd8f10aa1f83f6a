// What was delivered to consumers of channels and waits for `drainEvents` to hand it out, one at a time, as in Kombu.
import type { Clock, Timer } from '../platform/clock.ts';
import { Deferred } from './base/deferred.ts';
import { type AMQPError, TimeoutError } from './base/errors.ts';
import { warn } from './base/warning.ts';
import { Deque } from './deque.ts';

/** Messages that lie here this long have most likely been forgotten. */
const FORGOTTEN_AFTER_MS = 5_000;

export class Inbox {
  readonly #clock: Clock;
  readonly #waiting = new Deque<() => unknown>();
  /** Each who drains is handed what hands out one delivery. */
  #drains: Deferred<() => unknown>[] = [];
  /** The connection broke since somebody last looked. */
  #lost: AMQPError | undefined;
  #isUsed = false;
  #warning: Timer | undefined;
  #hasWarned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `run` hands out one delivery. */
  put(run: () => unknown): void {
    this.#isUsed = true;
    const drain = this.#stillDraining().shift();
    if (drain) drain.resolve(run);
    else {
      this.#waiting.push(run);
      this.#warnLater();
    }
  }

  /** Who drains is told, now or when he comes back: the consumers that he waits for are gone. */
  lost(error: AMQPError): void {
    this.#waiting.takeAll();
    this.#stopWarning();
    const drains = this.#stillDraining().splice(0);
    if (drains.length === 0 && this.#isUsed) this.#lost = error;
    for (const drain of drains) drain.reject(error);
    this.#isUsed = false;
  }

  /** One channel is gone, with its consumers: the next who drains is told. */
  channelLost(error: AMQPError): void {
    const [drain] = this.#stillDraining();
    if (drain) drain.reject(error);
    else this.#lost ??= error;
  }

  /** Hands out one delivery; `timeoutMs` is for it to come, not for what is done with it. */
  drain(timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost) return Promise.reject(lost);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const next = this.#waiting.shift();
    if (next) {
      this.#stopWarning();
      if (this.#waiting.size > 0) this.#warnLater();
      return handOut(next);
    }
    const drain = new Deferred<() => unknown>().abortedBy(signal);
    drain.within(this.#clock, timeoutMs, () =>
      drain.reject(new TimeoutError(`nothing was delivered within ${timeoutMs} ms`)),
    );
    this.#stillDraining().push(drain);
    return drain.promise.then(handOut);
  }

  /** Time limits and signals have made an end of others. */
  #stillDraining(): Deferred<() => unknown>[] {
    this.#drains = this.#drains.filter(({ isSettled }) => !isSettled);
    return this.#drains;
  }

  #warnLater(): void {
    if (this.#hasWarned || this.#warning) return;
    this.#warning = this.#clock.after(FORGOTTEN_AFTER_MS, () => {
      this.#hasWarned = true;
      warn(
        'a Consumer on a channel has had messages for 5 s and nobody calls drainEvents(); a Consumer on a connection needs no draining',
      );
    });
  }

  #stopWarning(): void {
    this.#warning?.cancel();
    this.#warning = undefined;
  }

  close(): void {
    this.#stopWarning();
  }
}

async function handOut(run: () => unknown): Promise<void> {
  await run();
}
