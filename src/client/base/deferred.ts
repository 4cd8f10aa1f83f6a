// A promise that its owner settles, once: sooner than a time limit and a signal, which go with it whoever comes first.
import type { Clock, Timer } from '../../platform/clock.ts';

export class Deferred<T = void> {
  readonly promise: Promise<T>;
  #settle: { resolve(value: T): void; reject(error: unknown): void } | undefined;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  // Both may be handed to `then` as they are.
  readonly resolve = (value: T): void => this.#end()?.resolve(value);
  readonly reject = (error: unknown): void => this.#end()?.reject(error);

  /** Whoever calls this first may settle it. */
  #end() {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#timer?.cancel();
    this.#stopListening?.();
    return settle;
  }

  /** Calls `late`, which should settle it, when nobody has after `ms`; never when that is undefined. */
  within(clock: Clock, ms: number | undefined, late: () => void): this {
    if (ms !== undefined && this.#settle) this.#timer = clock.after(ms, late);
    return this;
  }

  /** The signal rejects it with its reason. */
  abortedBy(signal: AbortSignal | undefined): this {
    if (!signal || !this.#settle) return this;
    const aborted = () => this.reject(signal.reason);
    if (signal.aborted) aborted();
    else {
      signal.addEventListener('abort', aborted, { once: true });
      this.#stopListening = () => signal.removeEventListener('abort', aborted);
    }
    return this;
  }
}
