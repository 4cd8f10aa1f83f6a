// A queue as an application describes it, with what is bound to it: a plain description, good for any connection.
import type { FieldTable } from '../protocol/field-table.ts';
import type { Duration } from './base/duration.ts';
import {
  type DeadLetterTarget,
  deadLetterQueue,
  type Overflow,
  type QueueArguments,
  type QueueType,
  queueArguments,
} from './base/entity-arguments.ts';
import { InvalidArgument } from './base/errors.ts';
import { toFieldTable } from './base/field-values.ts';
import type { Channel } from './channel.ts';
import type { QueueState } from './channel-options.ts';
import type { EntityHost } from './entity-host.ts';
import { Exchange, requireName } from './exchange.ts';

// biome-ignore lint/suspicious/noExplicitAny: what an exchange's messages look like is no concern of a binding
type AnyExchange = Exchange<any>;

export interface Binding {
  readonly exchange: AnyExchange | string;
  readonly routingKey?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface QueueOptions<S = unknown> {
  readonly exchange?: AnyExchange | string;
  readonly routingKey?: string;
  readonly bindings?: readonly Binding[];
  readonly bindingArguments?: Readonly<Record<string, unknown>>;
  readonly type?: QueueType;
  /** Default true. */
  readonly durable?: boolean;
  /** For this connection only; goes with it. */
  readonly exclusive?: boolean;
  /** Goes when its last consumer goes. Default: when exclusive. */
  readonly autoDelete?: boolean;
  /** It is only checked that it exists. */
  readonly passive?: boolean;
  /** It is somebody else's: it is used as it is. */
  readonly noDeclare?: boolean;
  readonly messageTtl?: Duration;
  /** How long the queue may be unused before it goes. */
  readonly expires?: Duration;
  readonly maxLength?: number;
  readonly maxLengthBytes?: number;
  readonly maxPriority?: number;
  readonly overflow?: Overflow;
  /** Where rejected and expired messages go; `true`: to the queue NAME.dead, which is declared along. */
  // biome-ignore lint/suspicious/noExplicitAny: only its name matters
  readonly deadLetter?: Queue<any> | AnyExchange | string | true;
  readonly deliveryLimit?: number;
  readonly singleActiveConsumer?: boolean;
  readonly consumerTimeout?: Duration;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly schema?: S;
}

export class Queue<S = unknown> {
  readonly options: QueueOptions<S>;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly passive: boolean;
  readonly noDeclare: boolean;
  readonly schema: S;
  readonly bindings: readonly Binding[];
  /** What rejected messages go to, and is declared along. */
  readonly deadLetter: Queue | AnyExchange | undefined;
  readonly #givenName: string;
  readonly #arguments: FieldTable;
  /** What the broker called it. */
  #serverName: string | undefined;
  #host: EntityHost | undefined;

  /**
   * ```ts
   * const jobs = new Queue('jobs', { type: 'quorum', deadLetter: true });
   * const mails = new Queue('mails', new Exchange('events', 'topic'), { routingKey: 'user.*' });
   * ```
   */
  constructor(name = '', exchange?: AnyExchange | QueueOptions<S>, more: QueueOptions<S> = {}) {
    requireName('queue', name);
    const options = exchange instanceof Exchange ? { ...more, exchange } : (exchange ?? more);
    this.options = options;
    this.#givenName = name;
    this.exclusive = options.exclusive ?? false;
    this.durable = options.durable ?? true;
    this.autoDelete = options.autoDelete ?? this.exclusive;
    this.passive = options.passive ?? false;
    this.noDeclare = options.noDeclare ?? false;
    this.schema = options.schema as S;
    this.bindings = bindingsOf(options);
    this.deadLetter = deadLetterOf(name, options.deadLetter);
    this.#arguments = queueArguments(argumentsOf(options, this.deadLetter));
  }

  /** A queue that the broker names has its name once it is declared. */
  get name(): string {
    return this.#serverName ?? this.#givenName;
  }

  get isServerNamed(): boolean {
    return this.#givenName === '';
  }

  /** Where `declare()` and the like go when they are not told. */
  maybeBind(on: EntityHost): this {
    this.#host ??= on;
    return this;
  }

  /** Declares its exchanges, the queue, what takes its dead letters, and binds. */
  async declare(on?: EntityHost): Promise<QueueState> {
    const host = this.#hostOr(on);
    const state = await host.withChannel((channel) => this.declareOn(channel));
    host.remember(this);
    return state;
  }

  /** @internal All that belongs to it, sent in one go. */
  async declareOn(channel: Channel): Promise<QueueState> {
    const before: Promise<unknown>[] = [];
    const { deadLetter } = this;
    if (deadLetter instanceof Exchange) {
      if (deadLetter.isDeclared) before.push(deadLetter.declareOn(channel));
    } else if (deadLetter && !deadLetter.noDeclare) before.push(deadLetter.declareOn(channel));
    for (const { exchange } of this.bindings) {
      if (exchange instanceof Exchange && exchange.isDeclared) {
        before.push(exchange.declareOn(channel));
      }
    }
    const declared = this.noDeclare ? undefined : this.#queueDeclare(channel);
    // The name is only known when the broker has answered.
    if (this.isServerNamed) await declared;
    const bound = this.#bind(channel);
    const [state] = await Promise.all([declared, Promise.all(before), Promise.all(bound)]);
    return state ?? { name: this.name, messageCount: 0, consumerCount: 0 };
  }

  async #queueDeclare(channel: Channel): Promise<QueueState> {
    const { passive, durable, exclusive, autoDelete } = this;
    const state = await channel.queueDeclare(this.#givenName, {
      passive,
      durable,
      exclusive,
      autoDelete,
      table: this.#arguments,
    });
    if (this.isServerNamed) this.#serverName = state.name;
    return state;
  }

  #bind(channel: Channel): Promise<void>[] {
    return this.bindings.map(({ exchange, routingKey = '', arguments: args = {} }) => {
      const source = typeof exchange === 'string' ? exchange : exchange.name;
      const table = toFieldTable(args, 'bindings.arguments');
      return channel.queueBind(this.name, source, routingKey, { table });
    });
  }

  async purge(on?: EntityHost): Promise<number> {
    return await this.#hostOr(on).withChannel((channel) => channel.queuePurge(this.name));
  }

  async delete(
    on?: EntityHost | undefined,
    options: { readonly ifUnused?: boolean; readonly ifEmpty?: boolean } = {},
  ): Promise<number> {
    const host = this.#hostOr(on);
    host.forget(this);
    return await host.withChannel((channel) => channel.queueDelete(this.name, options));
  }

  #hostOr(on: EntityHost | undefined): EntityHost {
    const host = on ?? this.#host;
    if (host) return host;
    throw new InvalidArgument(
      'on',
      `must say where: queue '${this.name}' was not bound to a connection or channel (maybeBind)`,
    );
  }
}

function bindingsOf(options: QueueOptions<unknown>): Binding[] {
  const { exchange, routingKey, bindings = [], bindingArguments } = options;
  const name = typeof exchange === 'string' ? exchange : exchange?.name;
  // To the default exchange every queue is bound by its name, and cannot be otherwise.
  if (exchange === undefined || name === '') return [...bindings];
  return [
    {
      exchange,
      ...(routingKey !== undefined && { routingKey }),
      ...(bindingArguments && { arguments: bindingArguments }),
    },
    ...bindings,
  ];
}

function deadLetterOf(
  name: string,
  target: QueueOptions['deadLetter'],
): Queue | AnyExchange | undefined {
  if (target === undefined || target instanceof Exchange || target instanceof Queue) return target;
  if (target === true && name === '') {
    throw new InvalidArgument('deadLetter', 'needs a name where the broker names the queue');
  }
  return new Queue(target === true ? `${name}.dead` : target);
}

function argumentsOf(
  options: QueueOptions<unknown>,
  deadLetter: Queue | AnyExchange | undefined,
): QueueArguments {
  const { deadLetter: _, ...rest } = options;
  if (!deadLetter) return rest;
  const target: DeadLetterTarget =
    deadLetter instanceof Exchange
      ? { exchange: deadLetter.name }
      : deadLetterQueue(deadLetter.name);
  return { ...rest, deadLetter: target };
}
