// Warns when half of the time is gone in which the broker wants an answer: when all of it is, it closes the channel, and everything
// in hand comes again, to be done twice. One timer for all messages of a consumer, set for the one that is here longest.
import type { Timer } from '../platform/clock.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { Message } from './message.ts';

export interface AckWatchHost {
  readonly queueName: string;
  /** What has been delivered and not been answered, in any order. */
  unanswered(): Iterable<Message>;
  /** Whether its handler has begun, or ended without an answer. */
  hasBegun(message: Message): boolean;
}

export class AckWatch {
  readonly #core: ConnectionCore;
  readonly #timeoutMs: number;
  readonly #host: AckWatchHost;
  #timer: Timer | undefined;
  /** Those that came until then have been told of. */
  #toldUntilMs = Number.NEGATIVE_INFINITY;

  constructor(core: ConnectionCore, timeoutMs: number, host: AckWatchHost) {
    this.#core = core;
    this.#timeoutMs = timeoutMs;
    this.#host = host;
  }

  /** A message has come. */
  delivered(message: Message): void {
    if (!this.#timer) this.#lookWhenHalfTimeOf(message.receivedAtMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #lookWhenHalfTimeOf(receivedAtMs: number): void {
    const { clock } = this.#core;
    const delayMs = Math.max(0, receivedAtMs + this.#timeoutMs / 2 - clock.now());
    this.#timer = clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    const dueMs = this.#core.clock.now() - this.#timeoutMs / 2;
    let oldest: Message | undefined;
    let count = 0;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const message of this.#host.unanswered()) {
      const { receivedAtMs } = message;
      if (message.acknowledged || message.isStale || receivedAtMs <= this.#toldUntilMs) continue;
      if (receivedAtMs > dueMs) {
        nextMs = Math.min(nextMs, receivedAtMs);
        continue;
      }
      count++;
      if (!oldest || receivedAtMs < oldest.receivedAtMs) oldest = message;
    }
    if (oldest) {
      this.#toldUntilMs = dueMs;
      this.#warn(oldest, count);
    }
    // When nothing is left, the next delivery sets the timer.
    if (nextMs < Number.POSITIVE_INFINITY) this.#lookWhenHalfTimeOf(nextMs);
  }

  #warn(oldest: Message, count: number): void {
    const queue = this.#host.queueName;
    const seconds = (this.#core.clock.now() - oldest.receivedAtMs) / 1000;
    const timeout = this.#timeoutMs / 1000;
    const hasBegun = this.#host.hasBegun(oldest);
    const { messageId } = oldest.properties;
    const which = count === 1 ? 'a message' : `${count} messages`;
    const advice = hasBegun
      ? "a handler that takes so long wants a queue with a longer 'consumerTimeout'"
      : "no handler has begun on it yet: a smaller 'prefetch' leaves more with the broker";
    this.#core.hub.warn(
      {
        type: 'ack-due',
        queue,
        count,
        seconds,
        timeout,
        hasBegun,
        ...(messageId !== undefined && { messageId }),
      },
      queue,
      `${which} of '${queue}' not answered for ${Math.round(seconds)} s; after ${timeout} s the broker closes the channel, and all that is in hand comes again: ${advice}`,
    );
  }
}
