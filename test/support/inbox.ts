// What has come on one channel and was not asked for yet, in order, and whoever waits for the next of it.
import type { Received } from './received.ts';

/** RabbitMQ gives up on an unfinished handshake after 10 s; nothing else comes near this. */
const TIME_LIMIT_MS = 12_000;

export class Inbox {
  readonly #items: Received[] = [];
  #waiting: ((result: Received | string) => void) | undefined;
  #ended: string | undefined;

  push(item: Received): void {
    if (this.#waiting) this.#waiting(item);
    else this.#items.push(item);
  }

  /** Nothing more will come; `why` is a clause for the message of the test that waits for more. */
  end(why: string): void {
    this.#ended ??= why;
    this.#waiting?.(this.#ended);
  }

  /** The next item, or the reason why there is none. */
  async next(): Promise<Received | string> {
    const item = this.#items.shift() ?? this.#ended;
    if (item !== undefined) return item;
    if (this.#waiting) throw new Error('two waits for the same channel at once');
    return await new Promise((resolve) => {
      const done = (result: Received | string) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(result);
      };
      const timer = setTimeout(done, TIME_LIMIT_MS, `nothing came within ${TIME_LIMIT_MS} ms`);
      this.#waiting = done;
    });
  }
}
