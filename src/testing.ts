// `leveret/testing`: the real broker inside a test, without a socket. Its clock can be turned by hand, and it can be told to
// fail in the ways that brokers and networks fail.
import { Broker } from './broker/broker.ts';
import { type Duration, durationMs } from './client/base/duration.ts';
import { TimeoutError } from './client/base/errors.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { type Log, silentLog } from './platform/log.ts';
import { ManualClock } from './platform/manual-clock.ts';
import { MemoryNetwork } from './platform/memory-network.ts';
import { systemRandom } from './platform/random.ts';
import type { Transport } from './platform/transport.ts';
import { Server } from './server/server.ts';
import { type PeekedMessage, peek } from './testing/peek.ts';
import { type TapHost, TappedStream } from './testing/tapped-stream.ts';
import { version } from './version.ts';

export type { PeekedMessage };

export interface MemoryBrokerOptions {
  /** `'manual'`: time stands still until `advance`, for the broker and its clients. Default `'real'`. */
  readonly clock?: 'real' | 'manual';
  readonly server?: MemoryServerOptions;
}

export interface MemoryServerOptions {
  /** Bodies above this are refused. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Where the broker's log lines go. Default: nowhere. */
  readonly log?: Log;
}

export interface DisconnectOptions {
  /** What the client is told. */
  readonly reason?: string;
  /**
   * `true`, the default: the broker says goodbye (320). `false`: the link breaks without a word. Either way, what the client
   * wrote in this turn of the event loop is on its way, and lost.
   */
  readonly clean?: boolean;
}

export interface IdleOptions {
  /** In real time, even where the clock is turned by hand. Default five seconds. */
  readonly timeout?: Duration;
}

const VHOST = '/';
const PORT = 5672;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** So many turns of the event loop without a byte on the way, and nothing more is coming by itself. */
const QUIET_TURNS = 12;

/** A queue's name, or anything that has one: an entity of the client. */
export type NamedQueue = string | { readonly name: string };

/**
 * A broker to give to `new Connection(broker)`.
 *
 * ```ts
 * await using broker = new MemoryBroker({ clock: 'manual' });
 * await using conn = new Connection(broker);
 * await conn.publish('orders', { id: 'a1' });
 * await broker.advance('30m');
 * assert.equal(broker.messages('orders').length, 0); // expired
 * ```
 */
export class MemoryBroker implements AsyncDisposable {
  readonly url = 'amqp://guest:guest@memory/';
  /** What the broker and its clients take for the time. */
  readonly clock: Clock;
  readonly #manual: ManualClock | undefined;
  readonly #network = new MemoryNetwork();
  readonly #broker: Broker;
  readonly #server: Server;
  readonly #streams = new Set<TappedStream>();
  #stalls = 0;
  #whenStallEnds: (() => void)[] = [];
  readonly #blocks = new Set<{ readonly reason: string }>();
  #confirmsToLose = 0;
  /** A disconnect that waits for the confirm to be lost. */
  #pendingDisconnect: (() => void) | undefined;
  #moves = 0;
  #disposal: Promise<void> | undefined;
  readonly #host: TapHost;

  constructor(options: MemoryBrokerOptions = {}) {
    this.#manual = options.clock === 'manual' ? new ManualClock(Date.now()) : undefined;
    this.clock = this.#manual ?? systemClock;
    const { maxMessageBytes = MAX_MESSAGE_BYTES, log = silentLog } = options.server ?? {};
    this.#broker = new Broker(
      { clock: this.clock, random: systemRandom, log },
      { maxMessageBytes, memoryLimitBytes: Number.MAX_SAFE_INTEGER },
    );
    this.#server = new Server(this.#broker, { version, clusterName: 'leveret@memory' });
    void this.#server.listen(this.#network, { host: '127.0.0.1', port: PORT });
    const self = this;
    this.#host = {
      get isStalled() {
        return self.#stalls > 0;
      },
      get blockedBecause() {
        return [...self.#blocks].at(-1)?.reason;
      },
      moved: () => {
        this.#moves += 1;
      },
      takeLoss: () => this.#takeLoss(),
      closed: (stream) => void this.#streams.delete(stream),
    };
  }

  /** For `Connection`, which calls it. */
  async connect({
    signal,
  }: {
    readonly signal?: AbortSignal | undefined;
  } = {}): Promise<Transport> {
    while (this.#stalls > 0) await this.#stallEnded(signal);
    signal?.throwIfAborted();
    const stream = new TappedStream(
      this.#network.connect({ host: '127.0.0.1', port: PORT }),
      this.#host,
    );
    this.#streams.add(stream);
    return stream;
  }

  #stallEnded(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenStallEnds.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  // --- time

  /**
   * Moves the clock on, step by step: whatever falls due on the way happens in its order, with all that follows from it.
   *
   * @throws TypeError when the clock is the real one.
   */
  async advance(by: Duration): Promise<void> {
    const clock = this.#manual;
    if (!clock) throw new TypeError("advance() needs new MemoryBroker({ clock: 'manual' })");
    const untilMs = clock.now() + durationMs(by, 'advance');
    for (;;) {
      await this.#quiet();
      const nextMs = clock.nextAlarmMs ?? Number.POSITIVE_INFINITY;
      if (nextMs > untilMs) break;
      clock.advance(Math.max(0, nextMs - clock.now()));
    }
    clock.advance(untilMs - clock.now());
    await this.#quiet();
  }

  /** No byte has moved for a while. */
  async #quiet(): Promise<void> {
    for (let turns = 0, moves = this.#moves; turns < QUIET_TURNS; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (moves !== this.#moves) turns = 0;
      moves = this.#moves;
    }
  }

  /**
   * Resolves when everything that consumers can take has been delivered and answered, and nothing is on the way.
   *
   * @throws TimeoutError that names the queues where that is not so.
   */
  async idle(options: IdleOptions = {}): Promise<void> {
    const untilMs = Date.now() + durationMs(options.timeout ?? 5, 'timeout');
    for (;;) {
      await this.#quiet();
      const busy = this.#busyQueues();
      if (busy.length === 0) return;
      if (Date.now() > untilMs) {
        throw new TimeoutError(`the broker is not idle: ${busy.join('; ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #busyQueues(): string[] {
    const busy: string[] = [];
    for (const { name, consumerCount, readyCount, unackedCount } of this.#vhost.queues) {
      if (unackedCount > 0) busy.push(`'${name}' has ${unackedCount} unacknowledged`);
      else if (consumerCount > 0 && readyCount > 0) busy.push(`'${name}' has ${readyCount} ready`);
    }
    return busy;
  }

  // --- what is in it

  get #vhost() {
    return this.#broker.vhost(VHOST)!;
  }

  /** The messages that wait in a queue, oldest first; none when there is no such queue. They stay where they are. */
  messages<T = unknown>(queue: NamedQueue): readonly PeekedMessage<T>[] {
    const found = this.#vhost.queue(nameOf(queue));
    return found ? (peek(found, this.#broker.store) as PeekedMessage<T>[]) : [];
  }

  // --- faults

  /**
   * Ends all connections; clients may come back at once. After `dropNextConfirm` it waits for that confirm, so that the two
   * together are the link that breaks between the broker's taking a message and its saying so.
   */
  disconnect(options: DisconnectOptions = {}): void {
    if (this.#confirmsToLose > 0) this.#pendingDisconnect = () => this.#disconnect(options);
    else this.#disconnect(options);
  }

  #disconnect({ reason, clean = true }: DisconnectOptions): void {
    for (const stream of [...this.#streams]) {
      if (clean)
        stream.dismiss(reason ?? "broker forced connection closure with reason 'shutdown'");
      else stream.cut(reason ?? 'read ECONNRESET');
    }
  }

  /** Nothing passes in either direction, and nobody is told, until what is returned is disposed of. */
  stall(): Disposable {
    this.#stalls += 1;
    this.#updateStall();
    return once(() => {
      this.#stalls -= 1;
      this.#updateStall();
    });
  }

  #updateStall(): void {
    for (const stream of this.#streams) stream.updateStall();
    if (this.#stalls > 0) return;
    for (const ended of this.#whenStallEnds.splice(0)) ended();
  }

  /** Publishers are told to wait (`connection.blocked`), until what is returned is disposed of. */
  block(reason = 'low on memory'): Disposable {
    const block = { reason };
    this.#blocks.add(block);
    for (const stream of this.#streams) stream.updateBlock();
    return once(() => {
      this.#blocks.delete(block);
      for (const stream of this.#streams) stream.updateBlock();
    });
  }

  /** Takes the queue's consumers away (`basic.cancel`), as when its node goes down. Returns how many there were. */
  cancelConsumers(queue: NamedQueue): number {
    const found = this.#vhost.queue(nameOf(queue));
    const consumers = [...(found?.consumers ?? [])];
    for (const consumer of consumers) {
      found?.removeConsumer(consumer);
      consumer.cancelled();
    }
    return consumers.length;
  }

  /** The broker takes the next `count` messages that are published with confirms, and its confirms of them never arrive. */
  dropNextConfirm(count = 1): void {
    this.#confirmsToLose += count;
  }

  #takeLoss(): boolean {
    if (this.#confirmsToLose === 0) return false;
    this.#confirmsToLose -= 1;
    if (this.#confirmsToLose > 0) return true;
    const disconnect = this.#pendingDisconnect;
    this.#pendingDisconnect = undefined;
    if (disconnect) setImmediate(disconnect);
    return true;
  }

  // --- the end

  /** Tells whoever is still connected, and stops. */
  close(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  async #close(): Promise<void> {
    this.#stalls = 0;
    this.#updateStall();
    this.#blocks.clear();
    for (const stream of this.#streams) stream.updateBlock();
    await this.#quiet();
    const closed = this.#server.close();
    await this.#quiet();
    for (const stream of [...this.#streams]) stream.destroy();
    await this.#quiet();
    await closed;
    await this.#broker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function nameOf(queue: NamedQueue): string {
  return typeof queue === 'string' ? queue : queue.name;
}

function once(run: () => void): Disposable {
  let isDone = false;
  return {
    [Symbol.dispose]() {
      if (isDone) return;
      isDone = true;
      run();
    },
  };
}
