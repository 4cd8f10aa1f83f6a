// Keeps one connection to one of the brokers: makes it when it is wanted, and makes it again when it breaks. One state machine,
// so that there is one place to look when a client does not come back.
import type { Clock } from '../platform/clock.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import { attempt, connectionProblem } from './attempt.ts';
import { Deferred } from './base/deferred.ts';
import { type AMQPError, ConnectionError, OperationalError } from './base/errors.ts';
import { intervalMs, intervalsMs, withJitter } from './base/retry.ts';
import { sleep } from './base/sleep.ts';
import { formatUrl } from './base/url.ts';
import { CredentialSource } from './credential-source.ts';
import type { EventHub } from './events.ts';
import { Itinerary } from './itinerary.ts';
import type { ConnectionOptions, Settings } from './options.ts';
import type { Target } from './target.ts';
import { traceConnect } from './tracing.ts';

export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'open'
  | 'blocked'
  | 'recovering'
  | 'closing'
  | 'closed';

export interface LinkSink {
  /** There is a connection. Until this resolves it is not handed to anyone else. */
  opened(connection: AmqpConnection, recovered: boolean): Promise<void>;
  /** The connection broke, or a round of attempts to make one has failed. */
  lost(error: AMQPError): void;
  /** The connection has been handed out. */
  handedOut(connection: AmqpConnection): void;
  /** Publishing may have become possible: unblocked, or the socket has room. */
  relieved(): void;
  /** This process let nothing else run for so long, or was not running itself. */
  stoodStill(ms: number): void;
  /** There will be no connection any more, or not until somebody asks again. */
  gaveUp(error: AMQPError): void;
}

/** A connection that has held for so long was none that breaks as soon as it is used. */
const STABLE_AFTER_MS = 2_000;

/** What no second attempt can mend, as long as no attempt has ever gone well. */
const HOPELESS = new Set(['AUTHENTICATION_FAILED', 'VHOST_NOT_FOUND', 'NOT_ALLOWED']);

interface Waiter {
  /** Waits for as many rounds as there are, and hurries nobody. */
  readonly isPatient: boolean;
  readonly handed: Deferred<AmqpConnection>;
}

export class Link {
  readonly #clock: Clock;
  readonly #targets: readonly Target[];
  readonly #itinerary: Itinerary;
  readonly #settings: Settings;
  readonly #events: EventHub;
  readonly #sink: LinkSink;
  readonly #credentials: CredentialSource;
  #connection: AmqpConnection | undefined;
  #state: ConnectionState = 'idle';
  #isBlocked = false;
  /** Once there was a connection, a refusal may pass: a broker that restarts does not know its users yet. */
  #wasOpen = false;
  #openedAtMs = 0;
  /** Connections in a row that did not hold. */
  #earlyLosses = 0;
  #isRunning = false;
  /** Whether attempts go on after a round has failed. */
  #isWanted = false;
  readonly #waiters = new Set<Waiter>();
  #wake: AbortController | undefined;
  readonly #closing = new AbortController();

  constructor(
    targets: readonly Target[],
    options: ConnectionOptions,
    settings: Settings,
    clock: Clock,
    events: EventHub,
    sink: LinkSink,
  ) {
    this.#targets = targets;
    this.#itinerary = new Itinerary(targets, options.failoverStrategy, clock);
    this.#settings = settings;
    this.#clock = clock;
    this.#events = events;
    this.#sink = sink;
    this.#credentials = new CredentialSource(options.credentials, clock);
  }

  get state(): ConnectionState {
    return this.#state === 'open' && this.#isBlocked ? 'blocked' : this.#state;
  }

  /** The connection, when there is one and everybody may use it. */
  get current(): AmqpConnection | undefined {
    return this.#state === 'open' ? this.#connection : undefined;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Seconds between signs of life; 0 for none. */
  get heartbeat(): number {
    return this.#connection?.tuning.heartbeat ?? 0;
  }

  /** Where the connection goes, or would go. */
  get url(): string {
    return this.#connection?.url ?? this.#targets[0]!.url;
  }

  /** The open connection; else at most one round over the URLs, which begins at once. */
  connect(signal?: AbortSignal): Promise<AmqpConnection> {
    return this.#wait(signal, false);
  }

  /** The connection as soon as there is one, however many rounds that takes. */
  connected(signal?: AbortSignal): Promise<AmqpConnection> {
    return this.#wait(signal, true);
  }

  #wait(signal: AbortSignal | undefined, isPatient: boolean): Promise<AmqpConnection> {
    if (this.current) return Promise.resolve(this.current);
    if (this.#isOver) return Promise.reject(this.#closedError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const handed = new Deferred<AmqpConnection>().abortedBy(signal);
    const waiter = { isPatient, handed };
    this.#waiters.add(waiter);
    // A signal may have made an end of it.
    handed.promise.catch(() => this.#waiters.delete(waiter));
    if (!isPatient) this.#wake?.abort();
    this.#run();
    return handed.promise;
  }

  /** From now on the connection is made, and made again, until `close`. */
  want(): void {
    if (this.#isOver) return;
    this.#isWanted = true;
    if (!this.current) this.#run();
  }

  /** Whether the connection is being made, or made again, until it is there. */
  get isPursued(): boolean {
    return !this.#isOver && (this.#isWanted || this.#state === 'recovering');
  }

  get #isOver(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  #closedError(): ConnectionError {
    return new ConnectionError('CONNECTION_CLOSED', this.url, 'the connection has been closed');
  }

  #run(waitMs = 0): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#rounds(waitMs)
      .catch((error: unknown) => this.#giveUp(error as AMQPError))
      .finally(() => {
        this.#isRunning = false;
        // Whoever came while the last round was being given up.
        if (this.#waiters.size > 0 && !this.#isOver) this.#run();
      });
  }

  async #rounds(waitMs: number): Promise<void> {
    if (waitMs > 0) await this.#pause(waitMs);
    if (this.#isOver) return;
    const { recovery } = this.#settings;
    const intervals = intervalsMs(recovery);
    const startedMs = this.#clock.now();
    for (let round = 1; ; round++) {
      this.#state = this.#wasOpen ? 'recovering' : 'connecting';
      const failure = await this.#round();
      if (!failure || this.#isOver) return;
      const isHopeless =
        !this.#wasOpen && failure instanceof ConnectionError && HOPELESS.has(failure.code);
      const waitMs = withJitter(intervals.next().value, recovery.jitter);
      const isSpent =
        round > recovery.maxRetries || this.#clock.now() - startedMs >= recovery.timeoutMs;
      const goesOn = this.#isWanted && !isHopeless && !isSpent;
      this.#tellDisconnected(failure, goesOn ? waitMs / 1000 : undefined);
      this.#rejectWaiters(failure, ({ isPatient }) => !isPatient);
      this.#sink.lost(failure);
      if (!goesOn) {
        throw isSpent && this.#isWanted ? new OperationalError(round, failure) : failure;
      }
      // Who came meanwhile and is in a hurry is not made to wait.
      if ([...this.#waiters].every(({ isPatient }) => isPatient)) await this.#pause(waitMs);
      if (this.#isOver) return;
    }
  }

  async #pause(ms: number): Promise<void> {
    this.#wake = new AbortController();
    await sleep(this.#clock, ms, this.#wake.signal).catch(() => {});
    this.#wake = undefined;
  }

  #tellDisconnected(error: AMQPError, retryIn: number | undefined): void {
    if (!(error instanceof ConnectionError)) return;
    const { url } = error;
    this.#events.emit({
      type: 'disconnected',
      url,
      error,
      ...(retryIn === undefined ? {} : { retryIn }),
    });
  }

  /** Tries each target once. @returns what the last one said, or nothing when there is a connection. */
  async #round(): Promise<AMQPError | undefined> {
    let failure: AMQPError | undefined;
    for (const target of this.#itinerary.round()) {
      try {
        await this.#attempt(target);
        return undefined;
      } catch (error) {
        failure = error as AMQPError;
        if (this.#isOver) return failure;
        this.#itinerary.failed(target);
      }
    }
    return failure;
  }

  async #attempt(target: Target): Promise<void> {
    const connection = await traceConnect(target.url, () =>
      attempt(target, () => this.#credentials.current(), this.#clock, this.#closing.signal),
    );
    this.#credentials.keepFresh(connection);
    const recovered = this.#wasOpen;
    this.#connection = connection;
    this.#isBlocked = false;
    connection.sink = {
      closed: (error) => this.#lost(connection, target, error),
      blocked: (reason) => {
        this.#isBlocked = true;
        this.#events.emit({ type: 'blocked', reason });
      },
      unblocked: () => {
        this.#isBlocked = false;
        this.#events.emit({ type: 'unblocked' });
        this.#sink.relieved();
      },
      relieved: () => this.#sink.relieved(),
      stoodStill: (ms) => this.#sink.stoodStill(ms),
    };
    try {
      await this.#sink.opened(connection, recovered);
      if (connection.error) throw connection.error;
      if (this.#isOver) throw this.#closedError();
    } catch (error) {
      connection.destroy(this.#closedError());
      throw connectionProblem(error, connection.url);
    }
    this.#wasOpen = true;
    this.#isWanted = true;
    this.#state = 'open';
    this.#openedAtMs = this.#clock.now();
    this.#events.emit({ type: 'connected', url: connection.url, recovered });
    for (const { handed } of this.#waiters) handed.resolve(connection);
    this.#waiters.clear();
    this.#sink.handedOut(connection);
  }

  #lost(connection: AmqpConnection, target: Target, error: ConnectionError): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#isBlocked = false;
    this.#credentials.stop();
    const wasOpen = this.#state === 'open';
    if (wasOpen) this.#state = 'recovering';
    this.#sink.lost(error);
    // While it is being set up, the attempt that does so hears of it.
    if (!wasOpen) return;
    const waitMs = this.#waitAfterLoss(target);
    this.#tellDisconnected(error, waitMs / 1000);
    this.#run(waitMs);
  }

  /** The first attempt after a loss is made at once. Not so when connections break again and again as soon as they are used. */
  #waitAfterLoss(target: Target): number {
    if (this.#clock.now() - this.#openedAtMs >= STABLE_AFTER_MS) {
      this.#earlyLosses = 0;
      this.#itinerary.forgive(target);
      return 0;
    }
    this.#earlyLosses++;
    this.#itinerary.failed(target);
    const { recovery } = this.#settings;
    return this.#earlyLosses === 1
      ? 0
      : withJitter(intervalMs(recovery, this.#earlyLosses - 1), recovery.jitter);
  }

  #rejectWaiters(error: unknown, which: (waiter: Waiter) => boolean = () => true): void {
    for (const waiter of [...this.#waiters].filter(which)) {
      this.#waiters.delete(waiter);
      waiter.handed.reject(error);
    }
  }

  #giveUp(error: AMQPError): void {
    this.#rejectWaiters(error);
    if (this.#isOver) return;
    this.#state = 'idle';
    this.#isWanted = false;
    this.#sink.gaveUp(error);
  }

  /** Says goodbye, within `timeoutMs`; nothing comes after. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#isOver) return;
    this.#state = 'closing';
    const error = this.#closedError();
    this.#closing.abort(error);
    this.#wake?.abort();
    this.#credentials.stop();
    this.#rejectWaiters(error);
    await this.#connection?.close(timeoutMs);
    this.#state = 'closed';
    this.#sink.gaveUp(error);
  }

  /** Drops the connection without a goodbye; it is made again when it is wanted. */
  collect(): void {
    this.#connection?.destroy(
      new ConnectionError('CONNECTION_LOST', this.url, 'the connection was dropped by its user'),
    );
  }

  /** As a URL that can be shown, or with the password one that can be used. */
  asUri(password: boolean): string {
    return this.#targets.map(({ address }) => formatUrl(address, { password })).join(';');
  }
}
