// Kombu's Consumer: several queues, callbacks of body and message. Made from a connection, messages flow and it recovers; made from
// a channel, messages are handed out by `drainEvents` and it ends with the channel, until `revive`.
import { ChannelError, InvalidArgument, SerializationError } from './base/errors.ts';
import { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import { type ConsumeOptions, consumePlanOf } from './consume-options.ts';
import { isExpired } from './handler-runner.ts';
import { Message, MessageOrigin } from './message.ts';
import { Queue } from './queue.ts';
import type { Subscription } from './subscription.ts';

// biome-ignore lint/suspicious/noExplicitAny: callbacks know what their messages look like
export type Callback<T = any> = (body: T, message: Message<T>) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyQueue = Queue<any>;

export interface ConsumerOptions extends ConsumeOptions {
  readonly queues?: readonly AnyQueue[] | AnyQueue;
  readonly callbacks?: readonly Callback[];
  /** Replaces the callbacks, and decodes nothing. */
  readonly onMessage?: (message: Message) => unknown;
  readonly onDecodeError?: (message: Message, error: SerializationError) => unknown;
  /** Kombu's name of `prefetch`. */
  readonly prefetchCount?: number;
  /** Whether queues are declared first. Default true. */
  readonly autoDeclare?: boolean;
  readonly tagPrefix?: string;
}

export class Consumer implements AsyncDisposable {
  queues: AnyQueue[];
  #target: Connection | Channel;
  readonly #options: ConsumerOptions;
  readonly #callbacks: Callback[];
  #prefetch: number | undefined;
  #noAck: boolean;
  /** What is consumed on a channel: tag by queue. */
  readonly #tags = new Map<AnyQueue, string>();
  /** What is consumed on a connection. */
  readonly #subscriptions = new Map<AnyQueue, Subscription>();
  readonly #origins = new Set<MessageOrigin>();
  #lastTag = 0;

  constructor(target: Connection | Channel, options: ConsumerOptions = {}) {
    const { queues = [], callbacks = [] } = options;
    this.#target = target;
    this.#options = options;
    this.queues = queues instanceof Queue ? [queues] : [...queues];
    this.#callbacks = [...callbacks];
    this.#prefetch = options.prefetchCount ?? options.prefetch;
    this.#noAck = options.noAck ?? false;
    consumePlanOf(this.#consumeOptions);
  }

  get #consumeOptions(): ConsumeOptions {
    const {
      queues: _,
      callbacks: __,
      onMessage: ___,
      onDecodeError: ____,
      ...rest
    } = this.#options;
    return {
      ack: 'manual',
      ...rest,
      noAck: this.#noAck,
      ...(this.#prefetch !== undefined && { prefetch: this.#prefetch }),
    };
  }

  registerCallback(callback: Callback): void {
    this.#callbacks.push(callback);
  }

  addQueue(queue: AnyQueue): void {
    this.queues.push(queue);
  }

  /** Whether messages of a queue are coming. */
  consumingFrom(queue: AnyQueue | string): boolean {
    const name = typeof queue === 'string' ? queue : queue.name;
    const consumed = [...this.#tags.keys(), ...this.#subscriptions.keys()];
    return consumed.some((one) => one.name === name);
  }

  /** Begins; resolves when the broker has agreed for all queues. Queues that are consumed already stay as they are. */
  async consume(options: { readonly noAck?: boolean } = {}): Promise<this> {
    this.#noAck = options.noAck ?? this.#noAck;
    const target = this.#target;
    const queues = this.queues.filter(
      (queue) => !this.#tags.has(queue) && !this.#subscriptions.has(queue),
    );
    if (target instanceof Channel) await this.#consumeOn(target, queues);
    else await Promise.all(queues.map((queue) => this.#subscribe(target, queue)));
    return this;
  }

  async #subscribe(connection: Connection, queue: AnyQueue): Promise<void> {
    const options = { ...this.#consumeOptions, onInvalid: 'deliver' } as const;
    const subscription = await connection.consume(
      queue,
      (message) => this.#receive(message),
      options,
    );
    this.#subscriptions.set(queue, subscription);
  }

  async #consumeOn(channel: Channel, queues: readonly AnyQueue[]): Promise<void> {
    const plan = consumePlanOf(this.#consumeOptions);
    const { autoDeclare = true, tagPrefix = 'leveret-' } = this.#options;
    if (autoDeclare) for (const queue of queues) await queue.declare(channel);
    if (this.#prefetch !== undefined) await channel.basicQos({ prefetchCount: this.#prefetch });
    const { inbox } = channel.connection;
    const agreed = queues.map(async (queue) => {
      const consumerTag = `${tagPrefix}${channel.id}.${++this.#lastTag}`;
      const origin = new MessageOrigin(channel.amqp, channel.connection, {
        queue: queue.name,
        consumerTag,
        noAck: plan.noAck,
        accept: plan.accept,
        schema: queue.schema,
      });
      this.#origins.add(origin);
      this.#tags.set(queue, consumerTag);
      try {
        const request = {
          consumerTag,
          noAck: plan.noAck,
          exclusive: plan.exclusive,
          table: plan.arguments,
        };
        await channel.consume(queue.name, request, {
          delivered: (content, deliveryTag, redelivered) => {
            const message = new Message(content, deliveryTag, redelivered, origin);
            inbox.put(() => this.#receive(message));
          },
          cancelled: () => this.#tags.delete(queue),
        });
      } catch (error) {
        this.#tags.delete(queue);
        throw error;
      }
    });
    channel.onClose((error) => {
      for (const origin of this.#origins) origin.end(error);
      this.#origins.clear();
      // A channel that we closed, or that went with its connection, is no news.
      const isNews = error instanceof ChannelError && error.code !== 'CHANNEL_CLOSED';
      if (isNews && this.#target === channel) channel.connection.inbox.channelLost(error);
    });
    await Promise.all(agreed);
  }

  async #receive(message: Message): Promise<void> {
    const { onMessage, onDecodeError } = this.#options;
    if (isExpired(message, message.origin.connection.clock.now())) return await message.ack();
    if (onMessage) {
      await onMessage(message);
      return;
    }
    if (this.#callbacks.length === 0) {
      throw new InvalidArgument('callbacks', 'must not be empty: nobody takes the messages');
    }
    try {
      if (message.needsPreparing) await message.prepare();
      void message.body;
    } catch (error) {
      if (!onDecodeError || !(error instanceof SerializationError)) throw error;
      await onDecodeError(message, error);
      return;
    }
    for (const callback of this.#callbacks) await callback(message.body, message);
  }

  /** Leaves the old target at once; `consume()` begins anew on the new one. */
  revive(target: Connection | Channel): void {
    for (const subscription of this.#subscriptions.values()) void subscription.stop();
    this.#subscriptions.clear();
    this.#tags.clear();
    this.#origins.clear();
    this.#target = target;
  }

  async qos(options: { readonly prefetchCount: number; readonly global?: boolean }): Promise<void> {
    this.#prefetch = options.prefetchCount;
    consumePlanOf(this.#consumeOptions);
    if (this.#target instanceof Channel) await this.#target.basicQos(options);
  }

  /** Gives back what was delivered and not acknowledged. On a channel only. */
  async recover(options: { readonly requeue?: boolean } = {}): Promise<void> {
    if (!(this.#target instanceof Channel)) {
      throw new InvalidArgument('recover', 'needs a Consumer that was made from a channel');
    }
    await this.#target.basicRecover(options);
  }

  async cancel(): Promise<void> {
    const queues = [...this.#tags.keys(), ...this.#subscriptions.keys()];
    await Promise.all(queues.map((queue) => this.cancelByQueue(queue)));
  }

  async cancelByQueue(queue: AnyQueue | string): Promise<void> {
    const name = typeof queue === 'string' ? queue : queue.name;
    for (const [consumed, tag] of this.#tags) {
      if (consumed.name !== name) continue;
      this.#tags.delete(consumed);
      // A channel that is gone has cancelled it already.
      if (this.#target instanceof Channel && this.#target.isOpen) {
        await this.#target.basicCancel(tag).catch(() => {});
      }
    }
    for (const [consumed, subscription] of this.#subscriptions) {
      if (consumed.name !== name) continue;
      this.#subscriptions.delete(consumed);
      await subscription.stop();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }
}
