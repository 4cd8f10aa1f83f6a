// A handler and its supervised consumer: what `conn.consume(queue, handler)` makes.
import type { Content } from '../protocol/content.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { type AMQPError, ChannelError } from './base/errors.ts';
import type { ConnectionCore } from './connection-core.ts';
import { type ConsumeOptions, type ConsumePlan, consumePlanOf } from './consume-options.ts';
import { type ConsumerStats, type Handler, HandlerRunner } from './handler-runner.ts';
import { Message, MessageOrigin, type Outcome } from './message.ts';
import { Queue } from './queue.ts';
import { SupervisedConsumer, type SupervisorSink } from './supervised-consumer.ts';

export interface Subscription extends AsyncDisposable {
  readonly queue: string;
  readonly consumerTag: string;
  /** Whether the broker delivers to it now. */
  readonly active: boolean;
  readonly stats: Readonly<ConsumerStats>;
  /** Takes no messages for a while; handlers that run go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Takes no more messages, lets handlers end, at most `timeout` (default 30 s); then aborts their `message.signal` and gives
   * back what is left. Never rejects.
   */
  stop(options?: { readonly timeout?: Duration }): Promise<void>;
}

const STOP_TIMEOUT_MS = 30_000;

/** RabbitMQ's default. Leveret, which says that it is one, and LavinMQ wait for ever unless they are told. */
const RABBITMQ_ACK_TIMEOUT_MS = 30 * 60_000;

function ackTimeoutOf({ serverProperties }: AmqpConnection): number {
  const product = serverProperties?.get('product')?.value;
  const isRabbitmq = product === 'RabbitMQ' && !serverProperties?.has('leveret_version');
  return isRabbitmq ? RABBITMQ_ACK_TIMEOUT_MS : Number.POSITIVE_INFINITY;
}

export class HandlerSubscription implements Subscription, SupervisorSink {
  readonly #core: ConnectionCore;
  readonly #plan: ConsumePlan;
  readonly #schema: unknown;
  readonly #consumer: SupervisedConsumer;
  readonly #runner: HandlerRunner;
  #origin: MessageOrigin | undefined;
  #stopped: Promise<void> | undefined;
  /** For who waits for messages rather than handling them. */
  onGaveUp: ((error: AMQPError) => void) | undefined;
  onStopped: (() => void) | undefined;

  constructor(
    core: ConnectionCore,
    // biome-ignore lint/suspicious/noExplicitAny: the handler's type says what its messages look like
    queue: Queue<any> | string,
    handler: Handler,
    options: ConsumeOptions,
  ) {
    this.#core = core;
    const queueTimeout = queue instanceof Queue ? queue.options.consumerTimeout : undefined;
    this.#plan = consumePlanOf({ ...options, ackTimeout: options.ackTimeout ?? queueTimeout });
    this.#schema = queue instanceof Queue ? queue.schema : undefined;
    this.#consumer = new SupervisedConsumer(core, queue, this.#plan, this);
    this.#runner = new HandlerRunner(core, this.#plan, options, handler, () => this.queue);
    this.#runner.onEnough = (isEnough) => {
      void (isEnough ? this.#consumer.pause('runner') : this.#consumer.resume('runner'));
    };
  }

  /** Settles when the broker has agreed for the first time, or refused. */
  get begun(): Promise<void> {
    return this.#consumer.begun;
  }

  get hasBegun(): boolean {
    return this.#consumer.hasBegun;
  }

  get queue(): string {
    return this.#consumer.queueName;
  }

  get consumerTag(): string {
    return this.#consumer.consumerTag;
  }

  get active(): boolean {
    return this.#consumer.isActive;
  }

  get stats(): Readonly<ConsumerStats> {
    this.#runner.stats.recoveries = this.#consumer.recoveries;
    return this.#runner.stats;
  }

  attach(amqp: AmqpConnection, isNew: boolean): Promise<void> {
    return this.#consumer.attach(amqp, isNew);
  }

  giveUp(error: AMQPError): void {
    this.#consumer.giveUp(error);
    this.onGaveUp?.(error);
  }

  // --- from the consumer

  began(channel: AmqpChannel, amqp: AmqpConnection): void {
    const { noAck, accept, deadLetter, ackTimeoutMs } = this.#plan;
    this.#runner.watchAnswers(ackTimeoutMs ?? ackTimeoutOf(amqp));
    this.#origin = new MessageOrigin(channel, this.#core, {
      queue: this.queue,
      consumerTag: this.consumerTag,
      noAck,
      accept,
      schema: this.#schema,
      deadLetter,
      onSettled: this.#settled,
    });
  }

  readonly #settled = (message: Message, outcome: Outcome): void => {
    this.#runner.settled(message);
    const { stats } = this.#runner;
    if (outcome === 'acked') stats.acked++;
    else if (outcome === 'retried') stats.retried++;
    else stats.rejected++;
  };

  delivered(content: Content, deliveryTag: number, redelivered: boolean): void {
    // What came between our cancel and the broker's answer goes back with the channel.
    if (this.#stopped) return;
    this.#runner.deliver(new Message(content, deliveryTag, redelivered, this.#origin!));
  }

  ended(error: AMQPError): void {
    this.#origin?.end(error);
    this.#runner.forgetWaiting();
  }

  // --- from the user

  pause(): Promise<void> {
    return this.#consumer.pause();
  }

  resume(): Promise<void> {
    return this.#consumer.resume();
  }

  stopWith(signal: AbortSignal | undefined): void {
    if (!signal) return;
    const aborted = () => void this.stop();
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    this.onStopped = () => signal.removeEventListener('abort', aborted);
  }

  stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    const timeoutMs =
      options.timeout === undefined ? STOP_TIMEOUT_MS : durationMs(options.timeout, 'timeout');
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#core.subscriptions.delete(this);
    this.onStopped?.();
    await this.#consumer.stopDelivery();
    await this.#runner.finish(timeoutMs);
    this.#origin?.end(new ChannelError('CHANNEL_CLOSED', 'the consumer was stopped'));
    await this.#consumer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
