// What a producer, and each of its publishes, can be told.
import type { Duration } from './base/duration.ts';
import type { MessageReturned } from './base/errors.ts';
import type { MessageProperties } from './base/properties.ts';
import type { Channel } from './channel.ts';
import type { Entity } from './entity-host.ts';
import type { Exchange } from './exchange.ts';
import type { ProducerDefaults } from './options.ts';
import type { Queue } from './queue.ts';

// biome-ignore lint/suspicious/noExplicitAny: what messages look like is for the producer's own type to say
type AnyExchange = Exchange<any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyQueue = Queue<any>;

export interface ProducerOptions extends ProducerDefaults {
  readonly exchange?: AnyExchange | string;
  readonly routingKey?: string;
  /** The queue that messages go to, instead of exchange and routing key. */
  readonly queue?: AnyQueue | string;
  /** Whether exchange and queue are declared when they are first used. Default true. */
  readonly autoDeclare?: boolean;
  readonly channel?: Channel;
  /** Told of every message that reached no queue, besides the rejection. */
  readonly onReturn?: (error: MessageReturned) => void;
}

export interface PublishOptions extends ProducerDefaults, MessageProperties {
  readonly deliveryMode?: 1 | 2 | 'transient' | 'persistent';
  readonly exchange?: AnyExchange | string;
  readonly routingKey?: string;
  readonly queue?: AnyQueue | string;
  /** How long the broker keeps the message before it can be consumed. */
  readonly delay?: Duration;
  /** What else must exist first. */
  readonly declare?: readonly Entity[];
  readonly signal?: AbortSignal;
}
