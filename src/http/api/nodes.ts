// /nodes: the one process that this broker is, and what it takes of its machine.
import { availableParallelism } from 'node:os';
import type { ApiContext } from '../api-context.ts';
import { objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { descriptors, diskFreeBytes } from '../process-figures.ts';
import type { Call, Route } from '../route.ts';
import { type ExchangeTypeItem, exchangeTypeItems } from './overview.ts';

export interface NodeItem {
  readonly name: string;
  readonly type: 'disc' | 'ram';
  readonly running: true;
  readonly os_pid: string;
  /** Milliseconds since the start. */
  readonly uptime: number;
  readonly processors: number;
  readonly mem_used: number;
  readonly mem_limit: number;
  readonly mem_alarm: boolean;
  readonly mem_calculation_strategy: 'rss';
  readonly disk_free?: number;
  readonly disk_free_limit: number;
  readonly disk_free_alarm: boolean;
  readonly fd_used?: number;
  readonly fd_total?: number;
  readonly sockets_used: number;
  readonly sockets_total?: number;
  /** In RabbitMQ every connection, channel and queue is a process. */
  readonly proc_used: number;
  readonly proc_total: number;
  readonly run_queue: number;
  readonly rates_mode: 'basic';
  readonly partitions: readonly never[];
  readonly cluster_links: readonly never[];
  readonly exchange_types: readonly ExchangeTypeItem[];
  readonly auth_mechanisms: readonly ExchangeTypeItem[];
  readonly applications: readonly object[];
  readonly contexts: readonly object[];
  readonly log_files: readonly string[];
  readonly config_files: readonly string[];
  readonly enabled_plugins: readonly string[];
  readonly db_dir: string;
  readonly [count: string]: unknown;
}

/** Erlang's limit on processes, which tools divide by. */
const PROC_TOTAL = 1_048_576;

const mechanism = (name: string, description: string) => ({ name, description, enabled: true });

function nodeItem(context: ApiContext): NodeItem {
  const { broker, server } = context;
  const files = descriptors();
  const diskFree = diskFreeBytes(context.dataDirectory);
  const connections = [...server.connections];
  const channels = connections.reduce((sum, connection) => sum + connection.channels.size, 0);
  const queues = [...broker.vhosts.values()].reduce(
    (sum, vhost) => sum + [...vhost.queues].length,
    0,
  );
  const { churn } = broker;
  return {
    name: context.node,
    type: context.dataDirectory === undefined ? 'ram' : 'disc',
    running: true,
    os_pid: String(process.pid),
    uptime: broker.services.clock.now() - context.startedAtMs,
    processors: availableParallelism(),
    mem_used: process.memoryUsage.rss(),
    mem_limit: broker.alarms.memory.limitBytes,
    mem_alarm: broker.alarms.memory.isRaised,
    mem_calculation_strategy: 'rss',
    ...(diskFree === undefined ? {} : { disk_free: diskFree }),
    disk_free_limit: broker.alarms.disk.limitBytes,
    disk_free_alarm: broker.alarms.disk.isRaised,
    ...(files ? { fd_used: files.used, fd_total: files.total, sockets_total: files.total } : {}),
    sockets_used: connections.length,
    proc_used: connections.length + channels + queues,
    proc_total: PROC_TOTAL,
    run_queue: 0,
    rates_mode: 'basic',
    partitions: [],
    cluster_links: [],
    exchange_types: exchangeTypeItems(),
    auth_mechanisms: [
      mechanism('PLAIN', 'SASL PLAIN authentication mechanism'),
      mechanism('AMQPLAIN', 'QPid AMQPLAIN mechanism'),
    ],
    applications: [{ name: 'leveret', description: 'Leveret', version: context.version }],
    contexts: [],
    log_files: context.logControl?.places ?? [],
    config_files: [],
    enabled_plugins: [],
    db_dir: context.dataDirectory ?? '',
    connection_created: churn.connectionCreated,
    connection_closed: churn.connectionClosed,
    channel_created: churn.channelCreated,
    channel_closed: churn.channelClosed,
    queue_declared: churn.queueDeclared,
    queue_created: churn.queueCreated,
    queue_deleted: churn.queueDeleted,
  };
}

/** @throws HttpError 404 for any name but our own. */
function requireOwnName({ context, params }: Call): void {
  if (params.node !== context.node) throw objectNotFound();
}

export interface MemoryBreakdown {
  readonly messages: number;
  readonly javascript_heap: number;
  readonly external: number;
  readonly other: number;
  readonly total: { readonly rss: number };
}

/** What the memory is used for, as far as Node tells. */
function memoryOf({ broker }: ApiContext): MemoryBreakdown {
  const { rss, heapTotal, external } = process.memoryUsage();
  const messages = Math.min(broker.store.usedBytes, external);
  return {
    messages,
    javascript_heap: heapTotal,
    external: external - messages,
    other: Math.max(0, rss - heapTotal - external),
    total: { rss },
  };
}

export const nodeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes',
    gate: 'monitoring',
    summary: 'The nodes of the cluster: this one',
    run: ({ context, query }) =>
      listOf(
        [context],
        ({ node }) => node,
        (one) => nodeItem(one),
        query,
      ),
  },
  {
    method: 'GET',
    path: '/nodes/:node',
    gate: 'monitoring',
    summary: 'One node',
    run(call) {
      requireOwnName(call);
      return itemWithColumns(nodeItem(call.context), call.query);
    },
  },
  {
    method: 'GET',
    path: '/nodes/:node/memory',
    gate: 'monitoring',
    summary: 'What the memory of a node is used for, in bytes',
    run(call) {
      requireOwnName(call);
      return { memory: memoryOf(call.context) };
    },
  },
];
