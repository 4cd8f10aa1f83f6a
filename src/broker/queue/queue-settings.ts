// What a queue's effective arguments (those it was declared with, and what policies add) mean, read once.
import type { FieldTable } from '../../protocol/field-table.ts';
import { integerOf, textOf } from '../equivalence.ts';
import type { QueueType } from './queue-type.ts';

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

/** Which returned messages wait before they are handed out again: those whose delivery failed, the others, or all. */
export type DelayedRetry = 'disabled' | 'all' | 'failed' | 'returned';

/** Limits and times that are not set are infinite. */
export interface QueueSettings {
  readonly ttlMs: number;
  readonly expiresMs: number;
  readonly maxLength: number;
  readonly maxLengthBytes: number;
  readonly overflow: Overflow;
  readonly deadLetterExchange: string | undefined;
  readonly deadLetterRoutingKey: string | undefined;
  /** A dead letter stays until a queue has taken it. */
  readonly keepsDeadLetters: boolean;
  readonly deliveryLimit: number;
  /** Undefined: what the broker says. */
  readonly consumerTimeoutMs: number | undefined;
  readonly delayedRetry: DelayedRetry;
  readonly delayedRetryMinMs: number;
  readonly delayedRetryMaxMs: number;
}

/** Deliveries of a message in a quorum queue that may fail when nothing else is said. */
const DEFAULT_DELIVERY_LIMIT = 20;

export function settingsOf(effective: FieldTable, type: QueueType): QueueSettings {
  const number = (name: string) =>
    Number(integerOf(effective.get(name)) ?? Number.POSITIVE_INFINITY);
  const text = (name: string) => textOf(effective.get(name));
  const overflow = (text('x-overflow') ?? 'drop-head') as Overflow;
  const minMs = number('x-delayed-retry-min');
  return {
    ttlMs: number('x-message-ttl'),
    expiresMs: number('x-expires'),
    maxLength: number('x-max-length'),
    maxLengthBytes: number('x-max-length-bytes'),
    overflow,
    deadLetterExchange: text('x-dead-letter-exchange'),
    deadLetterRoutingKey: text('x-dead-letter-routing-key'),
    // As in RabbitMQ, only a queue that refuses rather than drops can promise that.
    keepsDeadLetters:
      type === 'quorum' &&
      text('x-dead-letter-strategy') === 'at-least-once' &&
      overflow === 'reject-publish',
    deliveryLimit: type === 'quorum' ? deliveryLimitOf(effective) : Number.POSITIVE_INFINITY,
    // 0 is none.
    consumerTimeoutMs: effective.has('x-consumer-timeout')
      ? number('x-consumer-timeout') || Number.POSITIVE_INFINITY
      : undefined,
    delayedRetry:
      type === 'quorum' && minMs < Number.POSITIVE_INFINITY
        ? ((text('x-delayed-retry-type') ?? 'disabled') as DelayedRetry)
        : 'disabled',
    delayedRetryMinMs: minMs,
    delayedRetryMaxMs: number('x-delayed-retry-max'),
  };
}

/** -1 is none. */
function deliveryLimitOf(effective: FieldTable): number {
  const limit = Number(integerOf(effective.get('x-delivery-limit')) ?? DEFAULT_DELIVERY_LIMIT);
  return limit < 0 ? Number.POSITIVE_INFINITY : limit;
}
