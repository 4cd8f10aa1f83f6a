// The model of a whole broker: vhosts, users, the message store, and the turn that ties their work together. No sockets.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { MessageStore } from '../store/message-store.ts';
import { MemoryAlarm } from './memory-alarm.ts';
import { hashPassword } from './password.ts';
import { Permission } from './permission.ts';
import { Turn } from './turn.ts';
import { User } from './user.ts';
import { VHost } from './vhost.ts';

export interface BrokerServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface BrokerOptions {
  /** Publishers are held back while messages take more than this. */
  readonly memoryLimitBytes: number;
  /** The largest body that is accepted. */
  readonly maxMessageBytes: number;
}

/** Why a login was refused, for the log; the client learns only that it was. */
export type Login = { readonly user: User } | { readonly refusal: string };

const DEFAULT_USER = 'guest';

export class Broker {
  readonly services: BrokerServices;
  readonly options: BrokerOptions;
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly memoryAlarm: MemoryAlarm;
  readonly #vhosts = new Map<string, VHost>();
  readonly #users = new Map<string, User>();

  /** A fresh broker has the vhost `/` and the user guest, who may do anything from this machine. */
  constructor(services: BrokerServices, options: BrokerOptions) {
    this.services = services;
    this.options = options;
    this.turn = new Turn(services.clock);
    this.memoryAlarm = new MemoryAlarm(options.memoryLimitBytes);
    this.store = new MessageStore((usedBytes) => this.memoryAlarm.update(usedBytes));
    this.addVHost('/');
    const guest = new User(DEFAULT_USER, hashPassword(DEFAULT_USER, services.random), [
      'administrator',
    ]);
    guest.setPermission('/', new Permission('.*', '.*', '.*'));
    this.addUser(guest);
  }

  addVHost(name: string): VHost {
    const { random, log } = this.services;
    const vhost = new VHost(name, { turn: this.turn, store: this.store, random, log });
    this.#vhosts.set(name, vhost);
    return vhost;
  }

  vhost(name: string): VHost | undefined {
    return this.#vhosts.get(name);
  }

  addUser(user: User): void {
    this.#users.set(user.name, user);
  }

  /** Checks a name and password. The default user may come from this machine only. */
  logIn(name: string, password: string, remoteHost: string): Login {
    const user = this.#users.get(name);
    if (!user?.knows(password)) return { refusal: `user '${name}' - invalid credentials` };
    if (name === DEFAULT_USER && !isLoopback(remoteHost)) {
      return { refusal: `user '${name}' can only connect via localhost` };
    }
    return { user };
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.');
}
