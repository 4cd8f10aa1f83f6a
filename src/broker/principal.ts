// Who is logged in, and what it may do. The broker's own users are of this kind (user.ts); who was let in by a token or by
// somebody else's word is another (src/authentication).
import type { Exchange } from './exchange/exchange.ts';
import type { Operation, TopicOperation } from './permission.ts';
import { accessRefused, named } from './refusal.ts';
import type { User } from './user.ts';

export type ResourceKind = 'queue' | 'exchange';

/** Its methods throw PermissionPending while somebody outside has to be asked. */
export abstract class Principal {
  abstract readonly name: string;
  abstract readonly tags: ReadonlySet<string>;
  /** The broker's own user of that name, if there is one: its limits count, and with it the connection goes. */
  abstract readonly account: User | undefined;
  /** Only such a principal need be asked about routing keys. */
  abstract readonly hasTopicPermissions: boolean;

  /** When what was shown at the login ends to count, in ms since 1970; undefined: never. */
  get expiresAtMs(): number | undefined {
    return undefined;
  }

  /** For how many ms others may remember what it was allowed; undefined: until they are told. */
  get answersLastMs(): number | undefined {
    return undefined;
  }

  abstract mayEnter(vhost: string): boolean;
  abstract may(operation: Operation, kind: ResourceKind, name: string, vhost: string): boolean;
  /** Asked for topic exchanges only. */
  abstract mayUseTopic(
    operation: TopicOperation,
    exchange: string,
    routingKey: string,
    vhost: string,
  ): boolean;

  /**
   * Takes a new secret in place of the one of the login, and says who it is from then on, or why not. Where secrets do not
   * expire there is nothing to look at, as in RabbitMQ.
   */
  renew(_secret: string, done: (renewed: Renewal) => void): void {
    done({ user: this });
  }

  /** @throws AmqpError 403 unless the principal may. */
  require(operation: Operation, kind: ResourceKind, name: string, vhost: string): void {
    if (this.may(operation, kind, name, vhost)) return;
    throw accessRefused(resourceRefusal(operation, kind, name, vhost, this.name));
  }

  /**
   * Topic exchanges alone ask about the routing key: who publishes must be allowed to write, who binds to read.
   * @throws AmqpError 403 unless the principal may.
   */
  requireTopic(
    operation: TopicOperation,
    exchange: Exchange | undefined,
    routingKey: string,
    vhost: string,
  ): void {
    if (!this.hasTopicPermissions || exchange?.type !== 'topic') return;
    if (this.mayUseTopic(operation, exchange.name, routingKey, vhost)) return;
    throw accessRefused(topicRefusal(operation, exchange.name, routingKey, vhost, this.name));
  }
}

/** `refusal` is for the log. */
export type Renewal = { readonly user: Principal } | { readonly refusal: string };

export function resourceRefusal(
  operation: Operation,
  kind: ResourceKind,
  name: string,
  vhost: string,
  user: string,
): string {
  const resource = named(kind, kind === 'exchange' ? name || 'amq.default' : name, vhost);
  return `${operation} access to ${resource} refused for user '${user}'`;
}

export function topicRefusal(
  operation: TopicOperation,
  exchange: string,
  routingKey: string,
  vhost: string,
  user: string,
): string {
  const resource = named('exchange', exchange, vhost);
  return `${operation} access to topic '${routingKey}' in ${resource} refused for user '${user}'`;
}

export function vhostRefusal(vhost: string, user: string): string {
  return `access to vhost '${vhost}' refused for user '${user}'`;
}
