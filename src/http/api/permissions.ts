// /permissions and /topic-permissions: what users may do in vhosts.
import type { User } from '../../broker/user.ts';
import { objectOf, requireKeys, textIn } from '../body.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { synced } from './changes.ts';

export interface PermissionItem {
  readonly user: string;
  readonly vhost: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

export interface TopicPermissionItem {
  readonly user: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}

export function permissionItems(users: Iterable<User>): PermissionItem[] {
  return [...users].flatMap(({ name, permissions }) =>
    [...permissions].map(([vhost, { patterns }]) => ({ user: name, vhost, ...patterns })),
  );
}

export function topicPermissionItems(users: Iterable<User>): TopicPermissionItem[] {
  return [...users].flatMap(({ name, topicPermissions }) =>
    [...topicPermissions].flatMap(([vhost, byExchange]) =>
      [...byExchange].map(([exchange, { patterns }]) => ({
        user: name,
        vhost,
        exchange,
        ...patterns,
      })),
    ),
  );
}

const allUsers = ({ context }: Call) => context.broker.users.values();

interface Ends {
  readonly user: User;
  readonly vhost: string;
}

/** @throws HttpError 404 */
function endsOf({ context, params }: Call): Ends {
  const user = context.broker.users.get(params.user!);
  const vhost = context.broker.vhost(params.vhost!);
  if (!user || !vhost) throw objectNotFound();
  return { user, vhost: vhost.name };
}

/** RabbitMQ says it so when something is to be set. @throws HttpError 400 */
function endsToChange(call: Call): Ends {
  const { context, params } = call;
  if (context.broker.users.get(params.user!) && context.broker.vhost(params.vhost!)) {
    return endsOf(call);
  }
  throw badRequest('vhost_or_user_not_found');
}

async function put(call: Call) {
  const body = objectOf(call.body);
  requireKeys(body, ['configure', 'write', 'read']);
  const patterns = {
    configure: textIn(body, 'configure'),
    write: textIn(body, 'write'),
    read: textIn(body, 'read'),
  };
  const { user, vhost } = endsToChange(call);
  const existed = user.mayEnter(vhost);
  call.context.broker.users.setPermission(user.name, vhost, patterns);
  await synced(call.context);
  return existed ? noContent : created();
}

async function putTopic(call: Call) {
  const body = objectOf(call.body);
  requireKeys(body, ['exchange', 'write', 'read']);
  const exchange = textIn(body, 'exchange');
  const patterns = { write: textIn(body, 'write'), read: textIn(body, 'read') };
  const { user, vhost } = endsToChange(call);
  const existed = user.topicPermissions.get(vhost)?.has(exchange) ?? false;
  call.context.broker.users.setTopicPermission(user.name, vhost, exchange, patterns);
  await synced(call.context);
  return existed ? noContent : created();
}

/** The topic permissions of a user in a vhost, of one exchange if the path names one. @throws HttpError 404 for none. */
function topicItems(call: Call): TopicPermissionItem[] {
  const { user, vhost } = endsOf(call);
  const { exchange } = call.params;
  const items = topicPermissionItems([user]).filter(
    (item) => item.vhost === vhost && (exchange === undefined || item.exchange === exchange),
  );
  if (items.length === 0) throw objectNotFound();
  return items;
}

async function clearTopic(call: Call) {
  topicItems(call);
  const { user, vhost } = endsOf(call);
  call.context.broker.users.clearTopicPermission(user.name, vhost, call.params.exchange);
  await synced(call.context);
  return noContent;
}

const list = <Item extends { readonly user: string }>(items: readonly Item[], { query }: Call) =>
  listOf(
    items,
    ({ user }) => user,
    (item) => item,
    query,
  );

const route = (
  method: Route['method'],
  path: string,
  summary: string,
  run: (call: Call) => unknown,
): Route => ({ method, path, gate: 'administrator', summary, ownVHostCheck: true, run });

export const permissionRoutes: readonly Route[] = [
  route('GET', '/permissions', 'All permissions', (call) =>
    list(permissionItems(allUsers(call)), call),
  ),
  route('GET', '/permissions/:vhost/:user', 'What a user may do in a vhost', (call) => {
    const { user, vhost } = endsOf(call);
    const item = permissionItems([user]).find((one) => one.vhost === vhost);
    if (!item) throw objectNotFound();
    return item;
  }),
  route(
    'PUT',
    '/permissions/:vhost/:user',
    'Sets what a user may do in a vhost: configure, write, read',
    put,
  ),
  route(
    'DELETE',
    '/permissions/:vhost/:user',
    'A user may not enter a vhost any more',
    async (call) => {
      const { user, vhost } = endsOf(call);
      if (!user.mayEnter(vhost)) throw objectNotFound();
      call.context.broker.users.clearPermission(user.name, vhost);
      await synced(call.context);
      return noContent;
    },
  ),
  route('GET', '/topic-permissions', 'All topic permissions', (call) =>
    list(topicPermissionItems(allUsers(call)), call),
  ),
  route('GET', '/topic-permissions/:vhost/:user', 'Those of a user in a vhost', topicItems),
  route('GET', '/topic-permissions/:vhost/:user/:exchange', 'Those for one exchange', topicItems),
  route(
    'PUT',
    '/topic-permissions/:vhost/:user',
    'Sets which routing keys a user may use: exchange, write, read',
    putTopic,
  ),
  route(
    'DELETE',
    '/topic-permissions/:vhost/:user',
    'Clears those of a user in a vhost',
    clearTopic,
  ),
  route(
    'DELETE',
    '/topic-permissions/:vhost/:user/:exchange',
    'Clears those for one exchange',
    clearTopic,
  ),
  route('GET', '/vhosts/:vhost/permissions', 'Who may do what in a vhost', (call) => {
    const { name } = call.vhost;
    return list(
      permissionItems(allUsers(call)).filter(({ vhost }) => vhost === name),
      call,
    );
  }),
  route('GET', '/vhosts/:vhost/topic-permissions', 'The topic permissions in a vhost', (call) => {
    const { name } = call.vhost;
    return list(
      topicPermissionItems(allUsers(call)).filter(({ vhost }) => vhost === name),
      call,
    );
  }),
];
