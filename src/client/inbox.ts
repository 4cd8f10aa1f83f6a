// What was delivered to consumers of channels and waits for `drainEvents` to hand it out, one at a time, as in Kombu.
import type { Clock, Timer } from '../platform/clock.ts';
import { type AMQPError, TimeoutError } from './base/errors.ts';
import { warn } from './base/warning.ts';
import { Deque } from './deque.ts';

/** Messages that lie here this long have most likely been forgotten. */
const FORGOTTEN_AFTER_MS = 5_000;

interface Drain {
  handled(run: () => unknown): void;
  failed(error: unknown): void;
}

export class Inbox {
  readonly #clock: Clock;
  readonly #waiting = new Deque<() => unknown>();
  #drains: Drain[] = [];
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
    const drain = this.#drains.shift();
    if (drain) drain.handled(run);
    else {
      this.#waiting.push(run);
      this.#warnLater();
    }
  }

  /** Who drains is told, now or when he comes back: the consumers that he waits for are gone. */
  lost(error: AMQPError): void {
    this.#waiting.takeAll();
    this.#stopWarning();
    const drains = this.#drains.splice(0);
    if (drains.length === 0 && this.#isUsed) this.#lost = error;
    for (const drain of drains) drain.failed(error);
    this.#isUsed = false;
  }

  /** One channel is gone, with its consumers: the next who drains is told. */
  channelLost(error: AMQPError): void {
    const [drain] = this.#drains;
    if (drain) drain.failed(error);
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
    return new Promise((resolve, reject) => {
      const settle = () => {
        timer?.cancel();
        signal?.removeEventListener('abort', aborted);
        this.#drains = this.#drains.filter((one) => one !== drain);
      };
      const drain: Drain = {
        handled: (run) => {
          settle();
          handOut(run).then(resolve, reject);
        },
        failed: (error) => {
          settle();
          reject(error);
        },
      };
      const aborted = () => drain.failed(signal?.reason);
      const timer =
        timeoutMs === undefined
          ? undefined
          : this.#clock.after(timeoutMs, () =>
              drain.failed(new TimeoutError(`nothing was delivered within ${timeoutMs} ms`)),
            );
      signal?.addEventListener('abort', aborted, { once: true });
      this.#drains.push(drain);
    });
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
