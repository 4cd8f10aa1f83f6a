// One consumer that stays: when its channel closes, its queue goes or the connection breaks, it is made again. There is never
// more than one of it, and it has one supervisor: this.

import type { Clock, Timer } from '../platform/clock.ts';
import type { Content } from '../protocol/content.ts';
import type { AmqpChannel, ConsumerSink } from './amqp/amqp-channel.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import { cancel, consume } from './amqp/consume.ts';
import { Deferred } from './base/deferred.ts';
import { type AMQPError, ChannelError, ConnectionError } from './base/errors.ts';
import { uuid } from './base/uuid.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { ConsumePlan } from './consume-options.ts';
import type { Queue } from './queue.ts';

export interface SupervisorSink {
  /** A channel of that connection is open and will deliver. */
  began(channel: AmqpChannel, amqp: AmqpConnection): void;
  delivered(content: Content, deliveryTag: number, redelivered: boolean): void;
  /** The channel is gone: what it delivered will come again. */
  ended(error: AMQPError): void;
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 30_000;
const GOODBYE_MS = 5_000;

export class SupervisedConsumer implements ConsumerSink {
  // biome-ignore lint/suspicious/noExplicitAny: what the messages look like is decided above
  readonly #queue: Queue<any> | string;
  readonly #core: ConnectionCore;
  readonly #clock: Clock;
  readonly #plan: ConsumePlan;
  readonly #sink: SupervisorSink;
  readonly consumerTag = `leveret-${uuid()}`;
  #channel: AmqpChannel | undefined;
  #isConsuming = false;
  #wasCancelled = false;
  #isBusy = false;
  /** The connection that opened while an attempt was under way. */
  #next: { readonly amqp: AmqpConnection; readonly isNew: boolean } | undefined;
  /** Who wants no messages now: the user, or a runner that has enough. */
  readonly #pausedBy = new Set<'user' | 'runner'>();
  #isStopped = false;
  hasBegun = false;
  #failures = 0;
  #timer: Timer | undefined;
  readonly #firstTime = new Deferred();
  /** Settles with the first success, or with the first failure that is not the connection's. */
  readonly begun = this.#firstTime.promise;
  recoveries = 0;

  constructor(
    core: ConnectionCore,
    // biome-ignore lint/suspicious/noExplicitAny: as above
    queue: Queue<any> | string,
    plan: ConsumePlan,
    sink: SupervisorSink,
  ) {
    this.#core = core;
    this.#clock = core.clock;
    this.#queue = queue;
    this.#plan = plan;
    this.#sink = sink;
    this.begun.catch(() => {});
  }

  get queueName(): string {
    return typeof this.#queue === 'string' ? this.#queue : this.#queue.name;
  }

  get isActive(): boolean {
    return this.#isConsuming;
  }

  /** Begins, or begins again, on a connection that is open. */
  async attach(amqp: AmqpConnection, isNew: boolean): Promise<void> {
    if (this.#isStopped || this.#isPaused || this.#isConsuming) return;
    if (this.#isBusy) {
      // The attempt under way may be on the connection before this one, and will fail then.
      this.#next = { amqp, isNew };
      return;
    }
    this.#timer?.cancel();
    this.#isBusy = true;
    try {
      // On a new connection everything has just been declared; asking again would wait for the connection to be handed out.
      if (!isNew) await this.#declare();
      await this.#consume(amqp);
      if (this.#isPaused || this.#isStopped) await this.#cancel();
      this.#began();
    } catch (error) {
      this.#failed(error as AMQPError);
    } finally {
      this.#isBusy = false;
    }
    const next = this.#next;
    this.#next = undefined;
    if (next && !next.amqp.error) await this.attach(next.amqp, next.isNew);
  }

  async #declare(): Promise<void> {
    const { topology } = this.#core;
    if (typeof this.#queue === 'string') await topology.ensureNamed(this.#queue);
    else await topology.ensure(this.#queue);
  }

  async #consume(amqp: AmqpConnection): Promise<void> {
    const { prefetch, noAck, exclusive, arguments: args } = this.#plan;
    if (!this.#channel?.isOpen) {
      const channel = await amqp.openChannel();
      this.#channel = channel;
      channel.sink = { closed: (error) => this.#closed(channel, error) };
      const qos = {
        name: 'basic.qos',
        prefetchSize: 0,
        prefetchCount: prefetch,
        global: false,
      } as const;
      const agreed = channel.call(qos, ['basic.qos-ok']);
      this.#sink.began(channel, amqp);
      await agreed;
    }
    const channel = this.#channel;
    // Said first: a cancel, from the broker or from here, may come in one go with the answer.
    this.#isConsuming = true;
    this.#wasCancelled = false;
    const request = consume(
      channel,
      {
        queue: this.queueName,
        consumerTag: this.consumerTag,
        noAck,
        noLocal: false,
        exclusive,
        arguments: args,
      },
      this,
    );
    await request.catch((error: unknown) => {
      this.#isConsuming = false;
      throw error;
    });
    if (channel.error) throw channel.error;
    if (this.#wasCancelled) {
      throw this.#cancelledError();
    }
  }

  #began(): void {
    this.#failures = 0;
    if (this.hasBegun) this.recoveries++;
    this.hasBegun = true;
    this.#firstTime.resolve();
  }

  #failed(error: AMQPError): void {
    if (this.#isStopped) return;
    this.#dropChannel(error);
    if (!this.#firstTime.isSettled && !(error instanceof ConnectionError) && !mayPass(error)) {
      this.#firstTime.reject(error);
      this.#isStopped = true;
      return;
    }
    // The next connection attaches everything.
    if (error instanceof ConnectionError) return;
    this.#core.topology.doubt(this.#queue);
    this.#again(error);
  }

  #cancelledError(): ChannelError {
    return new ChannelError(
      'CONSUMER_CANCELLED',
      `the broker has cancelled the consumer of '${this.queueName}'`,
    );
  }

  #dropChannel(error: AMQPError): void {
    const channel = this.#channel;
    if (!channel) return;
    channel.sink = {};
    this.#channel = undefined;
    this.#sink.ended(channel.error ?? error);
    if (channel.isOpen) void channel.close();
  }

  #again(error: unknown): void {
    const spreadMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS);
    const delayMs = spreadMs * (0.5 + Math.random() / 2);
    if (error !== undefined && this.hasBegun) {
      const queue = this.queueName;
      this.#core.hub.emit({ type: 'consumer-failed', queue, error, retryIn: delayMs / 1000 });
    }
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => this.#attachAgain());
  }

  #attachAgain(): void {
    const { current } = this.#core.link;
    // Without a connection there is nothing to do: the next one attaches everything.
    if (current) void this.attach(current, false);
  }

  #closed(channel: AmqpChannel, error: AMQPError): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    this.#isConsuming = false;
    this.#sink.ended(error);
    if (this.#isStopped || this.#isBusy || error instanceof ConnectionError) return;
    this.#core.topology.doubt(this.#queue);
    this.#again(error);
  }

  // --- from the channel

  delivered(content: Content, deliveryTag: number, redelivered: boolean): void {
    this.#sink.delivered(content, deliveryTag, redelivered);
  }

  /**
   * The queue was deleted or has moved to another node, or an answer took too long. In each case the broker has taken back what is
   * in hand: answers no longer count, and a channel of its own keeps old deliveries and new ones apart.
   */
  cancelled(): void {
    this.#isConsuming = false;
    this.#wasCancelled = true;
    const queue = this.queueName;
    this.#core.hub.emit({ type: 'consumer-cancelled', queue, recovering: !this.#isStopped });
    if (this.#isStopped || this.#isPaused || this.#isBusy) return;
    this.#core.topology.doubt(this.#queue);
    this.#dropChannel(this.#cancelledError());
    this.#attachAgain();
  }

  // --- from above

  async pause(who: 'user' | 'runner' = 'user'): Promise<void> {
    this.#pausedBy.add(who);
    await this.#cancel();
  }

  async resume(who: 'user' | 'runner' = 'user'): Promise<void> {
    this.#pausedBy.delete(who);
    const { current } = this.#core.link;
    if (current) await this.attach(current, false);
  }

  get #isPaused(): boolean {
    return this.#pausedBy.size > 0;
  }

  async #cancel(): Promise<void> {
    const channel = this.#channel;
    if (!channel?.isOpen || !this.#isConsuming) return;
    this.#isConsuming = false;
    await cancel(channel, this.consumerTag, { timeoutMs: GOODBYE_MS }).catch(() => {});
  }

  /** Takes no more messages; the channel stays for those that are in hand. */
  async stopDelivery(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#firstTime.reject(new ChannelError('CHANNEL_CLOSED', 'the consumer was stopped'));
    await this.#cancel();
  }

  /** Gives the channel back; what is not acknowledged goes back to the queue. */
  async close(): Promise<void> {
    const channel = this.#channel;
    if (!channel) return;
    channel.sink = {};
    this.#channel = undefined;
    await channel.close({ timeoutMs: GOODBYE_MS });
    this.#sink.ended(new ChannelError('CHANNEL_CLOSED', 'the consumer was stopped'));
  }

  /** There will be no connection. */
  giveUp(error: AMQPError): void {
    this.#firstTime.reject(error);
  }
}

/** During a rolling deploy the old consumer is still there: an exclusive one is refused for a while. */
function mayPass(error: AMQPError): boolean {
  return (
    error instanceof ChannelError &&
    (error.code === 'RESOURCE_LOCKED' ||
      (error.code === 'ACCESS_REFUSED' && / in exclusive use$/.test(error.replyText ?? '')))
  );
}
