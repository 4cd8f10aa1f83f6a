// /vhosts: virtual hosts, what they say of themselves and what goes on in each.
import type { Broker } from '../../broker/broker.ts';
import { requireQueueType, type VHostMetadata } from '../../broker/vhost/metadata.ts';
import type { VHost } from '../../broker/vhost.ts';
import { booleanOf, type JsonObject, objectOf, textIn } from '../body.ts';
import type { Caller } from '../caller.ts';
import { objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { MESSAGE_NAMES } from '../statistics/kinds.ts';
import { type Rated, ratedNow, windowOf } from '../statistics/rates.ts';
import { checkName, synced } from './changes.ts';
import { tagsOf } from './users.ts';

export interface VHostItem {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly default_queue_type: string;
  readonly protected_from_deletion: boolean;
  readonly metadata: VHostMetadataItem;
  readonly tracing: boolean;
  readonly cluster_state: Readonly<Record<string, string>>;
  readonly message_stats?: Rated;
  /** Messages and traffic, with their rates. */
  readonly [total: string]: unknown;
}

export interface VHostMetadataItem {
  readonly description: string;
  readonly tags: readonly string[];
  readonly default_queue_type?: string;
}

const TOTALS = ['recv_oct', 'send_oct', 'messages', 'messages_ready', 'messages_unacknowledged'];

/** The vhosts whose contents the caller may see. */
export function visibleVHosts({ context, caller }: Call): VHost[] {
  return [...context.broker.vhosts.values()].filter(({ name }) => caller.mayEnter(name));
}

export function metadataItem({ metadata }: VHost): VHostMetadataItem {
  const { description, tags, defaultQueueType } = metadata;
  return {
    description,
    tags,
    ...(defaultQueueType === undefined ? {} : { default_queue_type: defaultQueueType }),
  };
}

function vhostItem(vhost: VHost, { context, query }: Call): VHostItem {
  const { vhosts } = context.statistics;
  const { description, tags, defaultQueueType, isProtected = false } = vhost.metadata;
  return {
    name: vhost.name,
    description,
    tags,
    default_queue_type: defaultQueueType ?? 'undefined',
    protected_from_deletion: isProtected,
    metadata: metadataItem(vhost),
    tracing: false,
    cluster_state: { [context.node]: 'running' },
    ...ratedNow(vhosts, vhost, TOTALS, windowOf(query, 'lengths')),
    message_stats: ratedNow(vhosts, vhost, MESSAGE_NAMES, windowOf(query, 'msg_rates')),
  };
}

/** What a body says of a vhost, whether beside the name or inside `metadata`. @throws HttpError 400, OperatorError */
export function metadataOf(body: JsonObject): Partial<VHostMetadata> {
  const inner = body.metadata === undefined ? {} : objectOf(body.metadata);
  const given = { ...inner, ...body };
  const type = given.default_queue_type;
  const isTyped = type !== undefined && type !== null && type !== '' && type !== 'undefined';
  return {
    ...(given.description === undefined ? {} : { description: textIn(given, 'description') }),
    ...(given.tags === undefined ? {} : { tags: tagsOf(given.tags) }),
    ...(isTyped ? { defaultQueueType: requireQueueType(textIn(given, 'default_queue_type')) } : {}),
    ...(given.protected_from_deletion === undefined
      ? {}
      : { isProtected: booleanOf(given.protected_from_deletion, false) }),
  };
}

/** The control socket needs no permissions, and users of others have theirs elsewhere. */
export function grantEverything(broker: Broker, caller: Caller, vhost: string): void {
  if (!caller.account || caller.account.mayEnter(vhost)) return;
  const everything = { configure: '.*', write: '.*', read: '.*' };
  broker.users.setPermission(caller.account.name, vhost, everything);
}

async function put(call: Call) {
  const { context, caller, params } = call;
  const { broker } = context;
  const name = params.vhost!;
  const metadata = metadataOf(objectOf(call.body));
  checkName(name);
  const existing = broker.vhost(name);
  broker.vhosts.add(name, metadata);
  // As in RabbitMQ, whoever makes a vhost may do everything there.
  if (!existing) grantEverything(broker, caller, name);
  await synced(context);
  return existing ? noContent : created();
}

/** The vhost of the path, for those who see it. @throws HttpError 401 */
function seen({ vhost, caller }: Call): VHost {
  if (!caller.sees(vhost.name)) caller.requireVHost(vhost.name);
  return vhost;
}

async function protect({ context, vhost }: Call, isProtected: boolean) {
  context.broker.vhosts.add(vhost.name, { isProtected });
  await synced(context);
  return noContent;
}

export const vhostRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/vhosts',
    gate: 'management',
    summary: 'All virtual hosts that the caller sees',
    run(call) {
      const { context, caller } = call;
      context.statistics.totals();
      return listOf(
        [...context.broker.vhosts.values()].filter(({ name }) => caller.sees(name)),
        ({ name }) => name,
        (vhost) => vhostItem(vhost, call),
        call.query,
      );
    },
  },
  {
    method: 'GET',
    path: '/vhosts/:vhost',
    gate: 'management',
    summary: 'One virtual host',
    ownVHostCheck: true,
    run(call) {
      call.context.statistics.totals();
      return itemWithColumns(vhostItem(seen(call), call), call.query);
    },
  },
  {
    method: 'PUT',
    path: '/vhosts/:vhost',
    gate: 'administrator',
    summary: 'Adds or changes a virtual host: description, tags, default_queue_type',
    ownVHostCheck: true,
    run: put,
  },
  {
    method: 'DELETE',
    path: '/vhosts/:vhost',
    gate: 'administrator',
    summary: 'Deletes a virtual host with everything in it, and closes its connections',
    ownVHostCheck: true,
    async run({ context, vhost }) {
      context.broker.vhosts.delete(vhost.name);
      await synced(context);
      return noContent;
    },
  },
  {
    method: 'POST',
    path: '/vhosts/:vhost/deletion/protection',
    gate: 'administrator',
    summary: 'Protects a virtual host from being deleted',
    ownVHostCheck: true,
    run: (call) => protect(call, true),
  },
  {
    method: 'DELETE',
    path: '/vhosts/:vhost/deletion/protection',
    gate: 'administrator',
    summary: 'Lifts the protection',
    ownVHostCheck: true,
    run: (call) => protect(call, false),
  },
  {
    method: 'POST',
    path: '/vhosts/:vhost/start/:node',
    gate: 'administrator',
    summary: 'Starts a virtual host; all of ours always run',
    ownVHostCheck: true,
    run({ context, vhost, params }) {
      if (params.node !== context.node || !vhost) throw objectNotFound();
      return noContent;
    },
  },
];
