// /users: who may log in, with which tags. Passwords come in clear or as RabbitMQ's hashes; only hashes go out.
import {
  algorithmName,
  algorithmOf,
  noPassword,
  type PasswordHash,
} from '../../broker/password.ts';
import type { User } from '../../broker/user.ts';
import type { ApiContext } from '../api-context.ts';
import { type JsonObject, objectOf, textIn } from '../body.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { checkName, synced } from './changes.ts';
import { limitsToJson } from './limits.ts';
import { permissionItems, topicPermissionItems } from './permissions.ts';

export interface UserItem {
  readonly name: string;
  readonly password_hash: string;
  readonly hashing_algorithm: string;
  readonly tags: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export function userItem(user: User): UserItem {
  return {
    name: user.name,
    password_hash: user.password.hash,
    hashing_algorithm: algorithmName(user.password.algorithm),
    tags: [...user.tags],
    limits: limitsToJson(user.limits),
  };
}

export const byUserName = (a: { readonly name: string }, b: { readonly name: string }) =>
  a.name < b.name ? -1 : 1;

const list = (users: Iterable<User>, { query }: Call) =>
  listOf([...users].sort(byUserName), ({ name }) => name, userItem, query);

/** @throws HttpError 404 */
export function userIn({ context, params }: Call): User {
  const user = context.broker.users.get(params.user!);
  if (!user) throw objectNotFound();
  return user;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Tags as a list or, before RabbitMQ 3.9, as a text with commas. @throws HttpError 400 */
export function tagsOf(tags: unknown): string[] {
  const given = typeof tags === 'string' ? tags.split(',') : tags;
  if (!Array.isArray(given)) throw badRequest('tags_not_present');
  if (given.some((tag) => typeof tag !== 'string')) throw badRequest('tags should be texts');
  return given.map((tag: string) => tag.trim()).filter((tag) => tag !== '');
}

/** The password that a body sets; the empty hash is no password at all. @throws HttpError 400 */
export function passwordOf(body: JsonObject, { broker }: Pick<ApiContext, 'broker'>): PasswordHash {
  if (body.password_hash !== undefined) return hashOf(body);
  if (body.password === undefined) return noPassword;
  const password = textIn(body, 'password');
  return password === '' ? noPassword : broker.hashPassword(password);
}

function hashOf(body: JsonObject): PasswordHash {
  const hash = textIn(body, 'password_hash');
  if (!BASE64.test(hash)) throw badRequest(['not_base64', hash]);
  if (body.hashing_algorithm === undefined || body.hashing_algorithm === null) {
    return { hash, algorithm: 'sha256' };
  }
  const name = textIn(body, 'hashing_algorithm');
  const algorithm = algorithmOf(name);
  if (!algorithm) throw badRequest(`unknown hashing algorithm '${name}'`);
  return { hash, algorithm };
}

async function put(call: Call) {
  const { context, params } = call;
  const { users } = context.broker;
  const name = params.user!;
  const body = objectOf(call.body);
  if (body.tags === undefined) throw badRequest('tags_not_present');
  const tags = tagsOf(body.tags);
  const password = passwordOf(body, context);
  checkName(name);
  const existing = users.get(name);
  if (existing) {
    users.setPassword(name, password);
    users.setTags(name, tags);
  } else {
    users.add(name, password, tags);
  }
  await synced(context);
  return existing ? noContent : created();
}

async function bulkDelete({ context, body }: Call) {
  const { users } = context.broker;
  const names = objectOf(body).users;
  if (!Array.isArray(names)) throw badRequest('[{key_missing,users}]');
  for (const name of names) {
    if (typeof name !== 'string' || !users.get(name)) throw badRequest(['no_such_user', name]);
  }
  for (const name of new Set(names)) users.delete(name);
  await synced(context);
  return noContent;
}

const route = (
  method: Route['method'],
  path: string,
  summary: string,
  run: (call: Call) => unknown,
): Route => ({ method, path, gate: 'administrator', summary, run });

export const userRoutes: readonly Route[] = [
  route('GET', '/users', 'All users', (call) => list(call.context.broker.users.values(), call)),
  route('GET', '/users/without-permissions', 'Users that may enter no vhost', (call) =>
    list(
      [...call.context.broker.users.values()].filter(({ permissions }) => permissions.size === 0),
      call,
    ),
  ),
  route('POST', '/users/bulk-delete', 'Deletes several users: users', bulkDelete),
  route('GET', '/users/:user', 'One user', (call) =>
    itemWithColumns(userItem(userIn(call)), call.query),
  ),
  route('PUT', '/users/:user', 'Adds or changes a user: password or password_hash, tags', put),
  route('DELETE', '/users/:user', 'Deletes a user and closes its connections', async (call) => {
    const { name } = userIn(call);
    call.context.broker.users.delete(name);
    await synced(call.context);
    return noContent;
  }),
  route('POST', '/users/:user/authenticate', 'Whether a password is right: password', (call) => {
    const password = textIn(objectOf(call.body), 'password');
    const user = call.context.broker.users.get(call.params.user!);
    return { authenticated: user?.knows(password) ?? false };
  }),
  route('POST', '/auth/hash_password', 'The hash of a password: password', (call) => {
    const password = textIn(objectOf(call.body), 'password');
    return { ok: call.context.broker.hashPassword(password).hash };
  }),
  route('GET', '/auth/hash_password/:password', 'The same, as RabbitMQ has it', (call) => ({
    ok: call.context.broker.hashPassword(call.params.password!).hash,
  })),
  route('GET', '/users/:user/permissions', 'What a user may do, by vhost', (call) =>
    permissionItems([userIn(call)]),
  ),
  route('GET', '/users/:user/topic-permissions', 'Its topic permissions', (call) =>
    topicPermissionItems([userIn(call)]),
  ),
];
