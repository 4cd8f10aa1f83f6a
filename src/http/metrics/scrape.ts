// What each address of the metrics port answers, as pieces of text: `/metrics` sums, `/metrics/per-object` every object,
// `/metrics/detailed?family=queue_metrics&vhost=/` the families and vhosts that are asked for, as RabbitMQ names them.
import type { Exchange } from '../../broker/exchange/exchange.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { VHost } from '../../broker/vhost.ts';
import type { Channel } from '../../server/channel.ts';
import type { Connection } from '../../server/connection.ts';
import { channelName } from '../api/details.ts';
import type { ApiContext } from '../api-context.ts';
import { nameFilter } from '../name-filter.ts';
import { family, type Labels, type Metric, perObject, single, summed } from './exposition.ts';
import {
  alarmMetrics,
  channelSums,
  churnMetrics,
  globalCounters,
  infos,
  nodeCoarseMetrics,
  nodeMetrics,
  objectCounts,
  processMetrics,
} from './node-metrics.ts';
import * as objects from './object-metrics.ts';

const PLAIN = 'rabbitmq_';
const DETAILED = 'rabbitmq_detailed_';
/** What is the same on every node of a cluster. */
const CLUSTER = 'rabbitmq_cluster_';

/** What somebody wants to know. */
export interface Selection {
  readonly vhosts: readonly string[];
  /** A regular expression that queues' names match. */
  readonly queue: string | undefined;
}

const EVERYTHING: Selection = { vhosts: [], queue: undefined };

type Pieces = AsyncGenerator<string>;

type Family = (context: ApiContext, selection: Selection, prefix: string) => Pieces;

function vhostsOf({ broker }: ApiContext, { vhosts }: Selection): VHost[] {
  const all = [...broker.vhosts.values()];
  return vhosts.length === 0 ? all : all.filter(({ name }) => vhosts.includes(name));
}

function queuesOf(context: ApiContext, selection: Selection): Queue[] {
  const queues = vhostsOf(context, selection).flatMap((vhost) => [...vhost.queues]);
  if (selection.queue === undefined) return queues;
  const isWanted = nameFilter(selection.queue, true);
  return queues.filter(({ name }) => isWanted(name));
}

function connectionsOf({ server }: ApiContext, { vhosts }: Selection): Connection[] {
  const open = [...server.connections].filter(({ session }) => session !== undefined);
  if (vhosts.length === 0) return open;
  return open.filter(({ session }) => vhosts.includes(session!.vhost.name));
}

function channelsOf(context: ApiContext, selection: Selection): Channel[] {
  return connectionsOf(context, selection).flatMap(({ channels }) => [...channels.values()]);
}

const queueLabels = ({ vhost, name }: Queue): Labels => ({ vhost, queue: name });
const channelLabels = (channel: Channel): Labels => ({
  channel: channelName(channel),
  vhost: channel.vhost.name,
});
const connectionLabels = ({ name, session }: Connection): Labels => ({
  connection: name,
  vhost: session!.vhost.name,
});

const ofQueues =
  (metrics: readonly Metric<Queue>[]): Family =>
  (context, selection, prefix) =>
    perObject(prefix, metrics, queuesOf(context, selection), queueLabels);

const ofChannels =
  (metrics: readonly Metric<Channel>[]): Family =>
  (context, selection, prefix) =>
    perObject(prefix, metrics, channelsOf(context, selection), channelLabels);

const ofConnections =
  (metrics: readonly Metric<Connection>[]): Family =>
  (context, selection, prefix) =>
    perObject(prefix, metrics, connectionsOf(context, selection), connectionLabels);

const ofNode = (metrics: readonly Metric<ApiContext>[]): Family =>
  async function* (context, _selection, prefix) {
    yield single(prefix, metrics, context);
  };

interface Placed {
  readonly vhost: string;
  readonly exchange: Exchange;
}

const ofExchanges =
  (metrics: readonly Metric<Exchange>[], ownPrefix?: string): Family =>
  (context, selection, prefix) => {
    const all = vhostsOf(context, selection).flatMap(({ name, exchanges }) =>
      [...exchanges].map((exchange): Placed => ({ vhost: name, exchange })),
    );
    const placed = metrics.map((metric) => ({
      ...metric,
      value: ({ exchange }: Placed) => metric.value(exchange),
    }));
    return perObject(ownPrefix ?? prefix, placed, all, ({ vhost, exchange: { name, type } }) => ({
      vhost,
      exchange: name,
      type,
    }));
  };

async function* vhostStatus(context: ApiContext, selection: Selection): Pieces {
  const head = { name: 'vhost_status', type: 'gauge', help: '1 while the vhost runs' } as const;
  yield family(
    CLUSTER,
    head,
    vhostsOf(context, selection).map(({ name }) => [{ vhost: name }, 1]),
  );
}

const families: ReadonlyMap<string, Family> = new Map([
  ['queue_coarse_metrics', ofQueues(objects.queueCoarseMetrics)],
  ['queue_consumer_count', ofQueues(objects.queueConsumerMetrics)],
  ['queue_metrics', ofQueues([...objects.queueConsumerMetrics, ...objects.queueMetrics])],
  ['queue_delivery_metrics', ofQueues(objects.queueDeliveryMetrics)],
  ['exchange_metrics', ofExchanges(objects.exchangeMetrics)],
  ['exchange_bindings', ofExchanges(objects.exchangeBindingMetrics, CLUSTER)],
  ['exchange_names', ofExchanges(objects.exchangeNameMetrics, CLUSTER)],
  ['channel_metrics', ofChannels(objects.channelMetrics)],
  ['channel_exchange_metrics', ofChannels(objects.channelExchangeMetrics)],
  ['channel_queue_metrics', ofChannels(objects.channelQueueMetrics)],
  ['connection_coarse_metrics', ofConnections(objects.connectionCoarseMetrics)],
  ['connection_metrics', ofConnections(objects.connectionMetrics)],
  ['connection_churn_metrics', ofNode(churnMetrics)],
  ['node_metrics', ofNode(nodeMetrics)],
  ['node_coarse_metrics', ofNode(nodeCoarseMetrics)],
  ['alarm_metrics', ofNode(alarmMetrics)],
  ['vhost_status', vhostStatus],
]);

/** Those that have a sample for each object. */
const PER_OBJECT = [
  'queue_coarse_metrics',
  'queue_metrics',
  'queue_delivery_metrics',
  'channel_metrics',
  'channel_exchange_metrics',
  'channel_queue_metrics',
  'connection_coarse_metrics',
  'connection_metrics',
  'exchange_metrics',
];

function ofTheNode(context: ApiContext): string {
  const metrics = [...alarmMetrics, ...churnMetrics, ...nodeMetrics, ...nodeCoarseMetrics];
  return single(PLAIN, metrics, context) + processMetrics(context);
}

/** `/metrics` */
export async function* aggregated(context: ApiContext): Pieces {
  const queues = queuesOf(context, EVERYTHING);
  const sums = { counters: channelSums(context) };
  yield ofTheNode(context);
  yield summed(PLAIN, objects.queueCoarseMetrics, queues);
  yield summed(PLAIN, objects.queueConsumerMetrics, queues);
  yield summed(PLAIN, objects.queueMetrics, queues);
  yield summed(PLAIN, objects.channelMetrics, channelsOf(context, EVERYTHING));
  yield summed(PLAIN, [...objects.channelExchangeMetrics, ...objects.channelQueueMetrics], [sums]);
  const connections = connectionsOf(context, EVERYTHING);
  yield summed(
    PLAIN,
    [...objects.connectionCoarseMetrics, ...objects.connectionMetrics],
    connections,
  );
  yield objectCounts(context) + globalCounters(context) + infos(context);
}

/** `/metrics/per-object` */
export async function* eachObject(context: ApiContext): Pieces {
  yield ofTheNode(context);
  for (const name of PER_OBJECT) yield* families.get(name)!(context, EVERYTHING, PLAIN);
  yield objectCounts(context) + globalCounters(context) + infos(context);
}

/** `/metrics/detailed`; families that nobody knows are left out, as in RabbitMQ. */
export async function* detailed(
  context: ApiContext,
  names: readonly string[],
  selection: Selection,
): Pieces {
  const told = new Set<string>();
  for (const name of names) {
    // One family may hold what another one is.
    if (name === 'queue_consumer_count' && names.includes('queue_metrics')) continue;
    if (!told.has(name)) yield* families.get(name)?.(context, selection, DETAILED) ?? nothing();
    told.add(name);
  }
  yield infos(context);
}

async function* nothing(): Pieces {}
