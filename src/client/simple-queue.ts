// Kombu's SimpleQueue: put and get, with a durable direct exchange and a queue of the same name behind them.
import { TimeoutError } from './base/errors.ts';
import type { Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { Message } from './message.ts';
import type { MessageStream } from './message-stream.ts';
import type { CallOptions } from './options.ts';
import { Producer, type PublishOptions } from './producer.ts';
import { Queue } from './queue.ts';

export class SimpleQueue<T = unknown> implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #queue: Queue<T>;
  readonly #producer: Producer<T>;
  #stream: MessageStream<unknown> | undefined;
  /** A message that was asked for when the time was up. */
  #next: Promise<IteratorResult<Message<unknown>>> | undefined;

  /** @internal Use `connection.simpleQueue()`. */
  constructor(connection: Connection, name: string | Queue<T>) {
    this.#connection = connection;
    if (typeof name === 'string') {
      const exchange = new Exchange(name);
      this.#queue = new Queue<T>(name, { exchange, routingKey: name });
      this.#producer = new Producer<T>(connection, { exchange, routingKey: name, mandatory: true });
    } else {
      this.#queue = name;
      this.#producer = new Producer<T>(connection, { queue: name });
    }
  }

  async put(body: T, options: PublishOptions = {}): Promise<void> {
    await this.#connection.topology.ensure(this.#queue);
    await this.#producer.publish(body, options);
  }

  /** The next message, as soon as there is one; it is yours to acknowledge. */
  async get(options: CallOptions = {}): Promise<Message<T>> {
    this.#stream ??= this.#connection.consume(this.#queue);
    this.#next ??= this.#stream.next();
    const next = this.#next;
    try {
      const { value } = await this.#connection.within(
        next,
        options,
        `a message in '${this.#queue.name}'`,
      );
      this.#next = undefined;
      if (value) return value as Message<T>;
    } catch (error) {
      if (!(error instanceof TimeoutError) && !options.signal?.aborted) this.#next = undefined;
      throw error;
    }
    throw new TimeoutError(`the queue '${this.#queue.name}' has been closed`);
  }

  /** A message if there is one now. */
  async getNowait(): Promise<Message<T> | null> {
    if (!this.#stream) return (await this.#connection.get(this.#queue)) as Message<T> | null;
    try {
      return await this.get({ timeout: 0 });
    } catch (error) {
      if (error instanceof TimeoutError) return null;
      throw error;
    }
  }

  /** Messages that wait in the broker. */
  async size(): Promise<number> {
    await this.#connection.topology.ensure(this.#queue);
    const { messageCount } = await this.#connection.withChannel((channel) =>
      channel.queueDeclare(this.#queue.name, { passive: true }),
    );
    return messageCount;
  }

  /** Deletes all messages that wait. @returns how many. */
  async clear(): Promise<number> {
    await this.#connection.topology.ensure(this.#queue);
    return await this.#queue.purge(this.#connection);
  }

  /** Gives back what was sent ahead. */
  async close(): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = undefined;
    this.#next = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
