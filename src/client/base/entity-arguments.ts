// What a queue or an exchange is declared with: options in users' words become the `x-` arguments that RabbitMQ reads, checked
// before anything is sent.
import type { FieldTable } from '../../protocol/field-table.ts';
import { type Duration, durationMs } from './duration.ts';
import { InvalidArgument } from './errors.ts';
import { toFieldTable } from './field-values.ts';

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
export type QueueType = 'quorum' | 'classic' | 'stream';

/** Where dead letters go: an exchange, with the message's own routing key unless another is named. */
export interface DeadLetterTarget {
  readonly exchange: string;
  readonly routingKey?: string;
}

export interface QueueArguments {
  readonly type?: QueueType;
  readonly messageTtl?: Duration;
  readonly expires?: Duration;
  readonly maxLength?: number;
  readonly maxLengthBytes?: number;
  readonly maxPriority?: number;
  readonly overflow?: Overflow;
  readonly deadLetter?: DeadLetterTarget;
  readonly deliveryLimit?: number;
  readonly singleActiveConsumer?: boolean;
  readonly consumerTimeout?: Duration;
  /** Anything else, in RabbitMQ's own names; they win. */
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** A queue of that name, by way of the default exchange. */
export function deadLetterQueue(name: string): DeadLetterTarget {
  return { exchange: '', routingKey: name };
}

const overflows: readonly Overflow[] = ['drop-head', 'reject-publish', 'reject-publish-dlx'];
const queueTypes: readonly QueueType[] = ['quorum', 'classic', 'stream'];

/** The most that an `x-expires` may say: RabbitMQ's longest timer, some 49 days. */
const MAX_EXPIRES_MS = 0xffff_ffff;

/** @throws InvalidArgument that names the option. */
export function queueArguments(options: QueueArguments): FieldTable {
  const { type, deadLetter, overflow } = options;
  requireOneOf('type', type, queueTypes);
  requireOneOf('overflow', overflow, overflows);
  const all: Record<string, unknown> = {
    'x-queue-type': type,
    'x-message-ttl': wholeMs('messageTtl', options.messageTtl, 0),
    'x-expires': wholeMs('expires', options.expires, 1, MAX_EXPIRES_MS),
    'x-max-length': wholeNumber('maxLength', options.maxLength),
    'x-max-length-bytes': wholeNumber('maxLengthBytes', options.maxLengthBytes),
    'x-max-priority': wholeNumber('maxPriority', options.maxPriority, 255),
    'x-overflow': overflow,
    'x-dead-letter-exchange': deadLetter?.exchange,
    'x-dead-letter-routing-key': deadLetter?.routingKey,
    'x-delivery-limit': wholeNumber('deliveryLimit', options.deliveryLimit),
    'x-single-active-consumer': options.singleActiveConsumer || undefined,
    'x-consumer-timeout': wholeMs('consumerTimeout', options.consumerTimeout, 1),
    ...options.arguments,
  };
  return toFieldTable(all, 'arguments');
}

export interface ExchangeArguments {
  /** Takes what finds no queue. */
  readonly alternateExchange?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** @throws InvalidArgument that names the option. */
export function exchangeArguments(options: ExchangeArguments): FieldTable {
  return toFieldTable(
    { 'alternate-exchange': options.alternateExchange, ...options.arguments },
    'arguments',
  );
}

function requireOneOf<T>(option: string, value: T | undefined, allowed: readonly T[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new InvalidArgument(option, `must be one of ${allowed.join(', ')}, not '${String(value)}'`);
}

function wholeNumber(option: string, value: number | undefined, max = 2 ** 53 - 1) {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new InvalidArgument(
      option,
      `must be a whole number from 0 to ${max}, not ${String(value)}`,
    );
  }
  return value;
}

/** Rounded up: half a millisecond is not none. */
function wholeMs(
  option: string,
  value: Duration | undefined,
  minMs: number,
  maxMs = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined) return undefined;
  const ms = Math.ceil(durationMs(value, option));
  if (ms < minMs || ms > maxMs) {
    throw new InvalidArgument(option, `must be from ${minMs} to ${maxMs} ms, not ${String(value)}`);
  }
  return ms;
}
