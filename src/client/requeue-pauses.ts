// Messages that failed, on their way back to their queue: each after a pause that doubles with its failures, so that nothing is lost
// and nothing spins.
import type { Clock, Timer } from '../platform/clock.ts';
import type { Message } from './message.ts';

const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 30_000;
/** Messages whose failures are counted here because the broker does not count them. */
const MAX_COUNTED = 10_000;

export class RequeuePauses {
  readonly #clock: Clock;
  readonly #requeue: (message: Message) => void;
  readonly #timers = new Map<Message, Timer>();
  readonly #failures = new Map<string, number>();

  constructor(clock: Clock, requeue: (message: Message) => void) {
    this.#clock = clock;
    this.#requeue = requeue;
  }

  add(message: Message): void {
    const failures = this.#countFailure(message);
    const ms = Math.min(FIRST_PAUSE_MS * 2 ** failures, LAST_PAUSE_MS);
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(message);
      this.#requeue(message);
    });
    this.#timers.set(message, timer);
  }

  /** How often it has failed before, as far as the broker or we know. */
  #countFailure(message: Message): number {
    const { messageId } = message.properties;
    const known = messageId === undefined ? undefined : this.#failures.get(messageId);
    const failures = Math.max(known ?? 0, message.deliveryInfo.deliveryCount);
    if (messageId !== undefined) {
      if (this.#failures.size >= MAX_COUNTED) this.#failures.clear();
      this.#failures.set(messageId, failures + 1);
    }
    return failures;
  }

  /** It went well after all. */
  forget(message: Message): void {
    if (this.#failures.size > 0) this.#failures.delete(message.properties.messageId ?? '');
  }

  /** The channel is gone: they go back by themselves. */
  cancel(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
