// What a connection is made of, for its own parts: the link, and everything that lives on it and survives it. What applications
// call is in connection.ts.
import type { Clock } from '../platform/clock.ts';
import type { BasicProperties } from '../protocol/properties.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import type { Dialer } from './amqp/dialer.ts';
import { Deferred } from './base/deferred.ts';
import type { Duration } from './base/duration.ts';
import {
  type AMQPError,
  ConnectionError,
  type MessageReturned,
  TimeoutError,
} from './base/errors.ts';
import { messageIds } from './base/message-ids.ts';
import { Channel } from './channel.ts';
import type { ChannelOutlet } from './channel-outlet.ts';
import { ChannelStock } from './channel-stock.ts';
import { bindToLadder, declareLadder, delayedRoute, delaySeconds } from './delay.ts';
import type { Entity, EntityHost } from './entity-host.ts';
import { EventHub } from './events.ts';
import { Inbox } from './inbox.ts';
import type { LaneHost } from './lane.ts';
import { Link, type LinkSink } from './link.ts';
import { type CallOptions, type ConnectionOptions, settingsOf, timeoutMs } from './options.ts';
import { Outbox } from './outbox.ts';
import { Producer, type PublishOptions } from './producer.ts';
import { Publication } from './publication.ts';
import { planOf } from './publish-plan.ts';
import { storeContent } from './sent-content.ts';
import type { HandlerSubscription } from './subscription.ts';
import { systemClock } from './system-clock.ts';
import { isDialer, targetsOf } from './target.ts';
import { Topology } from './topology.ts';

/** How long a call of the managed kind may take where its caller does not say. */
const CALL_TIMEOUT_MS = 30_000;

export class ConnectionCore implements EntityHost, LaneHost, LinkSink {
  readonly options: ConnectionOptions;
  /** @internal */
  readonly clock: Clock;
  /** @internal */
  readonly hub: EventHub;
  /** @internal */
  readonly link: Link;
  /** @internal */
  readonly topology: Topology;
  /** @internal */
  readonly inbox: Inbox;
  /** @internal */
  readonly subscriptions = new Set<HandlerSubscription>();
  /** @internal Publishes that wait for something before they are in the outbox. */
  readonly preparing = new Set<Promise<unknown>>();
  protected readonly where: string | readonly string[] | Dialer | undefined;
  readonly #outbox: Outbox;
  readonly #stock: ChannelStock;
  readonly #outlets = new Set<ChannelOutlet>();
  #lastError: AMQPError | undefined;
  #handlerBlockedAtMs = Number.NEGATIVE_INFINITY;

  constructor(where: string | readonly string[] | Dialer | undefined, options: ConnectionOptions) {
    const settings = settingsOf(options);
    this.where = where;
    this.options = options;
    this.clock = options.clock ?? (isDialer(where) ? where.clock : undefined) ?? systemClock;
    this.hub = new EventHub(options.log || undefined);
    this.inbox = new Inbox(this.clock);
    this.topology = new Topology(this, this.clock, this.hub, options.topology ?? []);
    this.#outbox = new Outbox(this, settings.outbox);
    this.#stock = new ChannelStock(this);
    const targets = targetsOf(where, options, settings);
    this.link = new Link(targets, options, settings, this.clock, this.hub, this);
  }

  /** Where the connection goes, without the password. */
  get url(): string {
    return this.link.url;
  }

  // --- the link tells

  /** @internal */
  async opened(amqp: AmqpConnection, recovered: boolean): Promise<void> {
    await this.topology.recover(amqp, recovered);
    const begun = [...this.subscriptions].filter(({ hasBegun }) => hasBegun);
    await Promise.all(begun.map((one) => one.attach(amqp, true)));
  }

  /** @internal */
  handedOut(amqp: AmqpConnection): void {
    // Those that had not got as far have their queues still to be looked for.
    for (const subscription of this.subscriptions) void subscription.attach(amqp, false);
    this.#outbox.connected();
  }

  /** @internal */
  lost(error: AMQPError): void {
    this.#lastError = error;
    this.#stock.clear();
    this.topology.disconnected();
    this.#outbox.disconnected(error);
    this.inbox.lost(error);
  }

  /** @internal */
  relieved(): void {
    this.#outbox.pump();
    for (const outlet of this.#outlets) outlet.pump();
  }

  /** @internal */
  stoodStill(ms: number): void {
    // A handler that was seen to do it has been told of.
    if (this.clock.now() - ms > this.#handlerBlockedAtMs) this.#warnOfBlocking(undefined, ms);
  }

  /** @internal A handler of `queue` has let nothing else run for so long. */
  handlerBlocked(queue: string, ms: number): void {
    this.#handlerBlockedAtMs = this.clock.now();
    this.#warnOfBlocking(queue, ms);
  }

  /** Half a heartbeat is too long: of two in silence the broker makes an end. */
  #warnOfBlocking(queue: string | undefined, ms: number): void {
    const { heartbeat } = this.link;
    if (heartbeat === 0 || ms < heartbeat * 500) return;
    const seconds = ms / 1000;
    const who = queue === undefined ? 'this process' : `a handler of '${queue}'`;
    this.hub.warn(
      { type: 'event-loop-blocked', ...(queue !== undefined && { queue }), seconds, heartbeat },
      queue ?? '',
      `${who} let nothing else run for ${seconds.toFixed(1)} s; with a heartbeat of ${heartbeat} s the broker hangs up after ${2 * heartbeat} s of that. Long computations belong in a worker thread`,
    );
  }

  /** @internal */
  gaveUp(error: AMQPError): void {
    this.#lastError = error;
    const isOver = this.link.state === 'closed';
    if (isOver) this.#outbox.close(error);
    else this.#outbox.failAll(error);
    for (const subscription of this.subscriptions) subscription.giveUp(error);
    this.inbox.lost(error);
  }

  /** @internal What broke the connection, while it is being made again. */
  get outage(): AMQPError | undefined {
    return this.link.state === 'recovering' ? this.#lastError : undefined;
  }

  /** Why there is no connection. */
  protected get downError(): AMQPError {
    return (
      this.#lastError ??
      new ConnectionError('CONNECTION_LOST', this.url, `there is no connection to ${this.url} yet`)
    );
  }

  // --- for lanes and outlets

  /** @internal */
  get isUp(): boolean {
    return this.link.current !== undefined;
  }

  /** @internal */
  get isBlocked(): boolean {
    return this.link.isBlocked;
  }

  /** @internal */
  async openChannel(): Promise<AmqpChannel> {
    return await (await this.ready()).openChannel();
  }

  /** @internal */
  returned(error: MessageReturned, messageId: string | undefined): void {
    const { exchange, routingKey } = error;
    this.hub.emit({
      type: 'returned',
      exchange,
      routingKey,
      ...(messageId === undefined ? {} : { messageId }),
    });
  }

  /** @internal */
  channelGone(outlet: ChannelOutlet): void {
    this.#outlets.delete(outlet);
  }

  /** @internal Where managed messages go; from now on the connection is kept up. */
  outboxOf(): Outbox {
    if (!this.isUp) this.link.want();
    return this.#outbox;
  }

  // --- for everything that needs a connection

  /** @internal The connection as soon as there is one; rejects when a first attempt fails, or the time is up. */
  async ready(options: CallOptions = {}): Promise<AmqpConnection> {
    const { link } = this;
    if (link.current) return link.current;
    if (!link.isPursued) return await link.connect(options.signal);
    return await this.within(link.connected(options.signal), options, 'a connection');
  }

  /** @internal Rejects when `promise` takes longer than the options allow. */
  within<Result>(promise: Promise<Result>, options: CallOptions, what: string): Promise<Result> {
    const ms = timeoutMs(options, CALL_TIMEOUT_MS);
    const limited = new Deferred<Result>().abortedBy(options.signal);
    limited.within(this.clock, ms, () =>
      limited.reject(new TimeoutError(`${what} took longer than ${ms} ms`)),
    );
    promise.then(limited.resolve, limited.reject);
    return limited.promise;
  }

  /** A channel of the caller's, that nothing recovers. */
  protected async newChannel(options: CallOptions): Promise<Channel> {
    const amqp = await (await this.ready(options)).openChannel({ signal: options.signal });
    const channel = new Channel(this, amqp);
    this.#outlets.add(channel.outlet);
    return channel;
  }

  /** Runs something on a channel of its own, so that its failure is nobody else's; once more if the connection breaks. */
  withChannel<Result>(
    run: (channel: Channel) => Promise<Result>,
    options: CallOptions = {},
  ): Promise<Result> {
    return this.within(this.#onChannel(run, options), options, 'the call');
  }

  async #onChannel<Result>(
    run: (channel: Channel) => Promise<Result>,
    options: CallOptions,
  ): Promise<Result> {
    try {
      return await this.#stock.run(run, options);
    } catch (error) {
      const mayPass = error instanceof ConnectionError && this.link.state === 'recovering';
      if (!mayPass) throw error;
      return await this.#stock.run(run, options);
    }
  }

  /** @internal */
  remember(entity: Entity): void {
    this.topology.remember(entity);
  }

  /** @internal */
  forget(entity: Entity): void {
    this.topology.forget(entity);
  }

  /** @internal Attaches a consumer, now and after every outage. */
  async subscribe(subscription: HandlerSubscription): Promise<void> {
    this.subscriptions.add(subscription);
    try {
      const amqp = await this.ready();
      void subscription.attach(amqp, false);
      await this.within(subscription.begun, {}, `a consumer of '${subscription.queue}'`);
    } catch (error) {
      this.subscriptions.delete(subscription);
      subscription.giveUp(error as AMQPError);
      void subscription.stop({ timeout: 0 });
      throw error;
    }
  }

  // --- copies, answers, delays

  /** @internal Declares the ladder and lets it reach `queue`. */
  ensureDelay(queue: string): Promise<void> | undefined {
    return this.topology.ensureOnce(`delay:${queue}`, async () => {
      await this.topology.ensureOnce('ladder', () => this.withChannel(declareLadder));
      await this.withChannel((channel) => bindToLadder(channel, queue));
    });
  }

  /** @internal Publishes bytes as they are, confirmed, to a queue that is made if it is not there. */
  async forward(
    queue: string,
    body: Uint8Array,
    properties: BasicProperties,
    delay: Duration,
  ): Promise<void> {
    const seconds = delaySeconds(delay);
    if (seconds > 0) await this.ensureDelay(queue);
    else await this.topology.ensureNamed(queue);
    const route = seconds > 0 ? delayedRoute(queue, seconds) : { exchange: '', routingKey: queue };
    const messageId = properties.messageId ?? messageIds.next();
    const { rule, timeoutMs: limitMs } = planOf({ queue }, {}, this.options.producer ?? {});
    const content = storeContent({ ...properties, messageId }, body);
    const address = { ...route, mandatory: true };
    const publication = new Publication(address, content, messageId, null, true, rule);
    publication.deadlineMs = this.clock.now() + limitMs;
    this.outboxOf().submit(publication);
    await publication.result;
  }

  /** @internal Answers a request. Who asked may have gone: that is no failure of ours. */
  async reply(
    replyTo: string,
    correlationId: string | undefined,
    body: unknown,
    options: PublishOptions,
  ): Promise<void> {
    const producer = new Producer(this, { autoDeclare: false, mandatory: false, expiration: null });
    await producer.publish(body, {
      routingKey: replyTo,
      deliveryMode: 'transient',
      ...(correlationId !== undefined && { correlationId }),
      ...options,
    });
  }

  /** Settles when all that was published so far is, or the time is up. */
  protected drained(options: CallOptions): Promise<void> {
    const all = Promise.all(this.preparing).then(() => this.#outbox.drained());
    return this.within(all, options, 'flushing the outbox');
  }

  protected closeParts(): void {
    this.topology.close();
    this.inbox.close();
    this.hub.close();
  }
}
