// /post-office: a vhost as one picture: exchanges, bindings, queues, consumers, and what they have counted so far. Whoever draws
// it asks again and again, and makes rates of the counters. Of many queues it shows those where most goes on.
import type { Exchange } from '../../broker/exchange/exchange.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { VHost } from '../../broker/vhost.ts';
import { badRequest } from '../http-error.ts';
import { nameFilter } from '../name-filter.ts';
import type { Call, Route } from '../route.ts';
import { channelName, isChannelConsumer } from './details.ts';
import { visibleVHosts } from './vhosts.ts';

export interface MapExchange {
  readonly name: string;
  readonly type: string;
  readonly published: number;
  readonly alternate?: string;
  readonly delayed?: number;
}

export interface MapQueue {
  readonly name: string;
  readonly ready: number;
  readonly unacked: number;
  readonly published: number;
  readonly delivered: number;
  readonly consumers: number;
  readonly dead_letter_exchange?: string;
}

/** All bindings between the same two. */
export interface MapEdge {
  readonly source: string;
  readonly destination: string;
  readonly destination_type: 'queue' | 'exchange';
  readonly bindings: number;
  /** Some of the routing keys. */
  readonly keys: readonly string[];
}

/** All consumers of a connection on one queue. */
export interface MapConsumer {
  readonly connection: string;
  /** What the client calls itself. */
  readonly title: string;
  readonly queue: string;
  readonly consumers: number;
}

export interface PostOffice {
  readonly vhost: string;
  readonly exchanges: readonly MapExchange[];
  readonly queues: readonly MapQueue[];
  readonly edges: readonly MapEdge[];
  readonly consumers: readonly MapConsumer[];
  /** How many queues there are; more than are shown, perhaps. */
  readonly queue_count: number;
  readonly matching_count: number;
}

export interface DeadLetterPlace {
  readonly vhost: string;
  readonly queue: string;
  readonly messages_ready: number;
  /** Queues whose dead letters may get here. */
  readonly from: readonly string[];
}

const DEFAULT_QUEUES = 200;
const MAX_QUEUES = 500;
const SHOWN_KEYS = 3;

function run(call: Call): PostOffice {
  const { vhost, query } = call;
  const wanted = query.name ? nameFilter(query.name, false) : () => true;
  const all = [...vhost.queues];
  const matching = all.filter((queue) => wanted(queue.name) || isNear(queue, wanted));
  const shown = matching.toSorted((a, b) => bustle(b) - bustle(a)).slice(0, limitIn(query.limit));
  const queues = new Set(shown.sort((a, b) => (a.name < b.name ? -1 : 1)));
  const exchanges = exchangesFor(vhost, queues, query.name ? wanted : undefined);
  return {
    vhost: vhost.name,
    exchanges: exchanges.map(mapExchange),
    queues: [...queues].map(mapQueue),
    edges: edgesBetween(exchanges, queues),
    consumers: [...queues].flatMap(consumersOf),
    queue_count: all.length,
    matching_count: matching.length,
  };
}

function limitIn(text: string | undefined): number {
  if (text === undefined) return DEFAULT_QUEUES;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_QUEUES) {
    throw badRequest(`limit is a number from 1 to ${MAX_QUEUES}`);
  }
  return limit;
}

/** Bound to an exchange that is sought. */
function isNear(queue: Queue, wanted: (name: string) => boolean): boolean {
  for (const { source } of queue.incoming) if (wanted(source.name)) return true;
  return false;
}

/** What has trouble or work comes before what rests. */
function bustle({ readyCount, unackedCount, counters, incoming, consumerCount }: Queue): number {
  return readyCount + unackedCount + counters.publish + incoming.size + consumerCount;
}

/** Those that lead to the queues, and those that queues and exchanges there send to. */
function exchangesFor(
  vhost: VHost,
  queues: ReadonlySet<Queue>,
  wanted: ((name: string) => boolean) | undefined,
): Exchange[] {
  const found = new Set<Exchange>();
  const add = (exchange: Exchange | undefined) => {
    if (!exchange || found.has(exchange)) return;
    found.add(exchange);
    for (const { source } of exchange.incoming) add(source);
  };
  for (const queue of queues) {
    for (const { source } of queue.incoming) add(source);
    const { deadLetterExchange } = queue.settings;
    if (deadLetterExchange !== undefined) add(vhost.exchange(deadLetterExchange));
  }
  for (const exchange of vhost.exchanges) {
    const isOwn = exchange.name === '' || exchange.name.startsWith('amq.');
    if (wanted ? exchange.name !== '' && wanted(exchange.name) : !isOwn) add(exchange);
    if (exchange.publishInCount > 0 && !wanted) add(exchange);
  }
  return [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function mapExchange({ name, type, publishInCount, alternate, delayed }: Exchange): MapExchange {
  return {
    name,
    type,
    published: publishInCount,
    ...(alternate === undefined ? {} : { alternate }),
    ...(delayed === undefined ? {} : { delayed: delayed.count }),
  };
}

function mapQueue({
  name,
  readyCount,
  unackedCount,
  counters,
  settings,
  consumerCount,
}: Queue): MapQueue {
  const { deliver, deliverNoAck, get, getNoAck } = counters;
  const target = settings.deadLetterExchange;
  return {
    name,
    ready: readyCount,
    unacked: unackedCount,
    published: counters.publish,
    delivered: deliver + deliverNoAck + get + getNoAck,
    consumers: consumerCount,
    ...(target === undefined ? {} : { dead_letter_exchange: target }),
  };
}

function edgesBetween(exchanges: readonly Exchange[], queues: ReadonlySet<Queue>): MapEdge[] {
  const known = new Set<unknown>([...exchanges, ...queues]);
  return exchanges.flatMap((exchange) => {
    const byDestination = new Map<object, { edge: MapEdge; keys: string[]; bindings: number }>();
    for (const { destination, routingKey } of exchange.bindings) {
      if (!known.has(destination)) continue;
      const entry = byDestination.get(destination) ?? {
        edge: {
          source: exchange.name,
          destination: destination.name,
          destination_type: destination.kind,
          bindings: 0,
          keys: [],
        },
        keys: [],
        bindings: 0,
      };
      entry.bindings += 1;
      if (entry.keys.length < SHOWN_KEYS) entry.keys.push(routingKey);
      byDestination.set(destination, entry);
    }
    return [...byDestination.values()].map(({ edge, keys, bindings }) => ({
      ...edge,
      keys,
      bindings,
    }));
  });
}

function consumersOf(queue: Queue): MapConsumer[] {
  const byConnection = new Map<string, MapConsumer>();
  for (const consumer of queue.consumers) {
    if (!isChannelConsumer(consumer)) continue;
    const { connection } = consumer.channel;
    const given = connection.handshake.clientProperties.get('connection_name');
    const before = byConnection.get(connection.name)?.consumers ?? 0;
    byConnection.set(connection.name, {
      connection: connection.name,
      title: given?.type === 'S' ? String(given.value) : channelName(consumer.channel),
      queue: queue.name,
      consumers: before + 1,
    });
  }
  return [...byConnection.values()];
}

/** Queues that dead letters get to: along all bindings from the exchanges that queues name for theirs. */
function deadLetterPlaces(vhost: VHost): DeadLetterPlace[] {
  const sources = new Map<Queue, Set<string>>();
  const reached = new Map<string, readonly Queue[]>();
  for (const queue of vhost.queues) {
    const { deadLetterExchange: name, deadLetterRoutingKey: key } = queue.settings;
    if (name === undefined) continue;
    const targets =
      name === ''
        ? [vhost.queue(key ?? '')]
        : (reached.get(name) ?? queuesBehind(vhost.exchange(name)));
    if (name !== '') reached.set(name, targets as readonly Queue[]);
    for (const target of targets) {
      if (!target) continue;
      const from = sources.get(target) ?? new Set();
      sources.set(target, from.add(queue.name));
    }
  }
  return [...sources].map(([{ name, readyCount }, from]) => ({
    vhost: vhost.name,
    queue: name,
    messages_ready: readyCount,
    from: [...from],
  }));
}

function queuesBehind(first: Exchange | undefined): readonly Queue[] {
  const exchanges = new Set(first ? [first] : []);
  const queues = new Set<Queue>();
  for (const exchange of exchanges) {
    for (const { destination } of exchange.bindings) {
      if (destination.kind === 'queue') queues.add(destination);
      else exchanges.add(destination);
    }
  }
  return [...queues];
}

export const postOfficeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/post-office/:vhost',
    gate: 'management',
    summary: 'Exchanges, bindings, queues and consumers of a vhost in one picture: ?name, ?limit',
    run,
  },
  {
    method: 'GET',
    path: '/dead-letters',
    gate: 'management',
    summary: 'Queues that dead letters get to, and from where',
    run: (call) => visibleVHosts(call).flatMap(deadLetterPlaces),
  },
  {
    method: 'GET',
    path: '/dead-letters/:vhost',
    gate: 'management',
    summary: 'The same for one vhost',
    run: ({ vhost }) => deadLetterPlaces(vhost),
  },
];
