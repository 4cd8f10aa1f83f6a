// What a consumer can be told.

import type { FieldTable } from '../protocol/field-table.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import { toFieldTable } from './base/field-values.ts';
import type { Backoff } from './base/retry.ts';
import { type Accept, acceptOf } from './base/serialization.ts';
import type { Message } from './message.ts';
import { requireInteger } from './options.ts';
import { Queue } from './queue.ts';

export interface RetryOptions {
  /** Attempts after the first one. Default: no bound. */
  readonly maxRetries?: number;
  /** How long the broker keeps a message before the next attempt. Default 1 s, 2 s, 4 s … 10 min. */
  readonly backoff?: Backoff;
  /** Where messages go that have failed for good; a queue of that name is made. Default: they are rejected. */
  // biome-ignore lint/suspicious/noExplicitAny: only its name matters
  readonly deadLetter?: Queue<any> | string;
  /** Which failures are worth another attempt. Default: all. */
  readonly when?: (error: unknown, message: Message) => boolean;
}

export interface ConsumeOptions {
  /** Messages that the broker sends ahead. Default 32. */
  readonly prefetch?: number;
  /** Handlers that run at the same time. Default: as many as are sent ahead. */
  readonly concurrency?: number;
  /** The broker forgets messages as it sends them. */
  readonly noAck?: boolean;
  readonly exclusive?: boolean;
  /** Consumers with a higher one are served first. */
  readonly priority?: number;
  /** Content types, or names of serializers, that are decoded. Default: all that are safe. */
  readonly accept?: readonly string[];
  /** `auto`: a message is acknowledged when its handler has ended well (default with a handler). `manual`: you call `ack()`. */
  readonly ack?: 'auto' | 'manual';
  readonly retry?: RetryOptions;
  /** What becomes of messages that cannot be decoded or are not valid. Default `dead-letter`. */
  readonly onInvalid?: 'dead-letter' | 'reject' | 'deliver';
  /** How long a handler may take; then its `message.signal` aborts, and it has failed. */
  readonly timeout?: Duration;
  /**
   * How long the broker waits for an answer (its `consumer_timeout`); when half of it is gone there is an event `ack-due`.
   * Default: the queue's `consumerTimeout`, else what the broker's own default is: 30 minutes in RabbitMQ. null: for ever.
   */
  readonly ackTimeout?: Duration | null | undefined;
  /** Stops the consumer. */
  readonly signal?: AbortSignal;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Where to begin in a stream. */
  readonly offset?: 'first' | 'last' | 'next' | number | Date | Duration;
}

export const DEFAULT_PREFETCH = 32;

export interface ConsumePlan {
  readonly prefetch: number;
  readonly concurrency: number;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly accept: Accept;
  readonly timeoutMs: number | undefined;
  /** Infinite where nobody waits for an answer; undefined: as the broker has it. */
  readonly ackTimeoutMs: number | undefined;
  readonly arguments: FieldTable;
  readonly deadLetter: string | undefined;
}

export function consumePlanOf(options: ConsumeOptions): ConsumePlan {
  const {
    prefetch = DEFAULT_PREFETCH,
    noAck = false,
    exclusive = false,
    priority,
    retry,
  } = options;
  requireInteger('prefetch', prefetch, 0, 65_535);
  const { concurrency = prefetch === 0 ? Number.MAX_SAFE_INTEGER : prefetch } = options;
  requireInteger('concurrency', concurrency, 1, Number.MAX_SAFE_INTEGER);
  if (retry && noAck) {
    throw new InvalidArgument('retry', 'needs acknowledgements, which noAck does without');
  }
  if (retry?.maxRetries !== undefined && !(retry.maxRetries >= 0)) {
    throw new InvalidArgument('retry.maxRetries', `must be 0 or more, not ${retry.maxRetries}`);
  }
  const { deadLetter } = retry ?? {};
  return {
    prefetch,
    concurrency,
    noAck,
    exclusive,
    accept: acceptOf(options.accept),
    timeoutMs: options.timeout === undefined ? undefined : durationMs(options.timeout, 'timeout'),
    ackTimeoutMs: noAck ? Number.POSITIVE_INFINITY : ackTimeoutMs(options),
    arguments: toFieldTable(
      {
        'x-priority': priority,
        'x-stream-offset': streamOffset(options.offset),
        ...options.arguments,
      },
      'arguments',
    ),
    deadLetter: deadLetter instanceof Queue ? deadLetter.name : deadLetter,
  };
}

function ackTimeoutMs({ ackTimeout, arguments: args }: ConsumeOptions): number | undefined {
  if (ackTimeout === null) return Number.POSITIVE_INFINITY;
  const ofConsumer = args?.['x-consumer-timeout'];
  if (ackTimeout === undefined) return typeof ofConsumer === 'number' ? ofConsumer : undefined;
  return durationMs(ackTimeout, 'ackTimeout');
}

/** A number is an offset, a text such as `5m` how far back. */
function streamOffset(offset: ConsumeOptions['offset']): unknown {
  if (typeof offset !== 'string' || offset === 'first' || offset === 'last' || offset === 'next') {
    return offset;
  }
  durationMs(offset, 'offset');
  return offset;
}
