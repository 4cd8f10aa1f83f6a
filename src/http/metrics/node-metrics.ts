// What is told of the broker as a whole: the process, its alarms, what comes and goes, and RabbitMQ's global counters, by
// protocol and queue type. They only grow: what is gone has left its counts behind (Churn).
import type { Broker } from '../../broker/broker.ts';
import { MessageCounters } from '../../broker/message-counters.ts';
import type { QueueType } from '../../broker/queue/queue-type.ts';
import { COMPATIBLE_VERSION } from '../../server/server-properties.ts';
import type { ApiContext } from '../api-context.ts';
import { descriptors, diskFreeBytes } from '../process-figures.ts';
import { totalsByVHost } from '../statistics/kinds.ts';
import { family, type Labels, type Metric } from './exposition.ts';

const AMQP: Labels = { protocol: 'amqp091' };

const metric = (name: string, type: 'counter' | 'gauge', help: string) => ({ name, type, help });

/** One metric of the whole node. */
const own = (
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (context: ApiContext) => number | undefined,
): Metric<ApiContext> => ({ name, type, help, value });

const churn = (name: string, field: ChurnCount, help: string): Metric<ApiContext> =>
  own(name, 'counter', help, ({ broker }) => broker.churn[field]);

type ChurnCount =
  | `connection${'Created' | 'Closed'}`
  | `channel${'Created' | 'Closed'}`
  | `queue${'Declared' | 'Created' | 'Deleted'}`;

export const alarmMetrics: readonly Metric<ApiContext>[] = [
  own(
    'alarms_memory_used_watermark',
    'gauge',
    '1 while the memory alarm is in effect',
    ({ broker }) => Number(broker.alarms.memory.isRaised),
  ),
  own(
    'alarms_free_disk_space_watermark',
    'gauge',
    '1 while the disk alarm is in effect',
    ({ broker }) => Number(broker.alarms.disk.isRaised),
  ),
];

export const churnMetrics: readonly Metric<ApiContext>[] = [
  churn('connections_opened_total', 'connectionCreated', 'Connections opened'),
  churn('connections_closed_total', 'connectionClosed', 'Connections closed'),
  churn('channels_opened_total', 'channelCreated', 'Channels opened'),
  churn('channels_closed_total', 'channelClosed', 'Channels closed'),
  churn('queues_declared_total', 'queueDeclared', 'Declarations of queues'),
  churn('queues_created_total', 'queueCreated', 'Queues created'),
  churn('queues_deleted_total', 'queueDeleted', 'Queues deleted'),
];

export const nodeMetrics: readonly Metric<ApiContext>[] = [
  own('process_max_fds', 'gauge', 'Limit of open file descriptors', () => descriptors()?.total),
  own('process_max_tcp_sockets', 'gauge', 'Limit of open sockets', () => descriptors()?.total),
  own(
    'resident_memory_limit_bytes',
    'gauge',
    'Messages above this raise the memory alarm',
    ({ broker }) => broker.alarms.memory.limitBytes,
  ),
  own(
    'disk_space_available_limit_bytes',
    'gauge',
    'Less free space raises the disk alarm',
    ({ broker }) => broker.alarms.disk.limitBytes,
  ),
  own(
    'erlang_uptime_seconds',
    'gauge',
    'Time since the start',
    ({ broker, startedAtMs }) => (broker.services.clock.now() - startedAtMs) / 1000,
  ),
];

export const nodeCoarseMetrics: readonly Metric<ApiContext>[] = [
  own('process_open_fds', 'gauge', 'Open file descriptors', () => descriptors()?.used),
  own(
    'process_open_tcp_sockets',
    'gauge',
    'Open AMQP connections',
    ({ server }) => server.connectionCount,
  ),
  own('process_resident_memory_bytes', 'gauge', 'Memory of the process', () =>
    process.memoryUsage.rss(),
  ),
  own('disk_space_available_bytes', 'gauge', 'Free space where data is kept', ({ dataDirectory }) =>
    diskFreeBytes(dataDirectory),
  ),
];

/** What is there, of each kind. */
export function objectCounts(context: ApiContext): string {
  let [connections, channels, consumers, queues] = [0, 0, 0, 0];
  for (const totals of totalsByVHost(context.broker, context.server).values()) {
    connections += totals.connections;
    channels += totals.channels;
    consumers += totals.consumers;
    queues += totals.queues;
  }
  const count = (name: string, value: number) =>
    family('rabbitmq_', metric(name, 'gauge', `Open ${name}`), [[{}, value]]);
  return (
    count('connections', connections) +
    count('channels', channels) +
    count('consumers', consumers) +
    family('rabbitmq_', metric('queues', 'gauge', 'Queues'), [[{}, queues]])
  );
}

/** What panels join with. */
export function infos({ node, version, clusterName }: ApiContext): string {
  const build = {
    rabbitmq_version: COMPATIBLE_VERSION,
    prometheus_plugin_version: COMPATIBLE_VERSION,
    prometheus_client_version: 'none',
    erlang_version: 'none',
    product_name: 'Leveret',
    product_version: version,
  };
  const identity = {
    rabbitmq_node: node,
    rabbitmq_cluster: clusterName,
    rabbitmq_cluster_permanent_id: clusterName,
  };
  return (
    family('rabbitmq_', metric('build_info', 'gauge', 'What this is'), [[build, 1]]) +
    family('rabbitmq_', metric('identity_info', 'gauge', 'Which one this is'), [[identity, 1]])
  );
}

/** What is usual for any process under Prometheus. */
export function processMetrics({ startedAtMs }: ApiContext): string {
  const { user, system } = process.cpuUsage();
  return (
    family('', metric('process_start_time_seconds', 'gauge', 'When the broker started'), [
      [{}, startedAtMs / 1000],
    ]) +
    family('', metric('process_cpu_seconds_total', 'counter', 'Processor time used'), [
      [{}, (user + system) / 1e6],
    ])
  );
}

/** Everything that channels have counted since the start. */
export function channelSums({ broker, server }: ApiContext): MessageCounters {
  const sums = new MessageCounters();
  sums.add(broker.churn.vhosts);
  for (const { messages } of totalsByVHost(broker, server).values()) sums.add(messages);
  for (const { channels } of server.connections) {
    for (const channel of channels.values()) {
      if (!channel.isReleased) sums.publishWithConfirm += channel.confirms?.publishCount ?? 0;
    }
  }
  return sums;
}

function queueSums({ churn, vhosts }: Broker): Map<QueueType, MessageCounters> {
  const sums = new Map<QueueType, MessageCounters>();
  for (const [type, gone] of churn.queues) {
    const sum = new MessageCounters();
    sum.add(gone);
    sums.set(type, sum);
  }
  for (const vhost of vhosts.values()) {
    for (const queue of vhost.queues) sums.get(queue.type)!.add(queue.counters);
  }
  return sums;
}

function routedCount({ churn, vhosts }: Broker): number {
  let count = churn.exchangePublishOut;
  for (const vhost of vhosts.values()) {
    for (const exchange of vhost.exchanges) count += exchange.publishOutCount;
  }
  return count;
}

const GLOBAL = 'rabbitmq_global_';

function clients({ server }: ApiContext): string {
  let [publishers, consumers] = [0, 0];
  for (const { channels } of server.connections) {
    for (const channel of channels.values()) {
      if (channel.counters.publish > 0) publishers += 1;
      consumers += channel.consumers.size;
    }
  }
  return (
    family(GLOBAL, metric('publishers', 'gauge', 'Channels that have published'), [
      [AMQP, publishers],
    ]) + family(GLOBAL, metric('consumers', 'gauge', 'Consumers'), [[AMQP, consumers]])
  );
}

function received(context: ApiContext): string {
  const sums = channelSums(context);
  const total = (name: string, help: string, value: number) =>
    family(GLOBAL, metric(`messages_${name}_total`, 'counter', help), [[AMQP, value]]);
  return (
    total('received', 'Messages published', sums.publish) +
    total(
      'received_confirm',
      'Messages published that are to be confirmed',
      sums.publishWithConfirm,
    ) +
    total('confirmed', 'Publishes confirmed', sums.confirm) +
    total('routed', 'Queues that messages were routed to', routedCount(context.broker)) +
    total('unroutable_dropped', 'Messages dropped as unroutable', sums.dropUnroutable) +
    total('unroutable_returned', 'Messages returned as unroutable', sums.returnUnroutable)
  );
}

type Count = (counters: MessageCounters) => number;

const byQueueType: readonly (readonly [name: string, help: string, count: Count])[] = [
  [
    'delivered',
    'Messages delivered or fetched',
    (it) => it.deliver + it.deliverNoAck + it.get + it.getNoAck,
  ],
  ['delivered_consume_manual_ack', 'Messages delivered, to be acknowledged', (it) => it.deliver],
  [
    'delivered_consume_auto_ack',
    'Messages delivered without acknowledgement',
    (it) => it.deliverNoAck,
  ],
  ['delivered_get_manual_ack', 'Messages fetched, to be acknowledged', (it) => it.get],
  ['delivered_get_auto_ack', 'Messages fetched without acknowledgement', (it) => it.getNoAck],
  ['redelivered', 'Messages delivered again', (it) => it.redeliver],
  ['acknowledged', 'Messages acknowledged', (it) => it.ack],
  ['get_empty', 'Fetches that found nothing', (it) => it.getEmpty],
];

const typeLabel = (type: QueueType) => `rabbit_${type}_queue`;

function delivered({ broker }: ApiContext): string {
  const sums = [...queueSums(broker)];
  return byQueueType
    .map(([name, help, count]) =>
      family(
        GLOBAL,
        metric(`messages_${name}_total`, 'counter', help),
        sums.map(([type, counters]) => [{ ...AMQP, queue_type: typeLabel(type) }, count(counters)]),
      ),
    )
    .join('');
}

const REASONS = ['expired', 'maxlen', 'rejected', 'delivery_limit', 'confirmed'] as const;

/** What cannot be is left out: only quorum queues confirm, or count deliveries. */
function deadLettered({ broker }: ApiContext): string {
  return REASONS.map((reason) => {
    const possible = broker.churn.deaths.filter(({ queueType, strategy }) => {
      if (queueType === 'classic') return strategy !== 'at_least_once' && !isOfQuorum(reason);
      return reason !== 'confirmed' || strategy === 'at_least_once';
    });
    return family(
      GLOBAL,
      metric(`messages_dead_lettered_${reason}_total`, 'counter', 'Messages that died that way'),
      possible.map((deaths) => [
        { queue_type: typeLabel(deaths.queueType), dead_letter_strategy: deaths.strategy },
        deaths[reason],
      ]),
    );
  }).join('');
}

const isOfQuorum = (reason: (typeof REASONS)[number]) =>
  reason === 'confirmed' || reason === 'delivery_limit';

export function globalCounters(context: ApiContext): string {
  return clients(context) + received(context) + delivered(context) + deadLettered(context);
}
