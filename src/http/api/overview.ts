// /overview and its like: what this broker is and how it does as a whole.
import { exchangeTypes } from '../../broker/exchange/types.ts';
import { COMPATIBLE_VERSION } from '../../server/server-properties.ts';
import type { Call, Route } from '../route.ts';
import { CHURN_NAMES, MESSAGE_NAMES } from '../statistics/kinds.ts';
import {
  type RateDetails,
  type Rated,
  ratedNow,
  type WindowName,
  windowOf,
} from '../statistics/rates.ts';
import { watched } from './connections.ts';

export type { RateDetails };

/** A port that somebody may connect to. */
export interface ListenerItem {
  readonly node: string;
  readonly protocol: string;
  readonly ip_address: string;
  readonly port: number;
}

export interface ExchangeTypeItem {
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
}

export interface ObjectTotals {
  readonly connections: number;
  readonly channels: number;
  readonly consumers: number;
  readonly exchanges: number;
  readonly queues: number;
}

export interface Overview {
  readonly management_version: string;
  /** The RabbitMQ release whose behaviour this is; tools choose theirs by it. */
  readonly rabbitmq_version: string;
  readonly product_name: string;
  readonly product_version: string;
  readonly leveret_version: string;
  readonly cluster_name: string;
  readonly erlang_version: string;
  readonly erlang_full_version: string;
  readonly node: string;
  readonly rates_mode: 'basic';
  readonly sample_retention_policies: Readonly<Record<string, readonly number[]>>;
  readonly exchange_types: readonly ExchangeTypeItem[];
  readonly message_stats: Rated;
  readonly churn_rates: Rated;
  readonly queue_totals: Rated;
  readonly object_totals: ObjectTotals;
  readonly statistics_db_event_queue: number;
  readonly disable_stats: boolean;
  readonly enable_queue_totals: boolean;
  readonly listeners: readonly ListenerItem[];
  readonly contexts: readonly object[];
}

const DEPTHS = ['messages', 'messages_ready', 'messages_unacknowledged'];
const TEN_MINUTES = 600;

export function exchangeTypeItems(): ExchangeTypeItem[] {
  return [...exchangeTypes.keys()].map((name) => ({
    name,
    description: `AMQP ${name} exchange`,
    enabled: true,
  }));
}

/** Up to ten minutes come from the samples of every five seconds, more from those of every minute. */
function totalsFor({ context, query }: Call, names: readonly string[], window: WindowName): Rated {
  const { statistics, broker } = context;
  const asked = windowOf(query, window);
  const series = (asked?.ageSeconds ?? 0) > TEN_MINUTES ? statistics.day : statistics.whole;
  return ratedNow(series, broker, names, asked);
}

function objectTotals({ context, caller }: Call): ObjectTotals {
  const seen = [...context.broker.vhosts.values()].filter(({ name }) => caller.mayEnter(name));
  const connections = watched({ context, caller });
  const queues = seen.flatMap((vhost) => [...vhost.queues]);
  return {
    connections: connections.length,
    channels: connections.reduce((sum, { channels }) => sum + channels.size, 0),
    consumers: queues.reduce((sum, { consumerCount }) => sum + consumerCount, 0),
    exchanges: seen.reduce((sum, vhost) => sum + [...vhost.exchanges].length, 0),
    queues: queues.length,
  };
}

function overview(call: Call): Overview {
  const { context } = call;
  context.statistics.totals();
  return {
    management_version: COMPATIBLE_VERSION,
    rabbitmq_version: COMPATIBLE_VERSION,
    product_name: 'Leveret',
    product_version: context.version,
    leveret_version: context.version,
    cluster_name: context.clusterName,
    erlang_version: 'none',
    erlang_full_version: `none (Node.js ${process.versions.node})`,
    node: context.node,
    rates_mode: 'basic',
    sample_retention_policies: { global: [600, 86_400], basic: [300], detailed: [300] },
    exchange_types: exchangeTypeItems(),
    message_stats: totalsFor(call, MESSAGE_NAMES, 'msg_rates'),
    churn_rates: totalsFor(call, CHURN_NAMES, 'data_rates'),
    queue_totals: totalsFor(call, DEPTHS, 'lengths'),
    object_totals: objectTotals(call),
    statistics_db_event_queue: 0,
    disable_stats: false,
    enable_queue_totals: false,
    listeners: call.caller.opens('monitoring') ? context.listeners() : [],
    contexts: [],
  };
}

export const overviewRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/overview',
    gate: 'management',
    summary: 'What this broker is, its totals and their rates',
    run: overview,
  },
  {
    method: 'GET',
    path: '/whoami',
    gate: 'management',
    summary: 'Who is asking',
    run: ({ caller }) => ({ name: caller.name, tags: [...caller.tags] }),
  },
  {
    method: 'GET',
    path: '/cluster-name',
    gate: 'management',
    summary: 'The name of the cluster',
    run: ({ context }) => ({ name: context.clusterName }),
  },
  {
    method: 'GET',
    path: '/version',
    gate: 'management',
    summary: 'The version of this broker',
    run: ({ context }) => context.version,
  },
  {
    method: 'GET',
    path: '/extensions',
    gate: 'management',
    summary: 'Extensions of the page; there are none',
    run: () => [],
  },
  {
    method: 'GET',
    path: '/auth',
    gate: 'management',
    summary: 'Whether the page logs in with OAuth 2',
    run: () => ({ enable_uaa: false, uaa_client_id: '', uaa_location: '' }),
  },
];
