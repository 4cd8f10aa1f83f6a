// Kombu's ConsumerMixin: a loop that connects, consumes and drains until it is told to stop, and begins again when the connection
// breaks.
import type { Duration } from './base/duration.ts';
import {
  ChannelError,
  ConnectionError,
  type SerializationError,
  TimeoutError,
} from './base/errors.ts';
import { sleep } from './base/sleep.ts';
import { TokenBucket } from './base/token-bucket.ts';
import type { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import type { Message } from './message.ts';
import { Producer } from './producer.ts';

/** The Consumer that `getConsumers` is given: it knows its channel. */
export type BoundConsumer = new (options: ConsumerOptions) => Consumer;

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Signals of the process that stop it. */
  readonly signals?: readonly NodeJS.Signals[];
  /** How long stopping may take. */
  readonly timeout?: Duration;
}

/** `onIteration` is called at least this often. */
const IDLE_SECONDS = 1;

export abstract class ConsumerMixin {
  abstract connection: Connection;
  /** Attempts to connect after the first one; null for ever. */
  connectMaxRetries: number | null = null;
  shouldStop = false;
  #stopping: AbortController | undefined;
  #running: Promise<void> | undefined;

  abstract getConsumers(
    Consumer: BoundConsumer,
    channel: Channel,
  ): Consumer[] | Promise<Consumer[]>;

  /** What each run works on. */
  createConnection(): Connection {
    return this.connection.clone();
  }

  onConnectionError(_error: ConnectionError, _interval: number): void {}
  /** Called on every connect, the first included. */
  onConnectionRevived(): void {}
  onConsumeReady(
    _connection: Connection,
    _channel: Channel,
    _consumers: readonly Consumer[],
  ): void | Promise<void> {}
  onConsumeEnd(_connection: Connection, _channel: Channel): void | Promise<void> {}
  onIteration(): void | Promise<void> {}

  /** What cannot be decoded is acknowledged, as in Kombu: it would come again and again. */
  async onDecodeError(message: Message, _error: SerializationError): Promise<void> {
    await message.ack();
  }

  /** Runs until `stop()`, `shouldStop` or a signal; rejects with what a callback threw, or when it may not connect any more. */
  run(options: RunOptions = {}): Promise<void> {
    const { signal, signals = [], timeout } = options;
    this.#stopping = new AbortController();
    this.shouldStop = false;
    const stop = () => {
      void this.stop(timeout === undefined ? {} : { timeout });
    };
    if (signal?.aborted) this.shouldStop = true;
    signal?.addEventListener('abort', stop, { once: true });
    for (const name of signals) process.once(name, stop);
    this.#running = this.work(this.#stopping.signal, timeout).finally(() => {
      signal?.removeEventListener('abort', stop);
      for (const name of signals) process.removeListener(name, stop);
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when `run` has ended. */
  async stop(_options: { readonly timeout?: Duration } = {}): Promise<void> {
    this.shouldStop = true;
    this.#stopping?.abort();
    await this.#running?.catch(() => {});
  }

  protected async work(stopping: AbortSignal, timeout: Duration | undefined): Promise<void> {
    const { clock } = this.connection;
    const restarts = new TokenBucket(clock, 1);
    while (!this.shouldStop) {
      if (!restarts.canConsume()) {
        await sleep(clock, restarts.expectedTime() * 1000, stopping).catch(() => {});
        continue;
      }
      try {
        await this.#consume(stopping, timeout);
      } catch (error) {
        if (this.shouldStop && stopping.aborted) return;
        const mayPass = error instanceof ConnectionError || error instanceof ChannelError;
        if (!mayPass || (error instanceof ConnectionError && !error.recoverable)) throw error;
      }
    }
  }

  async #consume(stopping: AbortSignal, timeout: Duration | undefined): Promise<void> {
    const connection = this.createConnection();
    try {
      await connection.ensureConnection({
        ...(this.connectMaxRetries !== null && { maxRetries: this.connectMaxRetries }),
        signal: stopping,
        errback: (error, interval) => {
          if (error instanceof ConnectionError) this.onConnectionError(error, interval);
        },
      });
      this.onConnectionRevived();
      const channel = await connection.channel();
      const onDecodeError = (message: Message, error: SerializationError) =>
        this.onDecodeError(message, error);
      const Bound = class extends Consumer {
        constructor(options: ConsumerOptions) {
          super(channel, { onDecodeError, ...options });
        }
      };
      const consumers = await this.getConsumers(Bound, channel);
      for (const consumer of consumers) await consumer.consume();
      await this.onConsumeReady(connection, channel, consumers);
      try {
        await this.#drain(connection, stopping);
        for (const consumer of consumers) await consumer.cancel();
      } finally {
        await this.onConsumeEnd(connection, channel);
      }
    } finally {
      await connection.close(timeout === undefined ? {} : { timeout });
    }
  }

  async #drain(connection: Connection, stopping: AbortSignal): Promise<void> {
    while (!this.shouldStop) {
      await this.onIteration();
      try {
        await connection.drainEvents({ timeout: IDLE_SECONDS, signal: stopping });
      } catch (error) {
        if (stopping.aborted && error === stopping.reason) return;
        if (!(error instanceof TimeoutError)) throw error;
        connection.heartbeatCheck();
      }
    }
  }
}

/** A mixin that also publishes, over a connection of its own. */
export abstract class ConsumerProducerMixin extends ConsumerMixin {
  #connection: Connection | undefined;
  #producer: Producer | undefined;

  get producer(): Producer {
    this.#connection ??= this.connection.clone();
    this.#producer ??= new Producer(this.#connection);
    return this.#producer;
  }

  override async onConsumeEnd(_connection: Connection, _channel: Channel): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#producer = undefined;
    await connection?.close();
  }
}
