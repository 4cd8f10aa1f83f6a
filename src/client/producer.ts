// Publishing, as applications do it: a body in, a promise out that settles when the broker has the message. Made from a connection
// it outlives outages; made from a channel it ends with it.
import { compress } from './base/compression.ts';
import { withDelivery } from './base/delivery.ts';
import { AMQPError, ConnectionError, InvalidArgument, MessageReturned } from './base/errors.ts';
import { expirationMs } from './base/expiration.ts';
import { validate } from './base/schema.ts';
import { serialize } from './base/serialization.ts';
import { Channel } from './channel.ts';
import type { ConnectionCore } from './connection-core.ts';
import { delaySeconds } from './delay.ts';
import { guarded } from './events.ts';
import type { CallOptions, ProducerDefaults, Propagator } from './options.ts';
import type { ProducerOptions, PublishOptions } from './producer-options.ts';
import type { Publication, PublishResult } from './publication.ts';
import { plainPublication, publicationOf } from './publish-encoder.ts';
import { type PublishPlan, planOf } from './publish-plan.ts';
import { isPublishWatched, tracePublish } from './tracing.ts';

export type { ProducerOptions, PublishOptions };

const NO_OPTIONS: PublishOptions = {};
const MANY_AT_ONCE = 1000;

export class Producer<T = unknown> implements AsyncDisposable {
  #target: ConnectionCore | Channel;
  /** The target, or the one that its channel belongs to. */
  #connection: ConnectionCore;
  readonly #options: ProducerOptions;
  #expiration: number | null | undefined;
  /** What `publish(body)` without options does. */
  #plan: PublishPlan | undefined;
  #pending = 0;
  #drained: (() => void)[] = [];
  /** The last publish that has not got its place yet; later ones stay behind it. */
  #tail: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(
    target: ConnectionCore | Channel | (ProducerOptions & { readonly channel: Channel }),
    options: ProducerOptions = {},
  ) {
    // Options name a channel; of what publishes, only a connection has an outbox.
    const isTarget = target instanceof Channel || 'outboxOf' in target;
    this.#options = isTarget ? options : target;
    const on = isTarget ? target : target.channel;
    if (!on) throw new InvalidArgument('channel', 'must say where the producer publishes');
    this.#target = options.channel ?? on;
    this.#connection = connectionOf(this.#target);
    // A mistake in the options is told here, where it was made; where messages go, calls may say.
    if (namesTarget(this.#options)) this.#planOf(NO_OPTIONS);
    else expirationMs(this.#options.expiration);
    this.#hearReturns();
  }

  get #defaults(): ProducerDefaults {
    return this.#connection.options.producer ?? {};
  }

  /** Seconds that a message may wait to be read; null for ever. Holds from now on when it is set. */
  get expiration(): number | null {
    if (this.#expiration !== undefined) return this.#expiration;
    const ms = expirationMs(this.#options.expiration, this.#defaults.expiration);
    return ms === null ? null : ms / 1000;
  }

  set expiration(seconds: number | null) {
    expirationMs(seconds);
    this.#expiration = seconds;
    this.#plan = undefined;
  }

  /** Messages that are not settled yet. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Resolves when the broker has the message (with `confirm: false`: when it is written). Awaiting it is the back-pressure.
   *
   * ```ts
   * const { messageId } = await producer.publish({ id: 7 }, { expiration: '20s' });
   * ```
   *
   * @throws as a rejection: TimeoutError, MessageReturned, MessageNacked, ValidationError, SerializationError, OutboxFull,
   * ChannelError. Their `delivery` says whether the message may have left.
   */
  publish(body: T, options: PublishOptions = NO_OPTIONS): Promise<PublishResult> {
    if (!isPublishWatched()) return this.#publish(body, options);
    return tracePublish(this.#connection, this.#options, options, (traced) =>
      this.#publish(body, traced),
    );
  }

  #publish(body: T, options: PublishOptions): Promise<PublishResult> {
    try {
      if (this.#isClosed) throw new InvalidArgument('producer', 'has been closed');
      const plan = this.#planOf(options);
      const { outage } = this.#connection;
      if (outage && plan.rule.resends === 0) throw withDelivery(outage, 'not-sent');
      const nowMs = this.#connection.clock.now();
      const isPlain = plan.schema === undefined && plan.compression === undefined;
      if (isPlain && this.#tail === undefined && this.#isReady(plan)) {
        const serialized = serialize(body, plan.serializer);
        const publication =
          options === NO_OPTIONS && this.#propagator === undefined
            ? plainPublication(plan, serialized, nowMs)
            : publicationOf(plan, serialized, options, nowMs, undefined, this.#propagator);
        return this.#place(publication, options);
      }
      return this.#publishLater(body, plan, options, nowMs);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  get #propagator(): Propagator | undefined {
    return this.#connection.options.propagator;
  }

  #planOf(options: PublishOptions): PublishPlan {
    const own =
      this.#expiration === undefined
        ? this.#options
        : { ...this.#options, expiration: this.#expiration };
    if (options !== NO_OPTIONS) return planOf(own, options, this.#defaults);
    const plan = this.#plan ?? planOf(own, NO_OPTIONS, this.#defaults);
    this.#plan = plan.isProvisional ? undefined : plan;
    return plan;
  }

  /** Whether all that must be there is. */
  #isReady(plan: PublishPlan): boolean {
    const target = this.#target;
    if (plan.delay !== undefined) return false;
    if (target instanceof Channel && plan.confirm && !target.outlet.isConfirming) return false;
    const { topology } = this.#connection;
    for (const entity of plan.entities) if (!topology.has(entity)) return false;
    return plan.namedQueue === undefined || topology.has(plan.namedQueue);
  }

  /** Sees to it that all that must be there is, through outages as long as the publish may take. */
  async #makeReady(plan: PublishPlan, options: PublishOptions, nowMs: number): Promise<void> {
    const { clock, link } = this.#connection;
    const endMs = nowMs + plan.timeoutMs;
    for (;;) {
      try {
        const limits: CallOptions = {
          timeout: `${Math.max(1, endMs - clock.now())}ms`,
          ...(options.signal && { signal: options.signal }),
        };
        await this.#ensureAll(plan, limits);
        return;
      } catch (error) {
        const isManaged = !(this.#target instanceof Channel);
        const mayPass = error instanceof ConnectionError && error.recoverable;
        if (isManaged && mayPass && plan.rule.resends > 0 && link.isPursued && clock.now() < endMs)
          continue;
        throw error instanceof AMQPError ? withDelivery(error, 'not-sent') : error;
      }
    }
  }

  async #ensureAll(plan: PublishPlan, limits: CallOptions): Promise<void> {
    const target = this.#target;
    const { topology } = this.#connection;
    // A publish wants the connection, and goes on wanting it when it is not there yet.
    if (!(target instanceof Channel)) target.outboxOf();
    const waits: (Promise<unknown> | undefined)[] = plan.entities.map((entity) =>
      topology.ensure(entity, limits),
    );
    if (target instanceof Channel && plan.confirm) waits.push(target.confirmSelect());
    if (plan.namedQueue !== undefined) waits.push(topology.ensureNamed(plan.namedQueue, limits));
    await Promise.all(waits);
    if (plan.delay === undefined || delaySeconds(plan.delay) === 0) return;
    if (plan.queue === undefined) throw delayNeedsQueue();
    await this.#connection.ensureDelay(plan.queue);
  }

  /** Takes its place behind those that were published before it, whatever each has to wait for. */
  #publishLater(
    body: T,
    plan: PublishPlan,
    options: PublishOptions,
    nowMs: number,
  ): Promise<PublishResult> {
    const before = this.#tail;
    const prepare = async () => {
      // What goes out is what came in: the reader's schema makes of it what the reader wants.
      if (plan.schema) await validate(plan.schema, body, plan.what);
      const serialized = serialize(body, plan.serializer);
      if (plan.compression === undefined) return { serialized, compression: undefined };
      const { contentType, bytes } = await compress(serialized.bytes, plan.compression);
      return { serialized: { ...serialized, bytes }, compression: contentType };
    };
    const prepared = Promise.all([prepare(), this.#makeReady(plan, options, nowMs)]);
    prepared.catch(() => {});
    const placed = (async () => {
      await before;
      const [{ serialized, compression }] = await prepared;
      const final = plan.isProvisional ? this.#planOf(options) : plan;
      const publication = publicationOf(
        final,
        serialized,
        options,
        nowMs,
        compression,
        this.#propagator,
      );
      // In a box: a promise that is returned would be awaited.
      return { result: this.#place(publication, options) };
    })();
    const tail = placed.then(
      () => {},
      () => {},
    );
    this.#tail = tail;
    this.#connection.preparing.add(tail);
    void tail.then(() => {
      this.#connection.preparing.delete(tail);
      if (this.#tail === tail) this.#tail = undefined;
    });
    return placed.then(({ result }) => result);
  }

  #place(publication: Publication, options: PublishOptions): Promise<PublishResult> {
    this.#pending++;
    publication.onSettled = this.#settled;
    publication.abortBy(options.signal);
    const target = this.#target;
    const { onReturn } = this.#options;
    if (onReturn) {
      // An unconfirmed message comes back when its promise has long been settled.
      const isManaged = !(target instanceof Channel);
      if (isManaged && !publication.confirm) {
        publication.onReturned = (error) => guarded(onReturn, error);
      }
      publication.result.catch((error: unknown) => {
        if (error instanceof MessageReturned) guarded(onReturn, error);
      });
    }
    if (!publication.isSettled) {
      if (target instanceof Channel) target.outlet.submit(publication);
      else target.outboxOf().submit(publication);
    }
    return publication.result;
  }

  readonly #settled = (): void => {
    this.#pending--;
    if (this.#pending > 0 || this.#drained.length === 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  };

  /**
   * Publishes all of `bodies`, at most `concurrency` of them on their way at a time, so that a million rows take no more memory
   * than a thousand. Stops at the first failure.
   */
  async publishMany(
    bodies: Iterable<T> | AsyncIterable<T>,
    options: PublishOptions & { readonly concurrency?: number } = {},
  ): Promise<{ readonly count: number }> {
    const { concurrency = MANY_AT_ONCE, ...each } = options;
    const single = Object.keys(each).length === 0 ? NO_OPTIONS : each;
    let count = 0;
    let open = 0;
    let failure: { readonly error: unknown } | undefined;
    let wake: (() => void) | undefined;
    const settled = () => {
      open--;
      wake?.();
    };
    for await (const body of bodies) {
      open++;
      this.publish(body, single).then(
        () => {
          count++;
          settled();
        },
        (error: unknown) => {
          failure ??= { error };
          settled();
        },
      );
      while (open >= concurrency && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure) break;
    }
    while (open > 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure) throw failure.error;
    return { count };
  }

  /** Resolves when nothing is pending any more. */
  async flush(options: CallOptions = {}): Promise<void> {
    await this.#connection.within(this.#settledAll(), options, 'flush');
  }

  async #settledAll(): Promise<void> {
    await this.#tail;
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** Publishes over `target` from now on; what is pending stays with the old one. */
  revive(target: ConnectionCore | Channel): void {
    this.#target = target;
    this.#connection = connectionOf(target);
    this.#hearReturns();
  }

  /** On a channel without confirms nobody can say whose message it was: each producer on it is told, as in Kombu. */
  #hearReturns(): void {
    const { onReturn } = this.#options;
    if (onReturn && this.#target instanceof Channel) this.#target.onReturn(onReturn);
  }

  /** Waits for what is pending; nothing more is taken. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function connectionOf(target: ConnectionCore | Channel): ConnectionCore {
  return target instanceof Channel ? target.connection : target;
}

function namesTarget({ exchange, queue, routingKey }: ProducerOptions): boolean {
  return queue !== undefined || routingKey !== undefined || typeof exchange === 'object';
}

function delayNeedsQueue(): InvalidArgument {
  return new InvalidArgument(
    'delay',
    'needs a queue to go to: publish to a Queue or a queue name, or to an x-delayed-message exchange',
  );
}
