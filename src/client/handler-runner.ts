// Runs a user's handler for messages, so many at a time, and settles each by how its handler ended: acknowledged, tried again
// later, dead-lettered, or given back after a pause, so that nothing is lost and nothing spins.
import { AckWatch, type AckWatchHost } from './ack-watch.ts';
import { Deferred } from './base/deferred.ts';
import { durationMs } from './base/duration.ts';
import {
  MessageStateError,
  SerializationError,
  TimeoutError,
  ValidationError,
} from './base/errors.ts';
import { exponential } from './base/retry.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { ConsumeOptions, ConsumePlan } from './consume-options.ts';
import { Deque } from './deque.ts';
import type { Message } from './message.ts';
import { RequeuePauses } from './requeue-pauses.ts';
import { traceProcess } from './tracing.ts';

export type Handler = (message: Message) => unknown;

export interface ConsumerStats {
  received: number;
  acked: number;
  rejected: number;
  retried: number;
  inFlight: number;
  stale: number;
  recoveries: number;
}

/** Messages that wait for a handler, where nothing else bounds them. */
const ENOUGH_WAITING = 1_000;
/** Half of the shortest heartbeat there is. */
const BLOCKS_FROM_MS = 500;
const defaultBackoff = exponential();

export class HandlerRunner implements AckWatchHost {
  readonly #core: ConnectionCore;
  readonly #plan: ConsumePlan;
  readonly #options: ConsumeOptions;
  readonly #handler: Handler;
  readonly #queueName: () => string;
  readonly stats: ConsumerStats = {
    received: 0,
    acked: 0,
    rejected: 0,
    retried: 0,
    inFlight: 0,
    stale: 0,
    recoveries: 0,
  };
  readonly #waiting = new Deque<Message>();
  #running = 0;
  readonly #inHand = new Set<Message>();
  /** Whose handlers have ended without an answer: it is the user's to give, and may still come. */
  readonly #unsettled = new Set<Message>();
  #ackWatch: AckWatch | undefined;
  readonly #pauses: RequeuePauses;
  #idle: (() => void)[] = [];
  #isStopping = false;
  #hasEnough = false;
  /** Told when more wait than should, and when there is room again. */
  onEnough: ((isEnough: boolean) => void) | undefined;

  constructor(
    core: ConnectionCore,
    plan: ConsumePlan,
    options: ConsumeOptions,
    handler: Handler,
    queueName: () => string,
  ) {
    this.#core = core;
    this.#plan = plan;
    this.#options = options;
    this.#handler = handler;
    this.#queueName = queueName;
    this.#pauses = new RequeuePauses(core.clock, (message) =>
      this.#settle(message, () => message.refuse(true)),
    );
  }

  /** From now on the broker waits so long for each answer. */
  watchAnswers(timeoutMs: number): void {
    this.#ackWatch?.stop();
    this.#ackWatch =
      timeoutMs < Number.POSITIVE_INFINITY ? new AckWatch(this.#core, timeoutMs, this) : undefined;
  }

  deliver(message: Message): void {
    this.stats.received++;
    this.#ackWatch?.delivered(message);
    if (this.#running < this.#plan.concurrency) this.#run(message);
    else {
      this.#waiting.push(message);
      // Without acknowledgements there is no prefetch to hold the broker back.
      if (this.#plan.noAck && this.#waiting.size >= ENOUGH_WAITING) this.#tellEnough(true);
    }
  }

  #tellEnough(isEnough: boolean): void {
    if (this.#hasEnough === isEnough) return;
    this.#hasEnough = isEnough;
    this.onEnough?.(isEnough);
  }

  #run(message: Message): void {
    this.#running++;
    this.stats.inFlight++;
    if (message.needsPreparing) {
      message.prepare().then(
        () => this.#handle(message),
        (error: unknown) => this.#invalid(message, error),
      );
    } else this.#handle(message);
  }

  #handle(message: Message): void {
    let result: unknown;
    try {
      // Decoded before anything is done, so that a body that makes no sense is not taken for a failure of the handler.
      if (this.#options.onInvalid !== 'deliver') void message.body;
    } catch (error) {
      this.#invalid(message, error);
      return;
    }
    const { clock } = this.#core;
    const beganMs = clock.now();
    if (isExpired(message, beganMs)) {
      this.#acknowledge(message);
      this.#done();
      return;
    }
    try {
      result = traceProcess(message, () => this.#invoke(message));
    } catch (error) {
      this.#failed(message, error);
      return;
    } finally {
      const tookMs = clock.now() - beganMs;
      if (tookMs >= BLOCKS_FROM_MS) this.#core.handlerBlocked(this.queueName, tookMs);
    }
    if (!isThenable(result)) {
      this.#ended(message);
      return;
    }
    this.#inHand.add(message);
    const { timeoutMs } = this.#plan;
    const ended = timeoutMs === undefined ? result : this.#limited(message, result, timeoutMs);
    ended.then(
      () => {
        this.#inHand.delete(message);
        this.#ended(message);
      },
      (error: unknown) => {
        this.#inHand.delete(message);
        this.#failed(message, error);
      },
    );
  }

  #ended(message: Message): void {
    if (this.#options.ack !== 'manual') this.#acknowledge(message);
    else if (this.#ackWatch && !message.acknowledged) this.#unsettled.add(message);
    this.#done();
  }

  /** The message has been answered, by whomever. */
  settled(message: Message): void {
    if (this.#unsettled.size > 0) this.#unsettled.delete(message);
  }

  #invoke(message: Message): unknown {
    const { propagator } = this.#core.options;
    if (!propagator) return this.#handler(message);
    return propagator.extract(message.headers, () => this.#handler(message));
  }

  /** The handler's time is up: its signal aborts, and it has failed whatever it does then. */
  #limited(message: Message, result: PromiseLike<unknown>, ms: number): Promise<unknown> {
    const ended = new Deferred<unknown>();
    ended.within(this.#core.clock, ms, () => {
      const error = new TimeoutError(`the handler took longer than ${ms} ms`);
      message.abort(error);
      ended.reject(error);
    });
    result.then(ended.resolve, ended.reject);
    return ended.promise;
  }

  #done(): void {
    this.#running--;
    this.stats.inFlight--;
    const next = this.#isStopping && !this.#plan.noAck ? undefined : this.#waiting.shift();
    if (this.#hasEnough && this.#waiting.size === 0) this.#tellEnough(false);
    if (next) this.#run(next);
    else if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Settles a message unless its handler has; what came over a channel that is gone is only counted. */
  #settle(message: Message, settle: () => void): void {
    if (message.acknowledged) return;
    try {
      settle();
    } catch (error) {
      if (!(error instanceof MessageStateError)) throw error;
      this.stats.stale++;
    }
  }

  #acknowledge(message: Message): void {
    this.#settle(message, () => message.acknowledge());
    this.#pauses.forget(message);
  }

  #invalid(message: Message, error: unknown): void {
    const isOfMessage = error instanceof SerializationError || error instanceof ValidationError;
    if (!isOfMessage) {
      this.#failed(message, error);
      return;
    }
    const { onInvalid = 'dead-letter' } = this.#options;
    if (onInvalid === 'dead-letter' && this.#plan.deadLetter !== undefined && !message.isStale) {
      this.#tell(error, 'dead-letter');
      void this.#deadLetter(message, error).then(() => this.#done());
      return;
    }
    this.#tell(error, 'reject');
    this.#settle(message, () => message.refuse(false));
    this.#done();
  }

  #tell(error: unknown, action: 'retry' | 'requeue' | 'reject' | 'dead-letter' | 'none'): void {
    this.#core.hub.emit({ type: 'handler-failed', queue: this.queueName, error, action });
  }

  #failed(message: Message, error: unknown): void {
    if (message.acknowledged || this.#plan.noAck) {
      this.#tell(error, 'none');
      this.#done();
      return;
    }
    if (message.isStale) {
      this.stats.stale++;
      this.#tell(error, 'requeue');
      this.#done();
      return;
    }
    const { retry } = this.#options;
    if (!retry) {
      this.#tell(error, 'requeue');
      this.#pauses.add(message);
      this.#done();
      return;
    }
    const { maxRetries = Number.POSITIVE_INFINITY, backoff = defaultBackoff, when } = retry;
    const isWorthIt = message.attempt <= maxRetries && (!when || decide(when, error, message));
    if (isWorthIt) {
      this.#tell(error, 'retry');
      const delay = backoff(message.attempt);
      void this.#retry(message, durationMs(delay, 'backoff'), error).then(() => this.#done());
    } else if (this.#plan.deadLetter !== undefined) {
      this.#tell(error, 'dead-letter');
      void this.#deadLetter(message, error).then(() => this.#done());
    } else {
      this.#tell(error, 'reject');
      this.#settle(message, () => message.refuse(false));
      this.#done();
    }
  }

  async #retry(message: Message, delayMs: number, reason: unknown): Promise<void> {
    try {
      await message.retry({ delay: `${delayMs}ms`, reason });
    } catch {
      this.#settle(message, () => message.refuse(true));
    }
  }

  async #deadLetter(message: Message, reason: unknown): Promise<void> {
    try {
      await message.deadLetter(reason);
    } catch {
      this.#pauses.add(message);
    }
  }

  // --- for the watch

  get queueName(): string {
    return this.#queueName();
  }

  *unanswered(): Generator<Message> {
    yield* this.#inHand;
    yield* this.#unsettled;
    yield* this.#waiting;
  }

  hasBegun(message: Message): boolean {
    return this.#inHand.has(message) || this.#unsettled.has(message);
  }

  // --- stopping

  /** The channel is gone: what was not begun will come again, unless the broker has forgotten it. */
  forgetWaiting(): void {
    if (!this.#plan.noAck) this.#waiting.takeAll();
    this.#unsettled.clear();
    this.#ackWatch?.stop();
    this.#pauses.cancel();
  }

  /** Begins no more handlers. Resolves when those that run have ended, or after `timeoutMs`. */
  async finish(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.forgetWaiting();
    if (this.#running === 0 || timeoutMs <= 0) return;
    const idle = new Deferred();
    this.#idle.push(idle.resolve);
    await idle.within(this.#core.clock, timeoutMs, idle.resolve).promise;
  }
}

function decide(
  when: (error: unknown, message: Message) => boolean,
  error: unknown,
  message: Message,
): boolean {
  try {
    return when(error, message);
  } catch {
    return true;
  }
}

/** Let out by a ladder of delays, a message has its end in a header. */
export function isExpired(message: Message, nowMs: number): boolean {
  if (!message.hasHeaders || !message.basicProperties.headers?.has('x-expires-at')) return false;
  const { expiresAt } = message;
  return expiresAt !== null && expiresAt.getTime() <= nowMs;
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}
