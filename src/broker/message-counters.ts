// How many messages took which step, for statistics: plain additions on the way of a message, read by whoever samples them.
// The names are RabbitMQ's `message_stats`, in camelCase. What is gone leaves its counts behind, so that sums never shrink.
import type { DeathReason } from './dead-letter.ts';
import type { QueueType } from './queue/queue-type.ts';

export class MessageCounters {
  publish = 0;
  confirm = 0;
  returnUnroutable = 0;
  dropUnroutable = 0;
  deliver = 0;
  deliverNoAck = 0;
  get = 0;
  getNoAck = 0;
  getEmpty = 0;
  redeliver = 0;
  ack = 0;
  /** Publishes of channels that confirm them; noted when a channel closes, since its confirms count until then. */
  publishWithConfirm = 0;

  /** Takes over what somebody who is gone has counted. */
  add(other: MessageCounters): void {
    for (const name of messageCounterNames) this[name] += other[name];
  }
}

export type MessageCounterName = Exclude<keyof MessageCounters, 'add'>;

export const messageCounterNames = Object.keys(
  new MessageCounters(),
) as readonly MessageCounterName[];

/** What a queue does with what dies in it, in RabbitMQ's words. */
export type DeadLetterStrategy = 'disabled' | 'at_most_once' | 'at_least_once';

/** Messages that died in queues of one type and strategy, by the reason; and those whose dead letters have arrived. */
export class DeathCounters implements Record<DeathReason, number> {
  readonly queueType: QueueType;
  readonly strategy: DeadLetterStrategy;
  rejected = 0;
  expired = 0;
  maxlen = 0;
  delivery_limit = 0;
  confirmed = 0;

  constructor(queueType: QueueType, strategy: DeadLetterStrategy) {
    this.queueType = queueType;
    this.strategy = strategy;
  }
}

const queueTypes: readonly QueueType[] = ['classic', 'quorum'];
const strategies: readonly DeadLetterStrategy[] = ['disabled', 'at_most_once', 'at_least_once'];

/** What has come and gone since the broker started. */
export class Churn {
  connectionCreated = 0;
  connectionClosed = 0;
  channelCreated = 0;
  channelClosed = 0;
  queueDeclared = 0;
  queueCreated = 0;
  queueDeleted = 0;
  /** What queues that are deleted have counted, by their type. */
  readonly queues: ReadonlyMap<QueueType, MessageCounters> = new Map(
    queueTypes.map((type) => [type, new MessageCounters()]),
  );
  /** What channels of vhosts that are deleted have counted. */
  readonly vhosts = new MessageCounters();
  /** How many queues were reached from exchanges that are deleted. */
  exchangePublishOut = 0;
  readonly deaths: readonly DeathCounters[] = queueTypes.flatMap((type) =>
    strategies.map((strategy) => new DeathCounters(type, strategy)),
  );

  deathsOf(type: QueueType, strategy: DeadLetterStrategy): DeathCounters {
    return this.deaths.find((one) => one.queueType === type && one.strategy === strategy)!;
  }
}
