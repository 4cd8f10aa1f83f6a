// Kombu's ConsumerMixin: a loop that connects, consumes and drains until it is told to stop, and begins again when the connection
// breaks.
import type { Timer } from '../platform/clock.ts';
import { type Duration, durationMs } from './base/duration.ts';
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
  /** How long stopping may take. Default 30 s. */
  readonly timeout?: Duration;
}

/** `onIteration` is called at least this often. */
const IDLE_SECONDS = 1;
const STOP_TIMEOUT: Duration = '30s';

export abstract class ConsumerMixin {
  abstract connection: Connection;
  /** Attempts to connect after the first one; null for ever. */
  connectMaxRetries: number | null = null;
  shouldStop = false;
  #stopping: AbortController | undefined;
  #stopTimeout: Duration = STOP_TIMEOUT;
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
    const { signal, signals = [], timeout = STOP_TIMEOUT } = options;
    durationMs(timeout, 'timeout');
    this.#stopping = new AbortController();
    this.#stopTimeout = timeout;
    this.shouldStop = false;
    const stop = () => void this.stop();
    if (signal?.aborted) this.shouldStop = true;
    signal?.addEventListener('abort', stop, { once: true });
    for (const name of signals) process.once(name, stop);
    this.#running = this.work(this.#stopping.signal).finally(() => {
      signal?.removeEventListener('abort', stop);
      for (const name of signals) process.removeListener(name, stop);
      this.#running = undefined;
    });
    return this.#running;
  }

  /**
   * Resolves when `run` has ended: the callback that runs may end, for as long as `timeout`; then its `message.signal` aborts, and
   * its message goes back.
   */
  async stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    if (options.timeout !== undefined) durationMs(options.timeout, 'timeout');
    this.#stopTimeout = options.timeout ?? this.#stopTimeout;
    this.shouldStop = true;
    this.#stopping?.abort();
    await this.#running?.catch(() => {});
  }

  /** @internal How long an end may take that has been asked for. */
  protected get stopTimeout(): Duration {
    return this.#stopTimeout;
  }

  protected async work(stopping: AbortSignal): Promise<void> {
    const { clock } = this.connection;
    const restarts = new TokenBucket(clock, 1);
    while (!this.shouldStop) {
      if (!restarts.canConsume()) {
        await sleep(clock, restarts.expectedTime() * 1000, stopping).catch(() => {});
        continue;
      }
      try {
        await this.#consume(stopping);
      } catch (error) {
        if (this.shouldStop && stopping.aborted) return;
        const mayPass = error instanceof ConnectionError || error instanceof ChannelError;
        if (!mayPass || (error instanceof ConnectionError && !error.recoverable)) throw error;
      }
    }
  }

  async #consume(stopping: AbortSignal): Promise<void> {
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
      await connection.close({ timeout: this.#stopTimeout });
    }
  }

  async #drain(connection: Connection, stopping: AbortSignal): Promise<void> {
    while (!this.shouldStop) {
      await this.onIteration();
      const drained = connection.drainEvents({ timeout: IDLE_SECONDS, signal: stopping });
      try {
        await this.#inTime(drained, stopping);
      } catch (error) {
        if (stopping.aborted && error === stopping.reason) return;
        if (!(error instanceof TimeoutError)) throw error;
        connection.heartbeatCheck();
      }
    }
  }

  /** Waits for what a callback does, but no longer than stopping may take. */
  #inTime(drained: Promise<void>, stopping: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const stopped = () => {
        const ms = durationMs(this.#stopTimeout, 'timeout');
        timer = this.connection.clock.after(ms, resolve);
      };
      const settle = () => {
        timer?.cancel();
        stopping.removeEventListener('abort', stopped);
      };
      if (stopping.aborted) stopped();
      stopping.addEventListener('abort', stopped, { once: true });
      drained.finally(settle).then(resolve, reject);
    });
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
