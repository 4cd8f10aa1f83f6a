// /queues: looking at them, declaring, deleting, purging.
import { textOf } from '../../broker/equivalence.ts';
import type { JsonObject } from '../../broker/json.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { VHost } from '../../broker/vhost.ts';
import { Connection } from '../../server/connection.ts';
import { booleanOf, objectOf } from '../body.ts';
import { type JsonTable, tableFromJson, tableToJson } from '../field-table-json.ts';
import { objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf, type QuickKeys } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { queueKind } from '../statistics/kinds.ts';
import {
  detailsOf,
  messageStats,
  QUEUE_PUBLISHING,
  type RateDetails,
  type Rated,
  windowOf,
} from '../statistics/rates.ts';
import { apiOwner, checkName, synced } from './changes.ts';
import { type ConsumerItem, consumerItem } from './consumers.ts';
import {
  type ConnectionDetails,
  connectionDetails,
  isChannelConsumer,
  timeText,
} from './details.ts';
import { visibleVHosts } from './vhosts.ts';

/** What `?disable_stats=true` leaves. */
export interface QueueBasics {
  readonly name: string;
  readonly vhost: string;
  readonly type: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly exclusive: boolean;
  readonly arguments: JsonTable;
  readonly node: string;
  readonly state: string;
}

export interface QueueDepth {
  readonly messages: number;
  readonly messages_ready: number;
  readonly messages_unacknowledged: number;
}

export interface QueueItem extends QueueBasics, QueueDepth {
  readonly messages_details: RateDetails;
  readonly messages_ready_details: RateDetails;
  readonly messages_unacknowledged_details: RateDetails;
  /** Of bodies. */
  readonly message_bytes_ready: number;
  /** Failed deliveries that wait for their next try (quorum queues). */
  readonly messages_delayed: number;
  readonly consumers: number;
  readonly exclusive_consumer_tag: string | null;
  readonly single_active_consumer_tag: string | null;
  readonly policy: string | null;
  readonly operator_policy: string | null;
  readonly effective_policy_definition: JsonObject;
  readonly owner_pid_details?: ConnectionDetails;
  readonly idle_since?: string;
  readonly message_stats?: Rated;
  /** When one queue is asked for. */
  readonly consumer_details?: readonly ConsumerItem[];
  readonly incoming?: readonly never[];
  readonly deliveries?: readonly never[];
}

const typeOf = (queue: Queue) => textOf(queue.arguments.get('x-queue-type')) || 'classic';

function basics(queue: Queue, node: string, state: string): QueueBasics {
  return {
    name: queue.name,
    vhost: queue.vhost,
    type: typeOf(queue),
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    exclusive: queue.exclusive,
    arguments: tableToJson(queue.arguments),
    node,
    state,
  };
}

function depthOf({ readyCount, unackedCount }: Queue): QueueDepth {
  return {
    messages: readyCount + unackedCount,
    messages_ready: readyCount,
    messages_unacknowledged: unackedCount,
  };
}

function tagOf(consumer: { readonly tag: string } | undefined): string | null {
  return consumer?.tag ?? null;
}

type Building = { -readonly [Key in keyof QueueItem]: QueueItem[Key] };

/** Ten thousand of these make one list, so this is one literal and no spreading. */
export function queueItem(queue: Queue, { context, query }: Call): QueueItem {
  const { queues } = context.statistics;
  const history = queues.history(queue);
  const window = windowOf(query, 'lengths');
  const first = queue.consumers.first;
  const policies = context.broker.vhost(queue.vhost)?.policies;
  const applied = policies?.appliedTo(queue);
  const item: Building = {
    name: queue.name,
    vhost: queue.vhost,
    type: typeOf(queue),
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    exclusive: queue.exclusive,
    arguments: tableToJson(queue.arguments),
    node: context.node,
    state: 'running',
    messages: queue.readyCount + queue.unackedCount,
    messages_details: detailsOf(history, DEPTH_AT, window),
    messages_ready: queue.readyCount,
    messages_ready_details: detailsOf(history, DEPTH_AT + 1, window),
    messages_unacknowledged: queue.unackedCount,
    messages_unacknowledged_details: detailsOf(history, DEPTH_AT + 2, window),
    message_bytes_ready: queue.readyBytes,
    messages_delayed: queue.delayedCount,
    consumers: queue.consumerCount,
    exclusive_consumer_tag: first?.exclusive ? tagOf(first) : null,
    single_active_consumer_tag: tagOf(queue.consumers.active),
    policy: applied?.policy?.name ?? null,
    operator_policy: applied?.operatorPolicy?.name ?? null,
    effective_policy_definition: policies?.definitionFor(queue) ?? {},
  };
  if (queue.owner instanceof Connection) item.owner_pid_details = connectionDetails(queue.owner);
  const idleSinceMs = queues.idleSinceMs(queue);
  if (idleSinceMs !== undefined) item.idle_since = timeText(idleSinceMs);
  const stats = messageStats(queues, queue, QUEUE_PUBLISHING, windowOf(query, 'msg_rates'));
  if (stats) item.message_stats = stats;
  return item;
}

/** Where the depths are among what is counted of a queue. */
const DEPTH_AT = queueKind.names.indexOf('messages');

/** The cheap lists: `?disable_stats=true`, with `&enable_queue_totals=true` depths as well. */
function itemFor(queue: Queue, call: Call): QueueBasics {
  const { query, context } = call;
  if (query.disable_stats !== 'true') return queueItem(queue, call);
  if (query.enable_queue_totals !== 'true') return basics(queue, context.node, 'live');
  return { ...basics(queue, context.node, 'running'), ...depthOf(queue) };
}

const byName = (a: Queue, b: Queue) => (a.name < b.name ? -1 : 1);

const list = (vhosts: readonly VHost[], call: Call) =>
  listOf(
    vhosts.flatMap((vhost) => [...vhost.queues].sort(byName)),
    ({ name }) => name,
    (queue) => itemFor(queue, call),
    call.query,
    quickKeysOf(call),
  );

/** What people sort queues by: of ten thousand, items are built for one page only. */
function quickKeysOf({ context }: Call): QuickKeys<Queue> {
  const { queues } = context.statistics;
  return (column) => {
    switch (column) {
      case 'name':
        return ({ name }) => name;
      case 'vhost':
        return ({ vhost }) => vhost;
      case 'consumers':
        return ({ consumerCount }) => consumerCount;
      case 'messages':
      case 'messages_ready':
      case 'messages_unacknowledged':
        return (queue) => depthOf(queue)[column];
    }
    const [, counter] = /^message_stats\.(\w+)_details\.rate$/.exec(column) ?? [];
    const index = counter === undefined ? -1 : queues.kind.names.indexOf(counter);
    if (index < 0) return undefined;
    return (queue) => queues.history(queue)?.rate(index) ?? 0;
  };
}

/** @throws HttpError 404 */
export function queueIn({ vhost, params }: Call): Queue {
  const queue = vhost.queue(params.name!);
  if (!queue) throw objectNotFound();
  return queue;
}

async function declare({ context, vhost, caller, params, body }: Call) {
  const name = params.name!;
  const given = objectOf(body);
  const properties = {
    name,
    durable: booleanOf(given.durable, true),
    autoDelete: booleanOf(given.auto_delete, false),
    exclusive: false,
    arguments: tableFromJson(given.arguments),
  };
  checkName(name);
  caller.require('configure', 'queue', name, vhost.name);
  const existing = vhost.queue(name);
  const deadLetterExchange = textOf(properties.arguments.get('x-dead-letter-exchange'));
  if (deadLetterExchange !== undefined && !existing) {
    caller.require('read', 'queue', name, vhost.name);
    caller.require('write', 'exchange', deadLetterExchange, vhost.name);
  }
  vhost.declareQueue(properties, apiOwner, false);
  await synced(context);
  return existing ? noContent : created();
}

async function remove(call: Call) {
  const { context, vhost, caller, query } = call;
  const queue = queueIn(call);
  caller.require('configure', 'queue', queue.name, vhost.name);
  vhost.checkOwner(queue, apiOwner);
  queue.dispatch();
  vhost.deleteQueue(queue, query['if-unused'] === 'true', query['if-empty'] === 'true');
  await synced(context);
  return noContent;
}

async function purge(call: Call) {
  const queue = queueIn(call);
  call.caller.require('read', 'queue', queue.name, call.vhost.name);
  call.vhost.checkOwner(queue, apiOwner);
  queue.dispatch();
  queue.purge();
  await synced(call.context);
  return noContent;
}

function one(call: Call): object {
  const queue = queueIn(call);
  const consumers = [...queue.consumers].filter(isChannelConsumer);
  const item: QueueItem = {
    ...queueItem(queue, call),
    consumer_details: consumers.map((consumer) => consumerItem(consumer, call.context)),
    incoming: [],
    deliveries: [],
  };
  return itemWithColumns(item, call.query);
}

export const queueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/queues',
    gate: 'management',
    summary: 'All queues',
    run: (call) => list(visibleVHosts(call), call),
  },
  {
    method: 'GET',
    path: '/queues/detailed',
    gate: 'management',
    summary: 'All queues, with everything that is known of them',
    run: (call) => list(visibleVHosts(call), call),
  },
  {
    method: 'GET',
    path: '/queues/:vhost',
    gate: 'management',
    summary: 'The queues of a vhost',
    run: (call) => list([call.vhost], call),
  },
  {
    method: 'GET',
    path: '/queues/:vhost/:name',
    gate: 'management',
    summary: 'One queue, with its consumers',
    run: one,
  },
  {
    method: 'PUT',
    path: '/queues/:vhost/:name',
    gate: 'management',
    summary: 'Declares a queue: durable, auto_delete, arguments',
    run: declare,
  },
  {
    method: 'DELETE',
    path: '/queues/:vhost/:name',
    gate: 'management',
    summary: 'Deletes a queue; ?if-empty=true and ?if-unused=true make sure',
    run: remove,
  },
  {
    method: 'DELETE',
    path: '/queues/:vhost/:name/contents',
    gate: 'management',
    summary: 'Purges a queue: drops its ready messages',
    run: purge,
  },
];
