// A connection that is open, as the broker knows it: a user in a vhost. Limits count it, and what happens to the two reaches
// the connection by it.
import type { OpenConnection } from '../broker/connections.ts';
import type { User } from '../broker/user.ts';
import type { VHost } from '../broker/vhost.ts';
import type { AmqpError } from '../protocol/amqp-error.ts';
import { Channel } from './channel.ts';
import type { ChannelTable } from './channel-table.ts';
import type { Connection } from './connection.ts';

export class Session implements OpenConnection {
  readonly user: User;
  readonly vhost: VHost;
  readonly #connection: Connection;
  readonly #channels: ChannelTable;

  constructor(connection: Connection, user: User, vhost: VHost, channels: ChannelTable) {
    this.user = user;
    this.vhost = vhost;
    this.#connection = connection;
    this.#channels = channels;
    connection.broker.connections.add(this);
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** @throws AmqpError 530 when the user has as many channels as it may. */
  openChannel(number: number): Channel {
    this.#connection.broker.connections.checkMayOpenChannel(this.user);
    return new Channel(this.#connection, number, this.vhost, this.user);
  }

  close(reason: AmqpError): void {
    this.#connection.close(reason);
  }

  permissionsChanged(): void {
    for (const channel of this.#channels.values()) channel.forgetPermissions();
  }

  /** Gives back what the connection has in the vhost: queues that were its alone. */
  end(): void {
    this.#connection.broker.connections.remove(this);
    this.vhost.deleteQueuesOf(this.#connection);
  }
}
