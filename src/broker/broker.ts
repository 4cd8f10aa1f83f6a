// The model of a whole broker: vhosts, users, the message store, and the turn that ties their work together. No sockets.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import { MessageStore } from '../store/message-store.ts';
import { SegmentTable } from '../store/segment-table.ts';
import { MemoryAlarm } from './memory-alarm.ts';
import { sizeOfMessage } from './message.ts';
import { Churn } from './message-counters.ts';
import { hashPassword } from './password.ts';
import { Permission } from './permission.ts';
import { Storage, type SyncMode } from './storage.ts';
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
  /** Default: `always`. */
  readonly sync?: SyncMode;
  /** The disk has failed; the process should end, since nothing unsynced can be trusted. */
  readonly onDiskFailed?: (error: Error) => void;
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
  readonly churn = new Churn();
  readonly #vhosts = new Map<string, VHost>();
  readonly #users = new Map<string, User>();
  /** Undefined for a broker that keeps everything in memory. */
  readonly #storage: Storage | undefined;
  #lastLogId = 0;

  /**
   * A fresh broker has the vhost `/` and the user guest, who may do anything from this machine. With a directory it is what
   * it was before it stopped, as far as that was to last.
   * @throws StorageError when the directory holds what this version cannot read.
   */
  constructor(services: BrokerServices, options: BrokerOptions, directory?: DataDirectory) {
    this.services = services;
    this.options = options;
    this.turn = new Turn(services.clock, () => {
      this.#storage?.endTurn();
      this.store.endTurn();
    });
    this.memoryAlarm = new MemoryAlarm(options.memoryLimitBytes);
    const table = new SegmentTable((usedBytes) => this.memoryAlarm.update(usedBytes));
    this.store = new MessageStore(table, sizeOfMessage);
    this.addVHost('/');
    if (directory) {
      const owner = {
        store: this.store,
        table,
        log: services.log,
        clock: services.clock,
        vhost: (name: string) => this.vhost(name) ?? this.addVHost(name),
        vhosts: () => this.#vhosts.values(),
        onDirty: () => this.turn.end(),
        onFailed: (error: Error) => options.onDiskFailed?.(error),
      };
      this.#storage = new Storage(owner, directory, options.sync ?? 'always');
      this.#lastLogId = this.#storage.lastLogId;
    }
    const guest = new User(DEFAULT_USER, hashPassword(DEFAULT_USER, services.random), [
      'administrator',
    ]);
    guest.setPermission('/', new Permission('.*', '.*', '.*'));
    this.addUser(guest);
  }

  addVHost(name: string): VHost {
    const { random, log } = this.services;
    const vhost = new VHost(name, {
      turn: this.turn,
      store: this.store,
      random,
      log,
      churn: this.churn,
      record: (definition) => this.#storage?.record(definition),
      nextLogId: () => this.#nextLogId(),
    });
    this.#vhosts.set(name, vhost);
    return vhost;
  }

  /** Where nothing is kept, no queue needs a number. */
  #nextLogId(): number {
    if (!this.#storage) return 0;
    this.#lastLogId += 1;
    return this.#lastLogId;
  }

  /** Everything that was to last is on disk when this resolves; nothing may be asked of the broker any more. */
  async close(): Promise<void> {
    await this.#storage?.close();
  }

  get vhosts(): Iterable<VHost> {
    return this.#vhosts.values();
  }

  get users(): Iterable<User> {
    return this.#users.values();
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
