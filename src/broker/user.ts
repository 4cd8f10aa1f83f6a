// A user: how to know it, and what it may do where. `Users` is who changes it.
import type { UserEntry } from './definitions.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { UserLimits } from './limits.ts';
import { type PasswordHash, passwordMatches } from './password.ts';
import type { Operation, Permission, TopicOperation, TopicPermission } from './permission.ts';
import { accessRefused, named } from './refusal.ts';

export class User {
  readonly name: string;
  tags: ReadonlySet<string>;
  password: PasswordHash;
  limits: UserLimits = {};
  /** By vhost. */
  readonly permissions = new Map<string, Permission>();
  /** By vhost, then by exchange. An exchange that is not there may be used with all routing keys. */
  readonly topicPermissions = new Map<string, Map<string, TopicPermission>>();

  constructor(name: string, password: PasswordHash, tags: Iterable<string> = []) {
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

  may(operation: Operation, resourceName: string, vhost: string): boolean {
    return this.permissions.get(vhost)?.allows(operation, resourceName) ?? false;
  }

  /** @throws AmqpError 403 unless the user may. */
  require(operation: Operation, kind: 'queue' | 'exchange', name: string, vhost: string): void {
    if (this.may(operation, name, vhost)) return;
    const resource = named(kind, kind === 'exchange' ? name || 'amq.default' : name, vhost);
    throw accessRefused(`${operation} access to ${resource} refused for user '${this.name}'`);
  }

  /** Only such a user need be asked about routing keys. */
  get hasTopicPermissions(): boolean {
    return this.topicPermissions.size > 0;
  }

  /**
   * Topic exchanges alone ask about the routing key: who publishes must be allowed to write, who binds to read.
   * @throws AmqpError 403 unless the user may.
   */
  requireTopic(
    operation: TopicOperation,
    exchange: Exchange | undefined,
    routingKey: string,
    vhost: string,
  ): void {
    if (!this.hasTopicPermissions || exchange?.type !== 'topic') return;
    const permission = this.topicPermissions.get(vhost)?.get(exchange.name);
    if (!permission || permission.allows(operation, routingKey)) return;
    const resource = named('exchange', exchange.name, vhost);
    throw accessRefused(
      `${operation} access to topic '${routingKey}' in ${resource} refused for user '${this.name}'`,
    );
  }
}
