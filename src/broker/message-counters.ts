// How many messages took which step, for statistics: plain additions on the way of a message, read by whoever samples them.
// The names are RabbitMQ's `message_stats`, in camelCase.

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

  /** Takes over what somebody who is gone has counted. */
  add(other: MessageCounters): void {
    for (const name of messageCounterNames) this[name] += other[name];
  }
}

export type MessageCounterName = Exclude<keyof MessageCounters, 'add'>;

export const messageCounterNames = Object.keys(
  new MessageCounters(),
) as readonly MessageCounterName[];

/** What has come and gone since the broker started. */
export class Churn {
  connectionCreated = 0;
  connectionClosed = 0;
  channelCreated = 0;
  channelClosed = 0;
  queueDeclared = 0;
  queueCreated = 0;
  queueDeleted = 0;
}
