// Vhosts, users and what these may do in those, as a definitions file has them.
import { parseUserLimits } from '../../broker/limits.ts';
import { invalid, noSuchUser } from '../../broker/operator-error.ts';
import type { PasswordHash } from '../../broker/password.ts';
import { Permission, TopicPermission } from '../../broker/permission.ts';
import type { User } from '../../broker/user.ts';
import type { VHostMetadata } from '../../broker/vhost/metadata.ts';
import { limitsToJson } from '../api/limits.ts';
import { passwordOf, tagsOf } from '../api/users.ts';
import { metadataOf } from '../api/vhosts.ts';
import type { UserDefinition } from './definitions-file.ts';
import type { Effect, Planner } from './import-plan.ts';

export function planAccess(planner: Planner): void {
  planVHosts(planner);
  planUsers(planner);
  planPermissions(planner);
  planTopicPermissions(planner);
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function planVHosts(planner: Planner): void {
  const { broker, file } = planner;
  for (const vhost of file.vhosts) {
    const { name } = vhost;
    const existing = broker.vhost(name)?.metadata;
    let given: Partial<VHostMetadata> = {};
    const check = (): Effect => {
      if (name === '') throw invalid('virtual host name cannot be empty');
      given = metadataOf({ ...vhost });
      if (!existing) return 'add';
      return isSame({ ...existing, ...given }, existing) ? 'same' : 'change';
    };
    planner.plan('vhost', `vhost '${name}'`, check, () => broker.vhosts.add(name, given));
  }
}

function planUsers(planner: Planner): void {
  const { users } = planner.broker;
  for (const definition of planner.file.users) {
    const { name, limits = {} } = definition;
    const existing = users.get(name);
    const tags = tagsOf(definition.tags);
    let password: PasswordHash | undefined;
    const check = (): Effect => {
      if (name === '') throw invalid('user cannot be an empty string');
      password = passwordFor(planner, definition, existing);
      parseUserLimits(limits);
      if (!existing) return 'add';
      const same =
        isSame(password, existing.password) &&
        isSame(tags.toSorted(), [...existing.tags].sort()) &&
        isSame(limits, limitsToJson(existing.limits));
      return same ? 'same' : 'change';
    };
    planner.plan('user', `user '${name}'`, check, () => {
      if (existing) {
        users.setPassword(name, password!);
        users.setTags(name, tags);
      } else {
        users.add(name, password!, tags);
      }
      users.setLimits(name, limits);
    });
  }
}

/** A user that is there keeps its password when the file has none. */
function passwordFor(planner: Planner, definition: UserDefinition, existing: User | undefined) {
  const { password, password_hash } = definition;
  if (password === undefined && password_hash === undefined && existing) return existing.password;
  return passwordOf({ ...definition }, planner);
}

/** @throws OperatorError */
function requireUser({ broker, file }: Planner, name: string): void {
  const isThere = broker.users.get(name) !== undefined;
  if (!isThere && !file.users.some((user) => user.name === name)) throw noSuchUser(name);
}

function planPermissions(planner: Planner): void {
  const { users } = planner.broker;
  for (const { user, vhost, configure, write, read } of planner.file.permissions) {
    const patterns = { configure, write, read };
    const existing = users.get(user)?.permissions.get(vhost)?.patterns;
    const check = () => {
      requireUser(planner, user);
      planner.requireVHost(vhost);
      new Permission(configure, write, read);
      return effectOf(existing, patterns);
    };
    const what = `permissions of user '${user}' in vhost '${vhost}'`;
    planner.plan('permission', what, check, () => {
      users.setPermission(user, vhost, patterns);
    });
  }
}

function planTopicPermissions(planner: Planner): void {
  const { users } = planner.broker;
  for (const { user, vhost, exchange, write, read } of planner.file.topic_permissions) {
    const patterns = { write, read };
    const existing = users.get(user)?.topicPermissions.get(vhost)?.get(exchange)?.patterns;
    const check = () => {
      requireUser(planner, user);
      planner.requireVHost(vhost);
      new TopicPermission(patterns, user, vhost);
      return effectOf(existing, patterns);
    };
    const what = `topic permissions of user '${user}' on exchange '${exchange}' in vhost '${vhost}'`;
    planner.plan('topic permission', what, check, () => {
      users.setTopicPermission(user, vhost, exchange, patterns);
    });
  }
}

function effectOf<T extends object>(existing: T | undefined, given: T): Effect {
  if (!existing) return 'add';
  const same = Object.entries(given).every(([key, value]) => existing[key as keyof T] === value);
  return same ? 'same' : 'change';
}
