// /vhost-limits and /user-limits: how many connections, queues and channels vhosts and users may have.
import type { Json } from '../../broker/json.ts';
import { type UserLimits, userLimitNames, type VHostLimits } from '../../broker/limits.ts';
import type { User } from '../../broker/user.ts';
import type { VHost } from '../../broker/vhost.ts';
import { objectOf, requireKeys } from '../body.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { synced } from './changes.ts';

export interface VHostLimitsItem {
  readonly vhost: string;
  readonly value: Readonly<Record<string, number>>;
}

export interface UserLimitsItem {
  readonly user: string;
  readonly value: Readonly<Record<string, number>>;
}

const NAMES = {
  maxConnections: 'max-connections',
  maxQueues: 'max-queues',
  maxChannels: 'max-channels',
} as const;

/** With the names that operators use. */
export function limitsToJson(limits: VHostLimits & UserLimits): Record<string, number> {
  const entries = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  return Object.fromEntries(
    entries.map(([name, limit]) => [NAMES[name as keyof typeof NAMES], limit as number]),
  );
}

export function vhostLimitsItems(vhosts: Iterable<VHost>): VHostLimitsItem[] {
  return [...vhosts]
    .map(({ name, limits }) => ({ vhost: name, value: limitsToJson(limits) }))
    .filter(({ value }) => Object.keys(value).length > 0);
}

function userLimitsItems(users: Iterable<User>): UserLimitsItem[] {
  return [...users]
    .map(({ name, limits }) => ({ user: name, value: limitsToJson(limits) }))
    .filter(({ value }) => Object.keys(value).length > 0);
}

/** The limit of the path, as `{"max-queues": 5}`. @throws HttpError 400 */
function limitIn({ params, body }: Call): Record<string, Json> {
  const given = objectOf(body);
  requireKeys(given, ['value']);
  return { [params.limit!]: given.value as Json };
}

/** @throws HttpError 400 */
function userToChange({ context, params }: Call): User {
  const user = context.broker.users.get(params.user!);
  if (!user) throw badRequest(['no_such_user', params.user]);
  return user;
}

const route = (
  method: Route['method'],
  path: string,
  summary: string,
  run: (call: Call) => unknown,
  gate: Route['gate'] = 'administrator',
): Route => ({ method, path, gate, summary, ownVHostCheck: true, run });

export const limitRoutes: readonly Route[] = [
  route(
    'GET',
    '/vhost-limits',
    'The limits of all vhosts that have any',
    ({ context, caller }) =>
      vhostLimitsItems([...context.broker.vhosts.values()].filter(({ name }) => caller.sees(name))),
    'management',
  ),
  {
    method: 'GET',
    path: '/vhost-limits/:vhost',
    gate: 'management',
    summary: 'The limits of a vhost',
    run: ({ vhost }) => vhostLimitsItems([vhost]),
  },
  route('PUT', '/vhost-limits/:vhost/:limit', 'Sets a limit of a vhost: value', async (call) => {
    const { vhost } = call;
    vhost.setLimits({ ...limitsToJson(vhost.limits), ...limitIn(call) });
    await synced(call.context);
    return noContent;
  }),
  route('DELETE', '/vhost-limits/:vhost/:limit', 'Clears a limit of a vhost', async (call) => {
    const { vhost, params } = call;
    const { [params.limit!]: _, ...kept } = limitsToJson(vhost.limits);
    vhost.setLimits(kept);
    await synced(call.context);
    return noContent;
  }),
  route('GET', '/user-limits', 'The limits of all users that have any', ({ context }) =>
    userLimitsItems(context.broker.users.values()),
  ),
  route('GET', '/user-limits/:user', 'The limits of a user', ({ context, params }) => {
    const user = context.broker.users.get(params.user!);
    if (!user) throw objectNotFound();
    return userLimitsItems([user]);
  }),
  route('PUT', '/user-limits/:user/:limit', 'Sets a limit of a user: value', async (call) => {
    const limit = limitIn(call);
    const { name } = userToChange(call);
    call.context.broker.users.setLimits(name, limit);
    await synced(call.context);
    return noContent;
  }),
  route('DELETE', '/user-limits/:user/:limit', 'Clears a limit of a user', async (call) => {
    const { name } = userToChange(call);
    const { limit = '' } = call.params;
    if (!isUserLimit(limit)) throw objectNotFound();
    call.context.broker.users.clearLimit(name, limit);
    await synced(call.context);
    return noContent;
  }),
];

function isUserLimit(name: string): name is keyof typeof userLimitNames {
  return Object.hasOwn(userLimitNames, name);
}
