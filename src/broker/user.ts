// A user of the broker's own: how to know it, and what it may do where. `Users` is who changes it.
import type { UserEntry } from './definitions.ts';
import type { UserLimits } from './limits.ts';
import { type PasswordHash, passwordMatches } from './password.ts';
import type { Operation, Permission, TopicOperation, TopicPermission } from './permission.ts';
import { Principal, type ResourceKind } from './principal.ts';

export class User extends Principal {
  readonly name: string;
  tags: ReadonlySet<string>;
  password: PasswordHash;
  limits: UserLimits = {};
  /** By vhost. */
  readonly permissions = new Map<string, Permission>();
  /** By vhost, then by exchange. An exchange that is not there may be used with all routing keys. */
  readonly topicPermissions = new Map<string, Map<string, TopicPermission>>();

  constructor(name: string, password: PasswordHash, tags: Iterable<string> = []) {
    super();
    this.name = name;
    this.password = password;
    this.tags = new Set(tags);
  }

  get entry(): UserEntry {
    const { name, password, limits } = this;
    return { name, password, tags: [...this.tags], limits };
  }

  knows(password: string): boolean {
    return passwordMatches(password, this.password);
  }

  mayEnter(vhost: string): boolean {
    return this.permissions.has(vhost);
  }

  may(operation: Operation, _kind: ResourceKind, name: string, vhost: string): boolean {
    return this.permissions.get(vhost)?.allows(operation, name) ?? false;
  }

  get account(): User {
    return this;
  }

  get hasTopicPermissions(): boolean {
    return this.topicPermissions.size > 0;
  }

  mayUseTopic(
    operation: TopicOperation,
    exchange: string,
    routingKey: string,
    vhost: string,
  ): boolean {
    const permission = this.topicPermissions.get(vhost)?.get(exchange);
    return permission?.allows(operation, routingKey) ?? true;
  }
}
