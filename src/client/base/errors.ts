// Every way a call of the client can fail: one base, a class per kind as Kombu and py-amqp name them, and a literal `code` to
// switch on. A mistake in the arguments is an `InvalidArgument`, thrown before anything is written.
import type { StandardIssue } from './schema.ts';

export type ConnectionErrorCode =
  | 'CONNECTION_LOST'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_FORCED'
  | 'HEARTBEAT_TIMEOUT'
  | 'CONNECTION_CLOSED'
  | 'AUTHENTICATION_FAILED'
  | 'VHOST_NOT_FOUND'
  | 'NOT_ALLOWED'
  | 'PROTOCOL_ERROR'
  | 'RESOURCE_ERROR';

export type ChannelErrorCode =
  | 'NOT_FOUND'
  | 'PRECONDITION_FAILED'
  | 'ACCESS_REFUSED'
  | 'RESOURCE_LOCKED'
  | 'CONTENT_TOO_LARGE'
  | 'CHANNEL_CLOSED'
  | 'CONSUMER_CANCELLED';

/** For a publish or an RPC call: did the message leave this process? */
export type Delivery = 'not-sent' | 'unknown';

export interface ErrorDetails {
  readonly cause?: unknown;
  readonly recoverable?: boolean;
  readonly delivery?: Delivery;
  readonly replyCode?: number;
  readonly replyText?: string;
}

/** The base of all errors that come from the broker, the network or a message. */
export abstract class AMQPError extends Error {
  static {
    AMQPError.prototype.name = 'AMQPError';
  }
  abstract readonly code: string;
  /** Would the same call have a chance if it were made again? */
  readonly recoverable: boolean;
  /** For a publish or an RPC call: did the message leave this process? */
  declare readonly delivery?: Delivery;
  declare readonly replyCode?: number;
  declare readonly replyText?: string;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.recoverable = details.recoverable ?? false;
    if (details.delivery !== undefined) this.delivery = details.delivery;
    if (details.replyCode !== undefined) this.replyCode = details.replyCode;
    if (details.replyText !== undefined) this.replyText = details.replyText;
  }
}

/** The link to the broker: not made, refused, or lost. `url` is without its password. */
export class ConnectionError extends AMQPError {
  static {
    ConnectionError.prototype.name = 'ConnectionError';
  }
  readonly code: ConnectionErrorCode;
  readonly url: string;

  constructor(code: ConnectionErrorCode, url: string, message: string, details: ErrorDetails = {}) {
    super(message, { recoverable: mayRecover.has(code), ...details });
    this.code = code;
    this.url = url;
  }
}

const mayRecover: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'CONNECTION_FORCED',
  'HEARTBEAT_TIMEOUT',
  'RESOURCE_ERROR',
  'RESOURCE_LOCKED',
  'CHANNEL_CLOSED',
  'CONSUMER_CANCELLED',
] satisfies (ConnectionErrorCode | ChannelErrorCode)[]);

/** What closed one channel, or the broker's refusal of one call. */
export class ChannelError extends AMQPError {
  static {
    ChannelError.prototype.name = 'ChannelError';
  }
  readonly code: ChannelErrorCode;
  /** The method that the broker blames, such as `queue.declare`. */
  declare readonly method?: string;

  constructor(
    code: ChannelErrorCode,
    message: string,
    details: ErrorDetails & { readonly method?: string } = {},
  ) {
    super(message, { recoverable: mayRecover.has(code), ...details });
    this.code = code;
    if (details.method !== undefined) this.method = details.method;
  }
}

/** What the broker has (`current`) and what we asked for (`declared`); undefined where there is none. */
export interface Mismatch {
  readonly argument: string;
  readonly current: unknown;
  readonly declared: unknown;
}

/** A declaration says other than what exists, or an argument makes no sense. */
export class PreconditionFailed extends ChannelError {
  static {
    PreconditionFailed.prototype.name = 'PreconditionFailed';
  }
  declare readonly code: 'PRECONDITION_FAILED';
  declare readonly mismatch?: Mismatch;

  constructor(
    message: string,
    details: ErrorDetails & { readonly method?: string; readonly mismatch?: Mismatch } = {},
  ) {
    super('PRECONDITION_FAILED', message, details);
    if (details.mismatch !== undefined) this.mismatch = details.mismatch;
  }
}

/** All attempts of a retry policy are used up; `cause` is what the last one met. */
export class OperationalError extends AMQPError {
  static {
    OperationalError.prototype.name = 'OperationalError';
  }
  readonly code = 'RETRIES_EXHAUSTED';
  readonly attempts: number;
  declare readonly cause: AMQPError;

  constructor(attempts: number, cause: AMQPError) {
    super(
      `given up after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: ${cause.message}`,
      {
        cause,
        recoverable: cause.recoverable,
        ...(cause.delivery && { delivery: cause.delivery }),
      },
    );
    this.attempts = attempts;
  }
}

/** The time given to a call is over. Python's `socket.timeout`. */
export class TimeoutError extends AMQPError {
  static {
    TimeoutError.prototype.name = 'TimeoutError';
  }
  readonly code = 'TIMEOUT';

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { recoverable: true, ...details });
  }
}

/** No queue is bound for a `mandatory` message. */
export class MessageReturned extends AMQPError {
  static {
    MessageReturned.prototype.name = 'MessageReturned';
  }
  readonly code = 'UNROUTABLE';
  readonly exchange: string;
  readonly routingKey: string;

  constructor(exchange: string, routingKey: string, details: ErrorDetails = {}) {
    super(
      exchange === ''
        ? `there is no queue '${routingKey}' to take the message`
        : `no queue is bound to exchange '${exchange}' for routing key '${routingKey}'`,
      details,
    );
    this.exchange = exchange;
    this.routingKey = routingKey;
  }
}

/** The broker could not take the message: its queue is full (`reject-publish`), or something broke. */
export class MessageNacked extends AMQPError {
  static {
    MessageNacked.prototype.name = 'MessageNacked';
  }
  readonly code = 'NACKED';

  constructor(message = 'the broker refused the message (basic.nack)', details: ErrorDetails = {}) {
    super(message, { recoverable: true, ...details });
  }
}

/** A message was answered twice, or its channel is gone and with it the right to answer. */
export class MessageStateError extends AMQPError {
  static {
    MessageStateError.prototype.name = 'MessageStateError';
  }
  readonly code: 'ALREADY_SETTLED' | 'STALE_DELIVERY';

  constructor(code: 'ALREADY_SETTLED' | 'STALE_DELIVERY', message?: string) {
    super(message ?? stateTexts[code]);
    this.code = code;
  }
}

const stateTexts = {
  ALREADY_SETTLED: 'the message has been answered already',
  STALE_DELIVERY: 'the channel that brought the message is gone; the broker has requeued it',
};

/** The outbox is at its bound and `whenFull` is `'reject'`. */
export class OutboxFull extends AMQPError {
  static {
    OutboxFull.prototype.name = 'OutboxFull';
  }
  readonly code = 'OUTBOX_FULL';

  constructor(message: string) {
    super(message, { recoverable: true, delivery: 'not-sent' });
  }
}

/** No more connections in the pool, or no more channels in the connection. */
export class LimitExceeded extends AMQPError {
  static {
    LimitExceeded.prototype.name = 'LimitExceeded';
  }
  readonly code: 'CONNECTION_LIMIT' | 'CHANNEL_LIMIT';

  constructor(code: 'CONNECTION_LIMIT' | 'CHANNEL_LIMIT', message: string) {
    super(message, { recoverable: true });
    this.code = code;
  }
}

/** A body could not be turned into bytes, or bytes into a body. */
export class SerializationError extends AMQPError {
  static {
    SerializationError.prototype.name = 'SerializationError';
  }
  readonly code: 'ENCODE' | 'DECODE' | 'CONTENT_DISALLOWED';

  constructor(
    code: 'ENCODE' | 'DECODE' | 'CONTENT_DISALLOWED',
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, code === 'ENCODE' ? { delivery: 'not-sent', ...details } : details);
    this.code = code;
  }
}

/** A message's content type is not among those that its consumer accepts. */
export class ContentDisallowed extends SerializationError {
  static {
    ContentDisallowed.prototype.name = 'ContentDisallowed';
  }
  declare readonly code: 'CONTENT_DISALLOWED';

  constructor(message: string) {
    super('CONTENT_DISALLOWED', message);
  }
}

/** A body is not what its queue's schema says. */
export class ValidationError extends AMQPError {
  static {
    ValidationError.prototype.name = 'ValidationError';
  }
  readonly code = 'INVALID_MESSAGE';
  readonly issues: readonly StandardIssue[];

  constructor(message: string, issues: readonly StandardIssue[], details: ErrorDetails = {}) {
    super(message, details);
    this.issues = issues;
  }
}

/** The other side of an RPC call failed and said so. */
export class RemoteError extends AMQPError {
  static {
    RemoteError.prototype.name = 'RemoteError';
  }
  readonly code = 'REMOTE';
  declare readonly remoteCode?: string;

  constructor(message: string, details: ErrorDetails & { readonly remoteCode?: string } = {}) {
    super(message, details);
    if (details.remoteCode !== undefined) this.remoteCode = details.remoteCode;
  }
}

/** An option, a URL or a value that cannot be meant: the call was not made. */
export class InvalidArgument extends TypeError {
  static {
    InvalidArgument.prototype.name = 'InvalidArgument';
  }
  readonly code = 'INVALID_ARGUMENT';
  /** What was wrong, such as `expiration` or `headers.user.id`. */
  readonly argument: string;

  /** The message is `argument` and what follows it: `new InvalidArgument('port', 'must be …')`. */
  constructor(argument: string, problem: string, options?: ErrorOptions) {
    super(`${argument} ${problem}`, options);
    this.argument = argument;
  }
}

type Class<E> = abstract new (...args: never[]) => E;

/** What Kombu's `except conn.connection_errors:` needs: iterable, and good on the right of `instanceof`. */
export interface ErrorClasses<E> extends Iterable<Class<E>> {
  [Symbol.hasInstance](error: unknown): error is E;
}

export function errorClasses<E>(...classes: readonly Class<E>[]): ErrorClasses<E> {
  return {
    [Symbol.iterator]: () => classes[Symbol.iterator](),
    [Symbol.hasInstance]: (error): error is E => classes.some((one) => error instanceof one),
  };
}
