// The connections that are open: who is where. Limits count them, and what happens to users and vhosts reaches them.
import { AmqpError } from '../protocol/amqp-error.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';
import { isReached } from './limits.ts';
import type { Principal } from './principal.ts';
import { notAllowed } from './refusal.ts';
import type { User } from './user.ts';
import type { VHost } from './vhost.ts';

export interface OpenConnection {
  readonly user: Principal;
  readonly vhost: VHost;
  readonly channelCount: number;
  close(reason: AmqpError): void;
  /** What the user may do is not what it was: nothing that was found out before counts. */
  permissionsChanged(): void;
}

export class Connections {
  readonly #open = new Set<OpenConnection>();

  add(connection: OpenConnection): void {
    this.#open.add(connection);
  }

  remove(connection: OpenConnection): void {
    this.#open.delete(connection);
  }

  get size(): number {
    return this.#open.size;
  }

  values(): Iterable<OpenConnection> {
    return this.#open;
  }

  /** Counts only where there is a limit. */
  #hasReached(limit: number | undefined, isMeant: (it: OpenConnection) => boolean): boolean {
    if (limit === undefined) return false;
    let count = 0;
    for (const connection of this.#open) if (isMeant(connection)) count += 1;
    return isReached(limit, count);
  }

  /** @throws AmqpError 530 when the vhost or the user has as many connections as it may. */
  checkMayOpen(user: Principal, vhost: VHost): void {
    const { maxConnections } = vhost.limits;
    if (this.#hasReached(maxConnections, (it) => it.vhost === vhost)) {
      throw notAllowed(
        `access to vhost '${vhost.name}' refused for user '${user.name}': connection limit (${maxConnections}) is reached`,
      );
    }
    const { account } = user;
    const limit = account?.limits.maxConnections;
    if (this.#hasReached(limit, (it) => it.user.account === account)) {
      throw notAllowed(
        `connection refused for user '${user.name}': user connection limit (${limit}) is reached`,
      );
    }
  }

  /** @throws AmqpError 530 when the user has as many channels as it may, on all its connections. */
  checkMayOpenChannel(user: Principal): void {
    const { account } = user;
    const limit = account?.limits.maxChannels;
    if (limit === undefined || limit < 0) return;
    let count = 0;
    for (const connection of this.#open) {
      if (connection.user.account === account) count += connection.channelCount;
    }
    if (!isReached(limit, count)) return;
    throw new AmqpError(
      ReplyCode.NOT_ALLOWED,
      `number of channels opened for user '${user.name}' has reached the maximum allowed user limit of (${limit})`,
      0,
    );
  }

  closeOfUser(user: User): void {
    this.#close((it) => it.user.account === user, `user '${user.name}' is deleted`);
  }

  closeOfVHost(vhost: VHost): void {
    this.#close((it) => it.vhost === vhost, `vhost '${vhost.name}' is deleted`);
  }

  #close(isMeant: (connection: OpenConnection) => boolean, text: string): void {
    const reason = new AmqpError(ReplyCode.CONNECTION_FORCED, text, 0);
    for (const connection of [...this.#open]) if (isMeant(connection)) connection.close(reason);
  }

  permissionsChanged(user: User): void {
    for (const connection of this.#open) {
      if (connection.user.account === user) connection.permissionsChanged();
    }
  }
}
