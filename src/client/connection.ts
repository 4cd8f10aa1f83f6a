// The connection of an application: made when it is needed, made again when it breaks, and with it everything that was made from
// it. What is made from a Channel instead is the application's own to look after.
import type { Dialer } from './amqp/dialer.ts';
import type { Duration } from './base/duration.ts';
import { durationMs } from './base/duration.ts';
import {
  type AMQPError,
  ChannelError,
  ConnectionError,
  type ErrorClasses,
  errorClasses,
  InvalidArgument,
} from './base/errors.ts';
import {
  CALL_RETRY,
  CONNECTION_RETRY,
  type RetryPolicy,
  retryOverTime,
  retryPlan,
} from './base/retry.ts';
import type { Channel } from './channel.ts';
import { ConnectionCore } from './connection-core.ts';
import type { ConsumeOptions } from './consume-options.ts';
import type { ClientEvent, EventOf } from './events.ts';
import { Exchange } from './exchange.ts';
import type { ConnectionState } from './link.ts';
import { Message, MessageOrigin } from './message.ts';
import { type MessageStream, SubscriptionStream } from './message-stream.ts';
import { type CallOptions, type ConnectionOptions, timeoutMs } from './options.ts';
import { Pool, type PoolOptions } from './pool.ts';
import type { Procedure, ReplyInput, ReplyOf, RequestOf, RequestParsed } from './procedure.ts';
import { Producer, type ProducerOptions, type PublishOptions } from './producer.ts';
import type { PublishResult } from './publication.ts';
import { Queue } from './queue.ts';
import { type RpcCallOptions, RpcClient, serveProcedure } from './rpc.ts';
import type { InputOf, OutputOf } from './schema-types.ts';
import { SimpleQueue } from './simple-queue.ts';
import { HandlerSubscription, type Subscription } from './subscription.ts';

// biome-ignore lint/suspicious/noExplicitAny: any kind of message
type AnyQueue = Queue<any>;
// biome-ignore lint/suspicious/noExplicitAny: any kind of message
type AnyExchange = Exchange<any>;

const CLOSE_TIMEOUT_MS = 30_000;
/** Producers kept for `publish`, one for each target. */
const KEPT_PRODUCERS = 1000;

export class Connection extends ConnectionCore implements AsyncDisposable {
  /** What to catch: `error instanceof conn.connectionErrors`. */
  readonly connectionErrors: ErrorClasses<ConnectionError> = errorClasses(ConnectionError);
  readonly channelErrors: ErrorClasses<ChannelError> = errorClasses(ChannelError);
  readonly #producers = new Map<AnyQueue | AnyExchange | string, Producer<unknown>>();
  readonly #rpc = new RpcClient(this);
  #default: Promise<Channel> | undefined;
  #closed: Promise<void> | undefined;
  #signals: (() => void) | undefined;

  /**
   * No I/O yet: the connection is made when it is needed.
   *
   * ```ts
   * const conn = new Connection('amqp://localhost', { heartbeat: 10 });
   * ```
   *
   * @throws InvalidArgument (a TypeError) for a URL or an option that cannot be meant.
   */
  constructor(url?: string | readonly string[] | Dialer, options: ConnectionOptions = {}) {
    super(url, options);
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  get connected(): boolean {
    return this.isUp;
  }

  /** The same settings, not connected; its own socket, no consumers. */
  clone(overrides: ConnectionOptions = {}): Connection {
    return new Connection(this.where, { ...this.options, ...overrides });
  }

  /** Tries each URL once. */
  async connect(options: CallOptions = {}): Promise<this> {
    await this.within(this.link.connect(options.signal), options, 'connecting');
    return this;
  }

  /**
   * Tries until there is a connection: 2, 4 … 30 s between rounds over the URLs, for ever unless the policy says otherwise.
   * What no retry can mend (credentials, virtual host) is thrown at once.
   */
  async ensureConnection(policy: RetryPolicy = {}): Promise<this> {
    await this.#retried(() => this.link.connect(policy.signal), policy, CONNECTION_RETRY);
    return this;
  }

  #retried<Result>(
    run: (attempt: number) => Promise<Result>,
    policy: RetryPolicy,
    defaults: RetryPolicy,
  ): Promise<Result> {
    return retryOverTime(run, retryPlan(policy, defaults), {
      clock: this.clock,
      isRetryable: (error): error is AMQPError =>
        error instanceof ConnectionError && error.recoverable,
    });
  }

  /** `fn`, called again after the connection has been made anew, as often as the policy allows. */
  ensure<Args extends unknown[], Result>(
    fn: (...args: Args) => Promise<Result>,
    policy: RetryPolicy = {},
  ): (...args: Args) => Promise<Result> {
    const run = async (args: Args) => {
      await this.link.connect(policy.signal);
      return await fn(...args);
    };
    return (...args) => this.#retried(() => run(args), policy, CALL_RETRY);
  }

  /** As `ensure`; `fn` is handed a channel, a fresh one after each failure. */
  autoretry<Args extends unknown[], Result>(
    fn: (channel: Channel, ...args: Args) => Promise<Result>,
    policy: RetryPolicy = {},
  ): (...args: Args) => Promise<Result> {
    const run = async (args: Args) => {
      const channel = await this.channel();
      try {
        return await fn(channel, ...args);
      } finally {
        void channel.close();
      }
    };
    return (...args) => this.#retried(() => run(args), policy, CALL_RETRY);
  }

  /** A channel: the protocol, a method each. It never recovers. */
  channel(options: CallOptions = {}): Promise<Channel> {
    return this.within(this.newChannel(options), options, 'opening a channel');
  }

  /** A channel for whoever needs one; another one when it has closed. */
  get defaultChannel(): Promise<Channel> {
    const last = this.#default;
    const next = (async () => {
      const channel = await last?.catch(() => undefined);
      return channel?.isOpen ? channel : await this.channel();
    })();
    this.#default = next;
    return next;
  }

  /** Throws when the broker is silent or gone. Heartbeats themselves need no call. */
  heartbeatCheck(): void {
    if (!this.link.current) throw this.downError;
  }

  /** Hands out one delivery of a Consumer on a channel, and awaits what its callbacks do. */
  drainEvents(options: CallOptions = {}): Promise<void> {
    if (!this.link.current) return Promise.reject(this.downError);
    const ms = options.timeout === undefined ? undefined : durationMs(options.timeout, 'timeout');
    return this.inbox.drain(ms, options.signal);
  }

  /** The URL, or several with `;`; the password as `**` unless asked for. */
  asUri(options: { readonly password?: boolean } = {}): string {
    return this.link.asUri(options.password ?? false);
  }

  on<T extends ClientEvent['type']>(type: T, listener: (event: EventOf<T>) => void): this {
    this.hub.on(type, listener);
    return this;
  }

  off<T extends ClientEvent['type']>(type: T, listener: (event: EventOf<T>) => void): this {
    this.hub.off(type, listener);
    return this;
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<ClientEvent> {
    return this.hub.stream(options.signal);
  }

  // --- publishing

  producer<T = unknown>(options: ProducerOptions = {}): Producer<T> {
    return new Producer<T>(this, options);
  }

  /** Publishes to a queue or an exchange; resolves when the broker has the message. */
  publish<Target extends AnyQueue | AnyExchange | string>(
    to: Target,
    body: InputOf<Target>,
    options?: PublishOptions,
  ): Promise<PublishResult> {
    try {
      return this.#producerFor(to).publish(body, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #producerFor(to: AnyQueue | AnyExchange | string): Producer<unknown> {
    let producer = this.#producers.get(to);
    if (!producer) {
      if (this.#producers.size >= KEPT_PRODUCERS) this.#producers.clear();
      producer = new Producer(this, to instanceof Exchange ? { exchange: to } : { queue: to });
      this.#producers.set(to, producer);
    }
    return producer;
  }

  // --- consuming

  /**
   * Hands each message to `handler`, which may take its time; it is acknowledged when the handler ends well. Without a handler:
   * an async iterator.
   */
  consume<Q extends AnyQueue>(
    queue: Q,
    handler: (message: Message<OutputOf<Q>>) => unknown,
    options?: ConsumeOptions,
  ): Promise<Subscription>;
  consume<T = unknown>(
    queue: string,
    handler: (message: Message<T>) => unknown,
    options?: ConsumeOptions,
  ): Promise<Subscription>;
  consume<Q extends AnyQueue | string>(
    queue: Q,
    options?: ConsumeOptions,
  ): MessageStream<OutputOf<Q>>;
  consume(
    queue: AnyQueue | string,
    handler?: ((message: Message<never>) => unknown) | ConsumeOptions,
    options: ConsumeOptions = {},
  ): Promise<Subscription> | MessageStream<unknown> {
    if (typeof handler !== 'function') return new SubscriptionStream(this, queue, handler ?? {});
    return this.#consume(queue, handler as (message: Message) => unknown, options);
  }

  async #consume(
    queue: AnyQueue | string,
    handler: (message: Message) => unknown,
    options: ConsumeOptions,
  ): Promise<Subscription> {
    options.signal?.throwIfAborted();
    const subscription = new HandlerSubscription(this, queue, handler, options);
    const { deadLetter } = options.retry ?? {};
    if (deadLetter instanceof Queue) await this.topology.ensure(deadLetter);
    else if (deadLetter !== undefined) await this.topology.ensureNamed(deadLetter);
    await this.subscribe(subscription);
    subscription.stopWith(options.signal);
    return subscription;
  }

  /** One message, if there is one. It is yours to acknowledge. */
  async get<Q extends AnyQueue | string>(
    queue: Q,
    options: CallOptions = {},
  ): Promise<Message<OutputOf<Q>> | null> {
    const entity: AnyQueue | undefined = queue instanceof Queue ? queue : undefined;
    if (entity) await this.topology.ensure(entity, options);
    const name = entity ? entity.name : (queue as string);
    // Not one of the stock: the message is acknowledged on it, whenever that may be.
    const channel = await this.#getChannel(options);
    const { method, content } = await channel.basicGetRaw(name, options);
    if (method.name === 'basic.get-empty') return null;
    const origin = new MessageOrigin(channel.amqp, this, { queue: name, schema: entity?.schema });
    const message = new Message(content!, method.deliveryTag, method.redelivered, origin);
    if (message.needsPreparing) await message.prepare();
    return message as Message<OutputOf<Q>>;
  }

  #getting: Channel | undefined;

  async #getChannel(options: CallOptions): Promise<Channel> {
    if (!this.#getting?.isOpen) this.#getting = await this.channel(options);
    return this.#getting;
  }

  // --- calling

  /** Asks whoever serves the procedure, and waits for the answer. */
  call<P extends Procedure>(
    procedure: P,
    body: RequestOf<P>,
    options?: RpcCallOptions,
  ): Promise<ReplyOf<P>>;
  call<Result = unknown>(queue: string, body: unknown, options?: RpcCallOptions): Promise<Result>;
  call(procedure: Procedure | string, body: unknown, options?: RpcCallOptions): Promise<unknown> {
    return this.#rpc.call(procedure, body, options);
  }

  /** Answers requests; a handler that fails answers with its error. */
  serve<P extends Procedure>(
    procedure: P,
    handler: (body: RequestParsed<P>, message: Message) => ReplyInput<P> | Promise<ReplyInput<P>>,
    options?: ConsumeOptions,
  ): Promise<Subscription>;
  serve<Request = unknown>(
    queue: string,
    handler: (body: Request, message: Message) => unknown,
    options?: ConsumeOptions,
  ): Promise<Subscription>;
  serve(
    procedure: Procedure | string,
    handler: (body: never, message: Message) => unknown,
    options: ConsumeOptions = {},
  ): Promise<Subscription> {
    return serveProcedure(this, procedure, handler, options);
  }

  simpleQueue<T = unknown>(name: string | Queue<T>): SimpleQueue<T> {
    return new SimpleQueue<T>(this, name);
  }

  pool(options: PoolOptions = {}): Pool {
    return new Pool(this, options);
  }

  // --- the end

  /**
   * Stops consumers, waits for what is published, says goodbye; within `timeout` (30 s). Never rejects: what could not be
   * published has rejected its own promise.
   */
  close(options: { readonly timeout?: Duration } = {}): Promise<void> {
    this.#closed ??= this.#close(timeoutMs(options, CLOSE_TIMEOUT_MS));
    return this.#closed;
  }

  async #close(ms: number): Promise<void> {
    this.#signals?.();
    const endMs = this.clock.now() + ms;
    const leftMs = () => Math.max(0, endMs - this.clock.now());
    const left = (): Duration => `${leftMs()}ms`;
    const stops = [...this.subscriptions].map((one) => one.stop({ timeout: left() }));
    await Promise.all(stops);
    // What cannot be sent now will not be: nobody waits for a broker that is not there.
    if (this.isUp) await this.drained({ timeout: left() }).catch(() => {});
    await this.link.close(leftMs());
    this.closeParts();
  }

  /** Drops the connection without a goodbye, as after an error; what is managed makes it anew. */
  collect(): void {
    this.link.collect();
  }

  /** Kombu's name for `close`. */
  release(): Promise<void> {
    return this.close();
  }

  /** Closes on these signals, then lets them do what they do: end the process. */
  closeOnSignal(
    signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'],
    options: { readonly timeout?: Duration } = {},
  ): this {
    const closing = (signal: NodeJS.Signals) => {
      void this.close(options).then(() => {
        this.#signals?.();
        process.kill(process.pid, signal);
      });
    };
    if (typeof process === 'undefined') {
      throw new InvalidArgument('closeOnSignal', 'needs a process, which there is none of here');
    }
    for (const signal of signals) process.once(signal, closing);
    this.#signals = () => {
      for (const signal of signals) process.removeListener(signal, closing);
    };
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
