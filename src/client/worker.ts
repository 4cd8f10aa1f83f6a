// The ready-made mixin: `await new Worker(conn, queues, handler).run()`.
import { ConnectionError } from './base/errors.ts';
import type { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import type { ConsumeOptions } from './consume-options.ts';
import type { Callback, Consumer } from './consumer.ts';
import type { Message } from './message.ts';
import { type BoundConsumer, ConsumerMixin } from './mixin.ts';
import { Queue } from './queue.ts';

// biome-ignore lint/suspicious/noExplicitAny: the handler knows what its messages look like
type AnyQueue = Queue<any>;

export class Worker extends ConsumerMixin {
  connection: Connection;
  queues: AnyQueue[];
  readonly #handler: Callback | undefined;
  readonly #options: ConsumeOptions;

  /**
   * With a handler, messages are acknowledged when it ends well, and what it throws is dealt with as `conn.consume` does. Without
   * one, `onMessage` of the class that extends this is called, as with a ConsumerMixin.
   */
  constructor(
    connection: Connection,
    queues: readonly AnyQueue[] | AnyQueue,
    handler?: Callback | ConsumeOptions,
    options: ConsumeOptions = {},
  ) {
    super();
    this.connection = connection;
    this.queues = queues instanceof Queue ? [queues] : [...queues];
    this.#handler = typeof handler === 'function' ? handler : undefined;
    this.#options = typeof handler === 'object' ? handler : options;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  onMessage(_body: any, message: Message): unknown {
    throw new Error(
      `a message of '${message.origin.queue}' has come, and this Worker has neither a handler nor an onMessage of its own`,
    );
  }

  getConsumers(Consumer: BoundConsumer, _channel: Channel): Consumer[] {
    const callbacks: Callback[] = [(body, message) => this.onMessage(body, message)];
    return [new Consumer({ prefetchCount: 32, ...this.#options, queues: this.queues, callbacks })];
  }

  protected override async work(stopping: AbortSignal): Promise<void> {
    const handler = this.#handler;
    if (!handler) return await super.work(stopping);
    const connection = this.#connection();
    try {
      await connection.ensureConnection({
        ...this.#policy,
        signal: stopping,
        errback: (error, interval) => {
          if (error instanceof ConnectionError) this.onConnectionError(error, interval);
        },
      });
      this.onConnectionRevived();
      const lost = this.#untilLost(connection);
      lost.catch(() => {});
      for (const queue of this.queues) {
        const handle = (message: Message) => handler(message.body, message);
        await connection.consume(queue, handle, this.#options);
      }
      const stopped = new Promise<void>((resolve) => {
        if (stopping.aborted || this.shouldStop) resolve();
        stopping.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([stopped, lost]);
    } catch (error) {
      if (!stopping.aborted) throw error;
    } finally {
      await connection.close({ timeout: this.stopTimeout });
    }
  }

  /** One that gives up when the worker is to. */
  #connection(): Connection {
    const connection = this.createConnection();
    if (this.connectMaxRetries === null) return connection;
    return connection.clone({ recovery: { ...connection.options.recovery, ...this.#policy } });
  }

  get #policy(): { readonly maxRetries?: number } {
    return this.connectMaxRetries === null ? {} : { maxRetries: this.connectMaxRetries };
  }

  /** Tells of outages; rejects when one of them is not to be mended. */
  #untilLost(connection: Connection): Promise<never> {
    connection.on('connected', () => this.onConnectionRevived());
    return new Promise((_, reject) => {
      connection.on('disconnected', ({ error, retryIn }) => {
        if (retryIn === undefined) return;
        this.onConnectionError(error, retryIn);
        connection.link.connected().catch(reject);
      });
    });
  }
}
