// Listens and owns the connections. Stops without hurting anybody: clients are told, and given a moment to say goodbye.
import type { Broker } from '../broker/broker.ts';
import type { Endpoint, Listener, Network } from '../platform/transport.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { BlockPool } from '../protocol/block-pool.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';
import { Connection } from './connection.ts';
import { type ConnectionSettings, defaultConnectionSettings } from './connection-settings.ts';
import { serverProperties } from './server-properties.ts';

/** What all connections of a server share. */
export interface ServerContext {
  readonly broker: Broker;
  readonly pool: BlockPool;
  readonly serverProperties: FieldTable;
  nextConnectionId(): number;
  readonly settings: ConnectionSettings;
  connectionClosed(connection: Connection): void;
}

export interface ServerOptions {
  /** As clients see it in `leveret_version`. */
  readonly version: string;
  /** As clients see it in `cluster_name`. */
  readonly clusterName: string;
  readonly settings?: Partial<ConnectionSettings>;
}

/** How long clients may take to answer the close of a shutdown. */
const SHUTDOWN_GRACE_MS = 2_000;

export class Server implements ServerContext {
  readonly broker: Broker;
  readonly pool = new BlockPool();
  readonly serverProperties: FieldTable;
  readonly settings: ConnectionSettings;
  readonly #connections = new Set<Connection>();
  readonly #listeners = new Map<Listener, Network>();
  /** What was listened at before it was suspended. */
  #suspended: readonly { readonly network: Network; readonly at: Endpoint }[] = [];
  #lastConnectionId = 0;
  #onAllClosed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(broker: Broker, options: ServerOptions) {
    this.broker = broker;
    this.settings = { ...defaultConnectionSettings, ...options.settings };
    this.serverProperties = serverProperties(options.version, options.clusterName);
    const { memory, disk } = broker.alarms;
    memory.watch((raised) => this.#alarm(raised ? MEMORY_ALARM_RAISED : MEMORY_ALARM_CLEARED));
    disk.watch((raised) => this.#alarm(raised ? DISK_ALARM_RAISED : DISK_ALARM_CLEARED));
  }

  #alarm(sentence: string): void {
    this.broker.services.log.write('warning', sentence);
    for (const connection of this.#connections) connection.block.update();
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Where it listens. */
  get endpoints(): readonly Endpoint[] {
    return [...this.#listeners.keys()].map(({ local }) => local);
  }

  nextConnectionId(): number {
    this.broker.churn.connectionCreated += 1;
    this.#lastConnectionId += 1;
    return this.#lastConnectionId;
  }

  /** Begins to accept; rejects with the system's error, such as EADDRINUSE. Port 0 takes a free one. */
  async listen(network: Network, at: Endpoint): Promise<Endpoint> {
    const listener = await network.listen(at, (transport) => {
      const connection = new Connection(this, transport);
      this.#connections.add(connection);
      connection.start();
    });
    this.#listeners.set(listener, network);
    return listener.local;
  }

  /** Accepts no more connections; those that are there stay. */
  async suspendListeners(): Promise<void> {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#suspended = [
      ...this.#suspended,
      ...listeners.map(([{ local }, network]) => ({ network, at: local })),
    ];
    await Promise.all(listeners.map(([listener]) => listener.close()));
  }

  /** Accepts again where it did; rejects with the system's error when somebody else has a port meanwhile. */
  async resumeListeners(): Promise<void> {
    const suspended = this.#suspended;
    this.#suspended = [];
    for (const [index, { network, at }] of suspended.entries()) {
      try {
        await this.listen(network, at);
      } catch (error) {
        this.#suspended = suspended.slice(index);
        throw error;
      }
    }
  }

  connectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    this.broker.churn.connectionClosed += 1;
    if (this.#connections.size === 0) this.#onAllClosed?.();
  }

  /** Accepts no more, tells all clients (320), and resolves when they are gone or had their time. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const stopped = Promise.all([...this.#listeners.keys()].map((listener) => listener.close()));
    if (this.#connections.size > 0) await this.#closeConnections();
    await stopped;
  }

  #closeConnections(): Promise<void> {
    const reason = new AmqpError(
      ReplyCode.CONNECTION_FORCED,
      "broker forced connection closure with reason 'shutdown'",
    );
    return new Promise((resolve) => {
      const timer = this.broker.services.clock.after(SHUTDOWN_GRACE_MS, () => {
        for (const connection of this.#connections) connection.destroy();
      });
      this.#onAllClosed = () => {
        timer.cancel();
        resolve();
      };
      for (const connection of this.#connections) connection.close(reason);
    });
  }
}

const MEMORY_ALARM_RAISED =
  'memory limit reached: publishers are blocked until consumers have made room (raise it with --memory-limit)';
const MEMORY_ALARM_CLEARED = 'memory use is below its limit again';
const DISK_ALARM_RAISED =
  'the disk is nearly full: publishers are blocked until there is space (the limit is --disk-free-limit)';
const DISK_ALARM_CLEARED = 'there is space on the disk again';
