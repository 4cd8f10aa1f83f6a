// What a connection can be told, checked once and turned into what the rest of the client works with. A mistake is a TypeError
// of the constructor, before any I/O.
import type { Clock } from '../platform/clock.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import { type Expiration, expirationMs } from './base/expiration.ts';
import { type RetryPlan, type RetryPolicy, retryPlan } from './base/retry.ts';
import type { ClientEvent } from './events.ts';
import type { Exchange } from './exchange.ts';
import type { Queue } from './queue.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** The broker is told new ones in time (`connection.update-secret`). */
  readonly expiresAt?: Date;
}

/** What a call may be told about how long it may take. */
export interface CallOptions {
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
}

/** Carries the caller's context with a message; `leveret/otel` makes one. */
export interface Propagator {
  inject(headers: Record<string, unknown>): void;
  extract<Result>(headers: Readonly<Record<string, unknown>>, run: () => Result): Result;
}

/** What holds for messages unless a call says otherwise. */
export interface ProducerDefaults {
  /** How long a message may wait to be read. Default 30 minutes; null = for ever. */
  readonly expiration?: Expiration;
  /** Whether a publish waits until the broker has the message. Default true. */
  readonly confirm?: boolean;
  /** Whether a message that reaches no queue is an error. Default: when it is addressed to a queue. */
  readonly mandatory?: boolean;
  /** Whether a message is sent again after an outage, and how often after a refusal. Default true. */
  readonly retry?: boolean | RetryPolicy;
  /** How long a publish may take. Default 30 s. */
  readonly timeout?: Duration;
  readonly serializer?: string;
  readonly compression?: string;
  /** Default persistent. */
  readonly deliveryMode?: 1 | 2 | 'transient' | 'persistent';
}

export interface OutboxOptions {
  /** Messages that are not confirmed yet. Default 10,000. */
  readonly maxMessages?: number;
  /** Bytes of them. Default 64 MiB. */
  readonly maxBytes?: number;
  /** What a publish does beyond that. Default `wait`. */
  readonly whenFull?: 'wait' | 'reject';
}

export type FailoverStrategy =
  | 'round-robin'
  | 'shuffle'
  | ((urls: readonly string[]) => Iterator<string>);

export interface ConnectionOptions {
  /** Seconds between signs of life; the broker may ask for fewer. 0 = none. Default: as the broker proposes. */
  readonly heartbeat?: Duration;
  /** For one attempt on one URL, from the socket to the open connection. Default 10 s. */
  readonly connectTimeout?: Duration;
  /** Shown by the broker's management. */
  readonly name?: string;
  readonly failoverStrategy?: FailoverStrategy;
  /** Asked before each attempt; overrides what the URL says. */
  readonly credentials?: () => Credentials | Promise<Credentials>;
  /** `true`, or what `tls.connect` takes. An amqps URL means `true`. */
  readonly tls?: object | boolean;
  /** Logs in by the TLS certificate (EXTERNAL) instead of name and password. */
  readonly external?: boolean;
  readonly vhost?: string;
  readonly frameMax?: number;
  readonly channelMax?: number;
  /** Waits between rounds of attempts after the connection was lost. Default: up to 1, 3, 5 … 30 s, for ever. */
  readonly recovery?: RetryPolicy;
  /** Defaults of every Producer made from this connection. */
  readonly producer?: ProducerDefaults;
  readonly outbox?: OutboxOptions;
  /** Declared on every connect, before anything else. */
  readonly topology?: readonly (Exchange | Queue)[];
  readonly propagator?: Propagator;
  readonly log?: ((event: ClientEvent) => void) | false;
  /** For tests that turn the time by hand. */
  readonly clock?: Clock;
}

export interface OutboxLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly whenFull: 'wait' | 'reject';
}

export interface Settings {
  /** Whole seconds; undefined = as the broker proposes. */
  readonly heartbeat: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly frameMax: number | undefined;
  readonly channelMax: number | undefined;
  readonly recovery: RetryPlan;
  readonly outbox: OutboxLimits;
}

/** Quick at first, since most outages are short; spread by jitter, since all clients notice at once. */
const RECOVERY: RetryPolicy = { intervalStart: 1, intervalStep: 2, intervalMax: 30, jitter: 1 };

export const CONNECT_TIMEOUT_MS = 10_000;
export const FRAME_MAX_BYTES = 131_072;
export const CHANNEL_MAX = 2047;
/** RabbitMQ 4.1 and later refuse less. */
const LEAST_FRAME_MAX_BYTES = 8192;
const OUTBOX_MESSAGES = 10_000;
const OUTBOX_BYTES = 64 * 1024 * 1024;

export function settingsOf(options: ConnectionOptions): Settings {
  const { heartbeat, connectTimeout, frameMax, channelMax, outbox = {}, producer = {} } = options;
  expirationMs(producer.expiration);
  if (producer.timeout !== undefined) durationMs(producer.timeout, 'producer.timeout');
  if (frameMax !== undefined) requireInteger('frameMax', frameMax, LEAST_FRAME_MAX_BYTES, 2 ** 31);
  if (channelMax !== undefined) requireInteger('channelMax', channelMax, 1, 65_535);
  const { maxMessages = OUTBOX_MESSAGES, maxBytes = OUTBOX_BYTES, whenFull = 'wait' } = outbox;
  requireInteger('outbox.maxMessages', maxMessages, 1, 2 ** 31);
  requireInteger('outbox.maxBytes', maxBytes, 1, Number.MAX_SAFE_INTEGER);
  return {
    heartbeat:
      heartbeat === undefined ? undefined : heartbeatSeconds(durationMs(heartbeat, 'heartbeat')),
    connectTimeoutMs:
      connectTimeout === undefined ? undefined : durationMs(connectTimeout, 'connectTimeout'),
    frameMax,
    channelMax,
    recovery: retryPlan(options.recovery, RECOVERY, 'recovery'),
    outbox: { maxMessages, maxBytes, whenFull },
  };
}

/** The wire counts whole seconds, and 0 means none. */
export function heartbeatSeconds(ms: number): number {
  return Math.min(65_535, Math.ceil(ms / 1000));
}

export function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new InvalidArgument(name, `must be a whole number from ${min} to ${max}, not ${value}`);
}

/** Milliseconds of a call's timeout, or of what stands for it. */
export function timeoutMs(options: CallOptions | undefined, otherwiseMs: number): number {
  return options?.timeout === undefined ? otherwiseMs : durationMs(options.timeout, 'timeout');
}
