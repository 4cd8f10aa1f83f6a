// Several connections with the same settings, lent and given back. Rarely needed in Node, where one connection carries many
// channels; kept for those who share by connection.

import { Deferred } from './base/deferred.ts';
import { ConnectionError, LimitExceeded } from './base/errors.ts';
import type { Connection } from './connection.ts';
import { type CallOptions, requireInteger, timeoutMs } from './options.ts';

export interface PoolOptions {
  /** Connections lent at the same time. Default 10. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 10;
const ACQUIRE_TIMEOUT_MS = 30_000;

export class Pool implements AsyncDisposable {
  readonly #origin: Connection;
  readonly #limit: number;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #waiting: Deferred<Connection>[] = [];
  #isClosed = false;

  /** @internal Use `connection.pool()`. */
  constructor(origin: Connection, options: PoolOptions) {
    this.#origin = origin;
    this.#limit = options.limit ?? DEFAULT_LIMIT;
    requireInteger('limit', this.#limit, 1, 65_535);
  }

  /** Connections that were made, lent or not. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * A connection of the caller's until `release()`, or the end of its `await using`.
   *
   * @throws LimitExceeded when none comes back in time.
   */
  acquire(options: CallOptions = {}): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.#all.size < this.#limit) return Promise.resolve(this.#make());
    const ms = timeoutMs(options, ACQUIRE_TIMEOUT_MS);
    const given = new Deferred<Connection>().abortedBy(options.signal);
    given.within(this.#origin.clock, ms, () => {
      const text = `all ${this.#limit} connections of the pool are lent, and none came back within ${ms} ms`;
      given.reject(new LimitExceeded('CONNECTION_LIMIT', text));
    });
    this.#waiting.push(given);
    return given.promise;
  }

  /** The next who still waits: time limits and signals have made an end of others. */
  #nextInLine(): Deferred<Connection> | undefined {
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled);
    return this.#waiting.shift();
  }

  #closedError(): ConnectionError {
    return new ConnectionError('CONNECTION_CLOSED', this.#origin.url, 'the pool has been closed');
  }

  #make(): Connection {
    const connection = this.#origin.clone();
    const giveBack = () => {
      this.#giveBack(connection);
      return Promise.resolve();
    };
    Object.defineProperty(connection, 'release', { value: giveBack });
    Object.defineProperty(connection, Symbol.asyncDispose, { value: giveBack });
    this.#all.add(connection);
    return connection;
  }

  #giveBack(connection: Connection): void {
    if (this.#isClosed || this.#idle.includes(connection)) return;
    if (connection.state === 'closed' || connection.state === 'closing') {
      this.#all.delete(connection);
      this.#nextInLine()?.resolve(this.#make());
      return;
    }
    const next = this.#nextInLine();
    if (next) next.resolve(connection);
    else this.#idle.push(connection);
  }

  /** Closes all connections, lent ones included. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiting) waiter.reject(this.#closedError());
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(all.map((connection) => connection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
