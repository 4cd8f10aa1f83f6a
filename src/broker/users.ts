// The users of the broker and what they may do: coming, changing and going while it runs. Everything takes effect at once, on
// connections that are open as well, and lasts.
import type { Connections } from './connections.ts';
import type { BrokerDefinition, Definition } from './definitions.ts';
import type { Json } from './json.ts';
import { parseUserLimits, type UserLimits, userLimitNames } from './limits.ts';
import { invalid, noSuchUser, noSuchVHost, OperatorError } from './operator-error.ts';
import { noPassword, type PasswordHash } from './password.ts';
import {
  Permission,
  type PermissionPatterns,
  TopicPermission,
  type TopicPermissionPatterns,
} from './permission.ts';
import { User } from './user.ts';

export interface UsersServices {
  readonly connections: Connections;
  readonly record: (definition: BrokerDefinition) => void;
  readonly hasVHost: (name: string) => boolean;
}

export class Users {
  readonly #services: UsersServices;
  readonly #users = new Map<string, User>();

  constructor(services: UsersServices) {
    this.#services = services;
  }

  get size(): number {
    return this.#users.size;
  }

  get(name: string): User | undefined {
    return this.#users.get(name);
  }

  values(): Iterable<User> {
    return this.#users.values();
  }

  /** @throws OperatorError when there is none. */
  require(name: string): User {
    const user = this.#users.get(name);
    if (!user) throw noSuchUser(name);
    return user;
  }

  /** @throws OperatorError when there is one of that name. */
  add(name: string, password: PasswordHash, tags: Iterable<string> = []): User {
    if (name === '') throw invalid('user cannot be an empty string');
    if (this.#users.has(name)) throw new OperatorError('exists', `User "${name}" already exists`);
    const user = new User(name, password, tags);
    this.#users.set(name, user);
    this.#recordUser(user);
    return user;
  }

  #recordUser(user: User): void {
    this.#services.record({ user: user.entry });
  }

  /** Connections stay: whoever is in has shown the old one. */
  setPassword(name: string, password: PasswordHash): void {
    const user = this.require(name);
    user.password = password;
    this.#recordUser(user);
  }

  /** The user cannot log in by a password any more. */
  clearPassword(name: string): void {
    this.setPassword(name, noPassword);
  }

  setTags(name: string, tags: Iterable<string>): void {
    const user = this.require(name);
    user.tags = new Set(tags);
    this.#recordUser(user);
  }

  /** Sets the limits that are named in `{"max-connections": 10}`; the others stay. */
  setLimits(name: string, limits: Json): void {
    const user = this.require(name);
    user.limits = { ...user.limits, ...parseUserLimits(limits) };
    this.#recordUser(user);
  }

  clearLimit(name: string, limit: keyof typeof userLimitNames | 'all'): void {
    const user = this.require(name);
    const kept: Record<string, number | undefined> = limit === 'all' ? {} : { ...user.limits };
    if (limit !== 'all') delete kept[userLimitNames[limit]];
    user.limits = kept as UserLimits;
    this.#recordUser(user);
  }

  /** Deletes a user with all it was allowed, and closes its connections. */
  delete(name: string): void {
    const user = this.require(name);
    this.#users.delete(name);
    // A connection that has logged in and not opened a vhost yet finds that it may enter none.
    user.permissions.clear();
    this.#services.record({ noUser: { name } });
    this.#services.connections.closeOfUser(user);
  }

  #requireVHost(name: string): void {
    if (!this.#services.hasVHost(name)) throw noSuchVHost(name);
  }

  setPermission(name: string, vhost: string, patterns: PermissionPatterns): void {
    const user = this.require(name);
    this.#requireVHost(vhost);
    const { configure, write, read } = patterns;
    user.permissions.set(vhost, new Permission(configure, write, read));
    this.#services.record({ permission: { user: name, vhost, configure, write, read } });
    this.#services.connections.permissionsChanged(user);
  }

  /** The user may not enter the vhost any more. Whoever is in stays, and may do nothing. */
  clearPermission(name: string, vhost: string): void {
    const user = this.require(name);
    this.#requireVHost(vhost);
    if (!user.permissions.delete(vhost)) return;
    this.#services.record({ noPermission: { user: name, vhost } });
    this.#services.connections.permissionsChanged(user);
  }

  setTopicPermission(
    name: string,
    vhost: string,
    exchange: string,
    { write, read }: TopicPermissionPatterns,
  ): void {
    const user = this.require(name);
    this.#requireVHost(vhost);
    putTopicPermission(user, vhost, exchange, new TopicPermission({ write, read }, name, vhost));
    this.#services.record({ topicPermission: { user: name, vhost, exchange, write, read } });
    this.#services.connections.permissionsChanged(user);
  }

  /** Clears those for one exchange or, when none is named, for all of the vhost. */
  clearTopicPermission(name: string, vhost: string, exchange?: string): void {
    const user = this.require(name);
    this.#requireVHost(vhost);
    const known = user.topicPermissions.get(vhost) ?? new Map<string, TopicPermission>();
    for (const it of exchange === undefined ? [...known.keys()] : [exchange]) {
      if (!known.has(it)) continue;
      dropTopicPermission(user, vhost, it);
      this.#services.record({ noTopicPermission: { user: name, vhost, exchange: it } });
    }
    this.#services.connections.permissionsChanged(user);
  }

  /** A vhost is gone, and what users were allowed in it. */
  forgetVHost(vhost: string): void {
    for (const user of this.#users.values()) {
      user.permissions.delete(vhost);
      user.topicPermissions.delete(vhost);
    }
  }

  /** Carries out what an entry of the journal says of users. */
  restore(definition: Definition): void {
    if ('user' in definition) {
      const { name, password, tags, limits } = definition.user;
      const user = this.#users.get(name) ?? new User(name, password);
      user.password = password;
      user.tags = new Set(tags);
      user.limits = limits;
      this.#users.set(name, user);
    } else if ('noUser' in definition) {
      this.#users.delete(definition.noUser.name);
    } else if ('permission' in definition) {
      const { user, vhost, configure, write, read } = definition.permission;
      this.#users.get(user)?.permissions.set(vhost, new Permission(configure, write, read));
    } else if ('noPermission' in definition) {
      const { user, vhost } = definition.noPermission;
      this.#users.get(user)?.permissions.delete(vhost);
    } else if ('topicPermission' in definition) {
      const { user: name, vhost, exchange, ...patterns } = definition.topicPermission;
      const user = this.#users.get(name);
      const permission = new TopicPermission(patterns, name, vhost);
      if (user) putTopicPermission(user, vhost, exchange, permission);
    } else if ('noTopicPermission' in definition) {
      const { user: name, vhost, exchange } = definition.noTopicPermission;
      const user = this.#users.get(name);
      if (user) dropTopicPermission(user, vhost, exchange);
    }
  }

  *definitions(): Iterable<BrokerDefinition> {
    for (const user of this.#users.values()) {
      yield { user: user.entry };
      for (const [vhost, { patterns }] of user.permissions) {
        yield { permission: { user: user.name, vhost, ...patterns } };
      }
      for (const [vhost, byExchange] of user.topicPermissions) {
        for (const [exchange, { patterns }] of byExchange) {
          yield { topicPermission: { user: user.name, vhost, exchange, ...patterns } };
        }
      }
    }
  }
}

function putTopicPermission(
  user: User,
  vhost: string,
  exchange: string,
  permission: TopicPermission,
): void {
  const byExchange = user.topicPermissions.get(vhost) ?? new Map<string, TopicPermission>();
  byExchange.set(exchange, permission);
  user.topicPermissions.set(vhost, byExchange);
}

function dropTopicPermission(user: User, vhost: string, exchange: string): void {
  const byExchange = user.topicPermissions.get(vhost);
  byExchange?.delete(exchange);
  if (byExchange?.size === 0) user.topicPermissions.delete(vhost);
}
