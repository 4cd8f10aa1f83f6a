// A connection that is open, as the broker knows it: a user in a vhost. Limits count it, and what happens to the two reaches
// the connection by it. Who has come with a token has to renew it (connection.update-secret) before it expires.
import type { OpenConnection } from '../broker/connections.ts';
import { type Principal, type Renewal, vhostRefusal } from '../broker/principal.ts';
import { notAllowed } from '../broker/refusal.ts';
import type { VHost } from '../broker/vhost.ts';
import type { Timer } from '../platform/clock.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { type ConnectionUpdateSecret, ReplyCode } from '../protocol/methods.generated.ts';
import { decodeUtf8 } from '../protocol/utf8.ts';
import { Channel } from './channel.ts';
import type { ChannelTable } from './channel-table.ts';
import type { Connection } from './connection.ts';

/** What a timer takes is limited; who is good for longer is looked at again. */
const LONGEST_TIMER_MS = 24 * 3_600_000;

export class Session implements OpenConnection {
  user: Principal;
  readonly vhost: VHost;
  readonly #connection: Connection;
  readonly #channels: ChannelTable;
  /** Until the user has to be looked at again. */
  #timer: Timer | undefined;

  constructor(connection: Connection, user: Principal, vhost: VHost, channels: ChannelTable) {
    this.user = user;
    this.vhost = vhost;
    this.#connection = connection;
    this.#channels = channels;
    connection.broker.connections.add(this);
    this.#watch();
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

  #watch(): void {
    this.#timer?.cancel();
    const { expiresAtMs, answersLastMs } = this.user;
    if (expiresAtMs === undefined && answersLastMs === undefined) return;
    const { clock } = this.#connection.broker.services;
    const untilExpiryMs = (expiresAtMs ?? Number.POSITIVE_INFINITY) - clock.now();
    const delayMs = Math.min(untilExpiryMs, answersLastMs ?? LONGEST_TIMER_MS, LONGEST_TIMER_MS);
    this.#timer = clock.after(Math.max(0, delayMs), () => {
      if (untilExpiryMs <= delayMs) this.#expired();
      else {
        this.permissionsChanged();
        this.#watch();
      }
    });
  }

  #expired(): void {
    this.#connection.log(
      'warning',
      `closing AMQP connection of user '${this.user.name}': credential has expired`,
    );
    this.close(new AmqpError(ReplyCode.CONNECTION_FORCED, 'credential expired', 0));
  }

  /** connection.update-secret: answered when it is clear who the user is from now on. */
  updateSecret({ newSecret }: ConnectionUpdateSecret): void {
    const { waits } = this.#connection;
    const secret = decodeUtf8(newSecret, 0, newSecret.length) ?? '';
    let renewal: Renewal | undefined;
    const ask = (done: () => void) => {
      this.user.renew(secret, (answer) => {
        renewal = answer;
        done();
      });
    };
    waits.waitFor(ask, () => this.#renewed(renewal!));
  }

  /** @throws AmqpError 530 for a secret that is not good, or no longer good for this vhost. */
  #renewed(renewal: Renewal): void {
    if ('refusal' in renewal) {
      this.#connection.log('error', `new secret refused: ${renewal.refusal}`);
      throw notAllowed('New secret was refused by one of the backends');
    }
    if (renewal.user !== this.user) this.#become(renewal.user);
    this.#connection.send(0, { name: 'connection.update-secret-ok' });
  }

  #become(user: Principal): void {
    if (!user.mayEnter(this.vhost.name)) {
      throw notAllowed(vhostRefusal(this.vhost.name, user.name));
    }
    this.user = user;
    for (const channel of this.#channels.values()) channel.userChanged(user);
    this.#watch();
  }

  /** Gives back what the connection has in the vhost: queues that were its alone. */
  end(): void {
    this.#timer?.cancel();
    this.#connection.broker.connections.remove(this);
    this.vhost.deleteQueuesOf(this.#connection);
  }
}
