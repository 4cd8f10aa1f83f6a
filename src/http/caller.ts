// Who asks: a user of the broker with its tags, or whoever may open the control socket, who may do everything.
import type { Exchange } from '../broker/exchange/exchange.ts';
import type { Operation, TopicOperation } from '../broker/permission.ts';
import type { Principal } from '../broker/principal.ts';
import type { User } from '../broker/user.ts';
import { notAuthorised } from './http-error.ts';

/** What it takes to use a route; each is implied by `administrator`, and `management` by every other. */
export type Gate = 'management' | 'policymaker' | 'monitoring' | 'administrator';

const openedBy: Record<Gate, readonly string[]> = {
  management: ['management', 'policymaker', 'monitoring', 'administrator'],
  policymaker: ['policymaker', 'administrator'],
  monitoring: ['monitoring', 'administrator'],
  administrator: ['administrator'],
};

const refusals: Record<Gate, string> = {
  management: 'Not management user',
  policymaker: 'User not authorised to access object',
  monitoring: 'Not monitor user',
  administrator: 'Not administrator user',
};

export class Caller {
  readonly name: string;
  readonly tags: ReadonlySet<string>;
  readonly #user: Principal | undefined;

  private constructor(name: string, tags: ReadonlySet<string>, user: Principal | undefined) {
    this.name = name;
    this.tags = tags;
    this.#user = user;
  }

  static user(user: Principal): Caller {
    return new Caller(user.name, user.tags, user);
  }

  /** Whoever holds the control socket. */
  static controlSocket(): Caller {
    return new Caller('leveretctl', new Set(['administrator']), undefined);
  }

  /** The broker's own user; undefined for the control socket, and for whom others have let in. */
  get account(): User | undefined {
    return this.#user?.account;
  }

  /** The one who started the broker, or may act as they do. */
  get holdsControlSocket(): boolean {
    return this.#user === undefined;
  }

  opens(gate: Gate): boolean {
    return openedBy[gate].some((tag) => this.tags.has(tag));
  }

  /** @throws HttpError 401 unless one of the caller's tags opens the gate. */
  requireGate(gate: Gate): void {
    if (!this.opens('management')) throw notAuthorised(refusals.management);
    if (!this.opens(gate)) throw notAuthorised(refusals[gate]);
  }

  mayEnter(vhost: string): boolean {
    return this.#user?.mayEnter(vhost) ?? true;
  }

  /** Whether the vhost's existence is the caller's business: those who monitor see all of them. */
  sees(vhost: string): boolean {
    return this.mayEnter(vhost) || this.opens('monitoring');
  }

  /** @throws HttpError 401 */
  requireVHost(vhost: string): void {
    if (!this.mayEnter(vhost)) {
      throw notAuthorised('User not authorised to access virtual host');
    }
  }

  /** @throws AmqpError 403 unless the caller may do that to the resource. */
  require(operation: Operation, kind: 'queue' | 'exchange', name: string, vhost: string): void {
    this.#user?.require(operation, kind, name, vhost);
  }

  /** @throws AmqpError 403 unless the caller may use that routing key, where the exchange is a topic exchange. */
  requireTopic(operation: TopicOperation, exchange: Exchange, key: string, vhost: string): void {
    this.#user?.requireTopic(operation, exchange, key, vhost);
  }
}
