// What must exist for this connection's producers and consumers: declared when first needed, and again after every outage, before
// anything else goes on. What cannot be declared is reported and tried again, and holds up nobody.
import type { Clock, Timer } from '../platform/clock.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import { AMQPError, ChannelError } from './base/errors.ts';
import { Channel } from './channel.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { Entity } from './entity-host.ts';
import type { EventHub, TopologyFailure } from './events.ts';
import { Exchange } from './exchange.ts';
import type { CallOptions } from './options.ts';
import { Queue } from './queue.ts';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** Queues that were only named, and looked for; beyond this they are looked for again. */
const MAX_SEEN_NAMES = 10_000;

export class Topology {
  readonly #connection: ConnectionCore;
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #entities = new Set<Entity>();
  /** Declares that are under way, or done (undefined), since the connection was made. */
  readonly #ensured = new Map<Entity | string, Promise<void> | undefined>();
  #retry: Timer | undefined;

  constructor(
    connection: ConnectionCore,
    clock: Clock,
    events: EventHub,
    first: readonly Entity[],
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#events = events;
    for (const entity of first) this.#entities.add(entity);
  }

  remember(entity: Entity): void {
    this.#entities.add(entity);
    this.#ensured.set(entity, undefined);
  }

  forget(entity: Entity): void {
    this.#entities.delete(entity);
    this.#ensured.delete(entity);
    this.#ensured.delete(entity.name);
  }

  /** Whether an entity, or a queue that is only named, is known to be there. */
  has(entity: Entity | string): boolean {
    if (this.#ensured.has(entity)) return this.#ensured.get(entity) === undefined;
    return entity instanceof Exchange && !entity.isDeclared;
  }

  /** Declares what has not been declared yet. @returns undefined when there is nothing to wait for. */
  ensure(entity: Entity, options?: CallOptions): Promise<void> | undefined {
    if (entity instanceof Exchange && !entity.isDeclared) return undefined;
    return this.#once(entity, async () => {
      await entity.declare({
        withChannel: (run) => this.#connection.withChannel(run, options),
        remember: () => {},
        forget: () => {},
      });
      this.#entities.add(entity);
    });
  }

  /** A queue that is only named is taken as it is, or made durable. */
  ensureNamed(name: string, options?: CallOptions): Promise<void> | undefined {
    return this.#once(name, () => this.#declareNamed(name, options));
  }

  /** Runs `declare` once per connection, under `key`. */
  ensureOnce(key: string, declare: () => Promise<void>): Promise<void> | undefined {
    return this.#once(`\0${key}`, declare);
  }

  #once(key: Entity | string, declare: () => Promise<void>): Promise<void> | undefined {
    if (this.#ensured.has(key)) return this.#ensured.get(key);
    if (this.#ensured.size > MAX_SEEN_NAMES) this.#ensured.clear();
    const declared = declare().then(
      () => {
        if (this.#ensured.get(key) === declared) this.#ensured.set(key, undefined);
      },
      (error: unknown) => {
        if (this.#ensured.get(key) === declared) this.#ensured.delete(key);
        throw error;
      },
    );
    this.#ensured.set(key, declared);
    return declared;
  }

  async #declareNamed(name: string, options: CallOptions | undefined): Promise<void> {
    try {
      await this.#connection.withChannel(
        (channel) => channel.queueDeclare(name, { passive: true }),
        options,
      );
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      // In somebody else's exclusive use: it exists, and what is to be done with it will show.
      if (error.code === 'RESOURCE_LOCKED') return;
      if (error.code !== 'NOT_FOUND') throw error;
      await this.#connection.withChannel(
        (channel) => channel.queueDeclare(name, { durable: true }),
        options,
      );
    }
  }

  /** A channel has closed because of a consumer's queue: what was known of it may be wrong. */
  doubt(queue: Queue | string): void {
    this.#ensured.delete(queue);
  }

  /** The connection is gone, and what was seen on it may be as well. */
  disconnected(): void {
    this.#retry?.cancel();
    this.#ensured.clear();
  }

  /** Declares everything on a new connection. Fails only with the connection itself. */
  async recover(amqp: AmqpConnection, recovered: boolean): Promise<void> {
    if (this.#entities.size === 0) return;
    const failed = await this.#declareAll(amqp, this.#inOrder());
    if (amqp.error) throw amqp.error;
    if (recovered || failed.length > 0) {
      this.#events.emit({
        type: 'topology-recovered',
        declared: this.#entities.size - failed.length,
        failed,
      });
    }
    if (failed.length > 0) this.#retryLater(amqp, failed, FIRST_RETRY_MS);
  }

  /** What is bound to must be there before what is bound. */
  #inOrder(): Entity[] {
    const all = [...this.#entities];
    return [
      ...all.filter((entity) => entity instanceof Exchange),
      ...all.filter((entity) => entity instanceof Queue),
    ];
  }

  /** All in one go, which mostly works; one by one when something in it does not. */
  async #declareAll(amqp: AmqpConnection, entities: readonly Entity[]): Promise<TopologyFailure[]> {
    const channel = new Channel(this.#connection, await amqp.openChannel());
    try {
      await Promise.all(entities.map((entity) => this.#declare(entity, channel)));
      return [];
    } catch {
      if (amqp.error) throw amqp.error;
    } finally {
      void channel.close();
    }
    const failed: TopologyFailure[] = [];
    for (const entity of entities) {
      const error = await this.#declareAlone(entity, amqp);
      if (error) failed.push({ entity, error });
    }
    return failed;
  }

  async #declareAlone(entity: Entity, amqp: AmqpConnection): Promise<AMQPError | undefined> {
    const channel = new Channel(this.#connection, await amqp.openChannel());
    try {
      await this.#declare(entity, channel);
      return undefined;
    } catch (error) {
      if (amqp.error) throw amqp.error;
      if (error instanceof AMQPError) return error;
      throw error;
    } finally {
      void channel.close();
    }
  }

  async #declare(entity: Entity, channel: Channel): Promise<void> {
    if (entity instanceof Exchange && !entity.isDeclared) return;
    await entity.declareOn(channel);
    this.#ensured.set(entity, undefined);
  }

  #retryLater(amqp: AmqpConnection, failed: readonly TopologyFailure[], delayMs: number): void {
    this.#retry = this.#clock.after(delayMs, () => {
      const entities = failed
        .map(({ entity }) => entity)
        .filter((entity) => this.#entities.has(entity) && !this.#ensured.has(entity));
      if (entities.length === 0 || !amqp.isOpen) return;
      this.#declareAll(amqp, entities).then(
        (still) => {
          const declared = entities.length - still.length;
          this.#events.emit({ type: 'topology-recovered', declared, failed: still });
          if (still.length === 0) return;
          this.#retryLater(amqp, still, Math.min(delayMs * 2, LAST_RETRY_MS));
        },
        // The connection is gone; the next one declares everything.
        () => {},
      );
    });
  }

  close(): void {
    this.#retry?.cancel();
    this.#entities.clear();
  }
}
