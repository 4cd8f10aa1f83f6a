// Messages as an async iterator: `for await (const message of conn.consume(queue))`. Each is acknowledged by whoever takes it;
// leaving the loop cancels the consumer and gives back all that was not.
import type { ConnectionCore } from './connection-core.ts';
import type { ConsumeOptions } from './consume-options.ts';
import { Deque } from './deque.ts';
import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import { HandlerSubscription, type Subscription } from './subscription.ts';

export interface MessageStream<T> extends AsyncIterableIterator<Message<T>>, AsyncDisposable {
  /** The consumer behind it, once the broker has agreed. */
  readonly ready: Promise<Subscription>;
}

interface Reader {
  resolve(result: IteratorResult<Message>): void;
  reject(error: unknown): void;
}

export class SubscriptionStream implements MessageStream<unknown> {
  readonly ready: Promise<Subscription>;
  readonly #subscription: HandlerSubscription;
  readonly #waiting = new Deque<{ readonly message: Message; readonly taken: () => void }>();
  #readers: Reader[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #stopListening: (() => void) | undefined;

  constructor(
    core: ConnectionCore,
    // biome-ignore lint/suspicious/noExplicitAny: the stream's type says what its messages look like
    queue: Queue<any> | string,
    options: ConsumeOptions,
  ) {
    const { signal, ...rest } = options;
    this.#subscription = new HandlerSubscription(core, queue, (message) => this.#push(message), {
      onInvalid: 'dead-letter',
      ...rest,
      ack: 'manual',
    });
    this.#subscription.onGaveUp = (error) => this.#fail(error);
    this.#subscription.onStopped = () => this.#end();
    this.ready = core.subscribe(this.#subscription).then(() => this.#subscription);
    this.ready.catch((error: unknown) => this.#fail(error));
    if (signal) this.#stopWith(signal);
  }

  #stopWith(signal: AbortSignal): void {
    const aborted = () => {
      this.#fail(signal.reason);
      void this.#subscription.stop({ timeout: 0 });
    };
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', aborted);
  }

  /** A handler that ends when the message is taken, so that what waits here counts as in hand. */
  #push(message: Message): Promise<void> | undefined {
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ value: message, done: false });
      return undefined;
    }
    return new Promise((taken) => this.#waiting.push({ message, taken }));
  }

  next(): Promise<IteratorResult<Message>> {
    for (;;) {
      const waiting = this.#waiting.shift();
      if (!waiting) break;
      waiting.taken();
      // Its channel went while it waited: it comes again.
      if (!waiting.message.isStale) return Promise.resolve({ value: waiting.message, done: false });
    }
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      this.#isEnded = true;
      return Promise.reject(error);
    }
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    const reader = this.#readers.shift();
    if (!reader) {
      this.#failure ??= { error };
      return;
    }
    this.#isEnded = true;
    reader.reject(error);
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    this.#stopListening?.();
    for (const { taken } of this.#waiting.takeAll()) taken();
    for (const { resolve } of this.#readers.splice(0)) resolve({ value: undefined, done: true });
  }

  async return(): Promise<IteratorResult<Message>> {
    this.#end();
    await this.#subscription.stop({ timeout: 0 });
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
