// What is counted of each kind of object. The names are RabbitMQ's, as they appear in the API.
import type { Broker } from '../../broker/broker.ts';
import type { Exchange } from '../../broker/exchange/exchange.ts';
import { MessageCounters } from '../../broker/message-counters.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { VHost } from '../../broker/vhost.ts';
import type { Channel } from '../../server/channel.ts';
import type { Connection } from '../../server/connection.ts';
import type { Server } from '../../server/server.ts';
import type { Kind } from './series.ts';

export const MESSAGE_NAMES = [
  'publish',
  'confirm',
  'return_unroutable',
  'drop_unroutable',
  'deliver',
  'deliver_no_ack',
  'get',
  'get_no_ack',
  'get_empty',
  'redeliver',
  'ack',
  'deliver_get',
] as const;

const DEPTH_NAMES = ['messages', 'messages_ready', 'messages_unacknowledged'] as const;
const TRAFFIC_NAMES = ['recv_oct', 'send_oct'] as const;
export const CHURN_NAMES = [
  'connection_created',
  'connection_closed',
  'channel_created',
  'channel_closed',
  'queue_declared',
  'queue_created',
  'queue_deleted',
] as const;

/** Fills in MESSAGE_NAMES and answers where to go on. */
function readMessages(counters: MessageCounters, into: Float64Array): number {
  into[0] = counters.publish;
  into[1] = counters.confirm;
  into[2] = counters.returnUnroutable;
  into[3] = counters.dropUnroutable;
  into[4] = counters.deliver;
  into[5] = counters.deliverNoAck;
  into[6] = counters.get;
  into[7] = counters.getNoAck;
  into[8] = counters.getEmpty;
  into[9] = counters.redeliver;
  into[10] = counters.ack;
  into[11] = counters.deliver + counters.deliverNoAck + counters.get + counters.getNoAck;
  return MESSAGE_NAMES.length;
}

export const queueKind: Kind<Queue> = {
  names: [...MESSAGE_NAMES, ...DEPTH_NAMES],
  counters: MESSAGE_NAMES.length,
  read(queue, into) {
    const next = readMessages(queue.counters, into);
    into[next] = queue.readyCount + queue.unackedCount;
    into[next + 1] = queue.readyCount;
    into[next + 2] = queue.unackedCount;
  },
};

export const channelKind: Kind<Channel> = {
  names: MESSAGE_NAMES,
  counters: MESSAGE_NAMES.length,
  read: (channel, into) => void readMessages(channel.counters, into),
};

export const exchangeKind: Kind<Exchange> = {
  names: ['publish_in', 'publish_out'],
  counters: 2,
  read(exchange, into) {
    into[0] = exchange.publishInCount;
    into[1] = exchange.publishOutCount;
  },
};

export const connectionKind: Kind<Connection> = {
  names: TRAFFIC_NAMES,
  counters: TRAFFIC_NAMES.length,
  read(connection, into) {
    const { traffic } = connection.output;
    into[0] = traffic.receivedBytes;
    into[1] = traffic.sentBytes;
  },
};

/** What all of a vhost's channels and queues come to. */
export class VHostTotals {
  readonly vhost: VHost;
  readonly messages = new MessageCounters();
  ready = 0;
  unacknowledged = 0;
  queues = 0;
  consumers = 0;
  connections = 0;
  channels = 0;
  receivedBytes = 0;
  sentBytes = 0;

  constructor(vhost: VHost) {
    this.vhost = vhost;
    this.messages.add(vhost.counters);
    for (const queue of vhost.queues) {
      this.ready += queue.readyCount;
      this.unacknowledged += queue.unackedCount;
      this.queues += 1;
      this.consumers += queue.consumerCount;
    }
  }

  addConnection(connection: Connection): void {
    const { traffic } = connection.output;
    this.connections += 1;
    this.receivedBytes += traffic.receivedBytes;
    this.sentBytes += traffic.sentBytes;
    for (const channel of connection.channels.values()) {
      if (channel.isReleased) continue;
      this.channels += 1;
      this.messages.add(channel.counters);
    }
  }
}

export function totalsByVHost(broker: Broker, server: Server): Map<VHost, VHostTotals> {
  const totals = new Map<VHost, VHostTotals>();
  for (const vhost of broker.vhosts.values()) totals.set(vhost, new VHostTotals(vhost));
  for (const connection of server.connections) {
    const { session } = connection;
    if (session) totals.get(session.vhost)?.addConnection(connection);
  }
  return totals;
}

/** A vhost's totals, or all of them together. */
const totalsNames = [...MESSAGE_NAMES, ...TRAFFIC_NAMES, ...DEPTH_NAMES];

function readTotals(all: Iterable<VHostTotals>, into: Float64Array): number {
  const sum = new MessageCounters();
  let [received, sent, ready, unacknowledged] = [0, 0, 0, 0];
  for (const totals of all) {
    sum.add(totals.messages);
    received += totals.receivedBytes;
    sent += totals.sentBytes;
    ready += totals.ready;
    unacknowledged += totals.unacknowledged;
  }
  const next = readMessages(sum, into);
  into[next] = received;
  into[next + 1] = sent;
  into[next + 2] = ready + unacknowledged;
  into[next + 3] = ready;
  into[next + 4] = unacknowledged;
  return totalsNames.length;
}

/** `totals` are those of the sample that is being taken. */
export function vhostKind(totals: () => ReadonlyMap<VHost, VHostTotals>): Kind<VHost> {
  return {
    names: totalsNames,
    counters: totalsNames.length,
    read(vhost, into) {
      const own = totals().get(vhost);
      readTotals(own ? [own] : [], into);
    },
  };
}

export function brokerKind(totals: () => ReadonlyMap<VHost, VHostTotals>): Kind<Broker> {
  return {
    names: [...totalsNames, ...CHURN_NAMES],
    counters: totalsNames.length + CHURN_NAMES.length,
    read({ churn }, into) {
      const next = readTotals(totals().values(), into);
      into[next] = churn.connectionCreated;
      into[next + 1] = churn.connectionClosed;
      into[next + 2] = churn.channelCreated;
      into[next + 3] = churn.channelClosed;
      into[next + 4] = churn.queueDeclared;
      into[next + 5] = churn.queueCreated;
      into[next + 6] = churn.queueDeleted;
    },
  };
}
