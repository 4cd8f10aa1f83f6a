// The model of a whole broker: vhosts, users, the message store, and the turn that ties their work together. No sockets.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import { MessageStore } from '../store/message-store.ts';
import { SegmentTable } from '../store/segment-table.ts';
import { Alarms } from './alarms.ts';
import { Connections } from './connections.ts';
import { type Definition, isInVHost } from './definitions.ts';
import { DiskAlarm } from './disk-alarm.ts';
import type { Json } from './json.ts';
import { Logins } from './logins.ts';
import { MemoryAlarm } from './memory-alarm.ts';
import { sizeOfMessage } from './message.ts';
import { Churn } from './message-counters.ts';
import { noSuchParameter } from './operator-error.ts';
import { GlobalParameters, newParameterComponents } from './parameters.ts';
import { hashPassword, type PasswordHash } from './password.ts';
import type { PermissionPatterns } from './permission.ts';
import { Storage, type SyncMode } from './storage.ts';
import { Turn } from './turn.ts';
import { Users } from './users.ts';
import type { VHost } from './vhost.ts';
import { VHosts } from './vhosts.ts';

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
  /** Publishers are held back while less is free on the disk. Default: 0, never. */
  readonly diskFreeLimitBytes?: number;
  /** Default: `always`. */
  readonly sync?: SyncMode;
  /** With `interval`: what was written is synced within so many milliseconds. Default: 100. */
  readonly syncIntervalMs?: number;
  /** What a fresh broker has. Default: the vhost `/`, and guest with the password guest. */
  readonly firstUser?: Partial<FirstUser>;
  /** Deliveries must be acknowledged within so many ms, unless queue or consumer say otherwise. Default: off. */
  readonly consumerTimeoutMs?: number;
  /** The type of queues that are declared without one, where their vhost does not say. Default: classic. */
  readonly defaultQueueType?: 'classic' | 'quorum';
  /** Users who may come from this machine only. Default: guest. */
  readonly loopbackUsers?: readonly string[];
  /** The disk has failed; the process should end, since nothing unsynced can be trusted. */
  readonly onDiskFailed?: (error: Error) => void;
}

export interface FirstUser {
  readonly name: string;
  readonly password: string;
  readonly tags: readonly string[];
  readonly vhost: string;
  readonly permission: PermissionPatterns;
}

const FIRST_USER: FirstUser = {
  name: 'guest',
  password: 'guest',
  tags: ['administrator'],
  vhost: '/',
  permission: { configure: '.*', write: '.*', read: '.*' },
};

const LOOPBACK_USERS: readonly string[] = [FIRST_USER.name];

const DEFAULT_SYNC_INTERVAL_MS = 100;

export class Broker {
  readonly services: BrokerServices;
  readonly options: BrokerOptions;
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly alarms: Alarms;
  readonly churn = new Churn();
  readonly connections = new Connections();
  readonly users: Users;
  readonly logins: Logins;
  readonly vhosts: VHosts;
  /** The parts of the broker that runtime parameters are for. */
  readonly parameterComponents = newParameterComponents();
  readonly #globalParameters = new GlobalParameters();
  /** Undefined for a broker that keeps everything in memory. */
  readonly #storage: Storage | undefined;
  #lastLogId = 0;
  #isNew = false;

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
    const memory = new MemoryAlarm(options.memoryLimitBytes);
    const disk = new DiskAlarm(options.diskFreeLimitBytes ?? 0);
    this.alarms = new Alarms(memory, disk);
    const table = new SegmentTable((usedBytes) => memory.update(usedBytes));
    this.store = new MessageStore(table, sizeOfMessage);
    const record = (definition: Definition) => this.#storage?.record(definition);
    const { connections } = this;
    this.users = new Users({
      connections,
      record,
      hasVHost: (name) => this.vhosts.get(name) !== undefined,
    });
    this.logins = new Logins({
      clock: services.clock,
      log: services.log,
      loopbackUsers: options.loopbackUsers ?? LOOPBACK_USERS,
      userOf: (name) => this.users.get(name),
    });
    this.vhosts = new VHosts({
      turn: this.turn,
      store: this.store,
      clock: services.clock,
      random: services.random,
      log: services.log,
      churn: this.churn,
      parameterComponents: this.parameterComponents,
      defaultQueueType: options.defaultQueueType,
      nextLogId: () => this.#nextLogId(),
      record,
      connections,
      users: this.users,
    });
    if (!directory) {
      this.#addDefaults();
      return;
    }
    const owner = {
      store: this.store,
      table,
      log: services.log,
      clock: services.clock,
      random: services.random,
      diskAlarm: disk,
      vhosts: () => this.vhosts.values(),
      restore: (definition: Definition) => this.#restore(definition),
      restored: () => this.#restored(),
      definitions: () => this.#definitions(),
      onDirty: () => this.turn.end(),
      onFailed: (error: Error) => options.onDiskFailed?.(error),
    };
    const { sync = 'always', syncIntervalMs = DEFAULT_SYNC_INTERVAL_MS } = options;
    this.#storage = new Storage(owner, directory, sync, syncIntervalMs);
    this.#lastLogId = this.#storage.lastLogId;
  }

  #restore(definition: Definition): void {
    if (isInVHost(definition)) this.vhosts.restoreIn(definition);
    else if ('globalParameter' in definition) {
      this.#globalParameters.set(definition.globalParameter);
    } else if ('noGlobalParameter' in definition) {
      this.#globalParameters.delete(definition.noGlobalParameter.name);
    } else {
      this.vhosts.restore(definition);
      this.users.restore(definition);
    }
  }

  /** As in RabbitMQ, a broker without any vhosts and users is a new one, or as good as new. */
  #restored(): void {
    if (this.users.size === 0 && !this.vhosts.hasDeclared) this.#addDefaults();
    for (const vhost of this.vhosts.values()) vhost.restored();
  }

  /** All that is to last, as entries of a journal. */
  *#definitions(): Iterable<Definition> {
    for (const parameter of this.#globalParameters.values()) yield { globalParameter: parameter };
    yield* this.vhosts.definitions();
    yield* this.users.definitions();
    for (const vhost of this.vhosts.values()) yield* vhost.definitions();
  }

  #addDefaults(): void {
    this.#isNew = true;
    const { name, password, tags, vhost, permission } = {
      ...FIRST_USER,
      ...this.options.firstUser,
    };
    this.vhosts.add(vhost, { description: 'Default virtual host', tags: [] });
    this.users.add(name, this.hashPassword(password), tags);
    this.users.setPermission(name, vhost, permission);
  }

  /** What a new broker is given. */
  get defaultUser(): string {
    return this.options.firstUser?.name ?? FIRST_USER.name;
  }

  get defaultVHost(): string {
    return this.options.firstUser?.vhost ?? FIRST_USER.vhost;
  }

  /** Whether nothing was here before this start: the default user and vhost were made by it. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Where nothing is kept, no queue needs a number. */
  #nextLogId(): number {
    if (!this.#storage) return 0;
    this.#lastLogId += 1;
    return this.#lastLogId;
  }

  /** Everything that was to last is on disk when this resolves; nothing may be asked of the broker any more. */
  async close(): Promise<void> {
    for (const vhost of this.vhosts.values()) vhost.close();
    await this.#storage?.close();
  }

  /** Everything that has changed so far is on disk when this resolves: for who answers an operator. */
  synced(): Promise<void> {
    const { store } = this;
    if (!store.isDirty) return Promise.resolve();
    const { generation } = store;
    return new Promise((resolve) => {
      const look = () => {
        if (store.syncedGeneration >= generation) resolve();
        else store.whenSynced(look);
      };
      look();
    });
  }

  vhost(name: string): VHost | undefined {
    return this.vhosts.get(name);
  }

  /** For users that are added or changed. */
  hashPassword(password: string): PasswordHash {
    return hashPassword(password, this.services.random);
  }

  globalParameters(): Iterable<{ readonly name: string; readonly value: Json }> {
    return this.#globalParameters.values();
  }

  globalParameter(name: string): Json | undefined {
    return this.#globalParameters.get(name);
  }

  setGlobalParameter(name: string, value: Json): void {
    this.#globalParameters.set({ name, value });
    this.#storage?.record({ globalParameter: { name, value } });
  }

  /** @throws OperatorError when there is none. */
  clearGlobalParameter(name: string): void {
    if (!this.#globalParameters.delete(name)) throw noSuchParameter();
    this.#storage?.record({ noGlobalParameter: { name } });
  }
}
