// An exchange as an application describes it: a plain description, good for any connection.

import type { FieldTable } from '../protocol/field-table.ts';
import { type ExchangeArguments, exchangeArguments } from './base/entity-arguments.ts';
import { InvalidArgument } from './base/errors.ts';
import { toFieldTable } from './base/field-values.ts';
import type { DeliveryMode } from './base/properties.ts';
import type { Channel } from './channel.ts';
import type { EntityHost } from './entity-host.ts';

export type ExchangeType =
  | 'direct'
  | 'topic'
  | 'fanout'
  | 'headers'
  | 'x-delayed-message'
  | 'x-consistent-hash'
  | (string & {});

export interface ExchangeOptions<S = unknown> {
  readonly type?: ExchangeType;
  /** Default true. */
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
  readonly internal?: boolean;
  /** Of messages that are published to it and say nothing else. */
  readonly deliveryMode?: DeliveryMode;
  // biome-ignore lint/suspicious/noExplicitAny: only its name matters
  readonly alternateExchange?: Exchange<any> | string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** It is somebody else's: it is used as it is. */
  readonly noDeclare?: boolean;
  /** It is only checked that it exists. */
  readonly passive?: boolean;
  readonly schema?: S;
}

export class Exchange<S = unknown> {
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly passive: boolean;
  readonly noDeclare: boolean;
  readonly deliveryMode: DeliveryMode | undefined;
  readonly schema: S;
  readonly #arguments: FieldTable;

  /**
   * ```ts
   * const events = new Exchange('events', 'topic');
   * const jobs = new Exchange('jobs', { type: 'direct', durable: false });
   * ```
   */
  constructor(
    name = '',
    type: ExchangeType | ExchangeOptions<S> = 'direct',
    options: ExchangeOptions<S> = {},
  ) {
    requireName('exchange', name);
    const all = typeof type === 'object' ? type : { ...options, type };
    const { alternateExchange: alternate, arguments: given } = all;
    const args: ExchangeArguments = {
      ...(alternate !== undefined && {
        alternateExchange: typeof alternate === 'string' ? alternate : alternate.name,
      }),
      ...(given && { arguments: given }),
    };
    this.name = name;
    this.type = all.type ?? 'direct';
    this.durable = all.durable ?? true;
    this.autoDelete = all.autoDelete ?? false;
    this.internal = all.internal ?? false;
    this.passive = all.passive ?? false;
    this.noDeclare = all.noDeclare ?? false;
    this.deliveryMode = all.deliveryMode;
    this.schema = all.schema as S;
    this.#arguments = exchangeArguments(args);
  }

  /** Whether there is anything to declare: the default exchange and RabbitMQ's own are always there. */
  get isDeclared(): boolean {
    return !this.noDeclare && this.name !== '' && !this.name.startsWith('amq.');
  }

  async declare(on: EntityHost): Promise<void> {
    if (!this.isDeclared) return;
    await on.withChannel((channel) => this.declareOn(channel));
    on.remember(this);
  }

  /** @internal */
  declareOn(channel: Channel): Promise<void> {
    const { name, type, passive, durable, autoDelete, internal } = this;
    return channel.exchangeDeclare(name, type, {
      passive,
      durable,
      autoDelete,
      internal,
      table: this.#arguments,
    });
  }

  async delete(on: EntityHost, options: { readonly ifUnused?: boolean } = {}): Promise<void> {
    on.forget(this);
    await on.withChannel((channel) => channel.exchangeDelete(this.name, options));
  }

  /** Lets what reaches `source` come here as well. */
  async bindTo(
    on: EntityHost,
    source: Exchange | string,
    routingKey = '',
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const table = toFieldTable(args, 'arguments');
    await on.withChannel((channel) =>
      channel.exchangeBind(this.name, nameOf(source), routingKey, { table }),
    );
  }

  async unbindFrom(
    on: EntityHost,
    source: Exchange | string,
    routingKey = '',
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const table = toFieldTable(args, 'arguments');
    await on.withChannel((channel) =>
      channel.exchangeUnbind(this.name, nameOf(source), routingKey, { table }),
    );
  }
}

function nameOf(entity: { readonly name: string } | string): string {
  return typeof entity === 'string' ? entity : entity.name;
}

const MAX_NAME_BYTES = 255;
const encoder = new TextEncoder();

/** @throws InvalidArgument for a name that the wire cannot carry. */
export function requireName(what: string, name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw new InvalidArgument(what, `must be named by a text, not ${typeof name}`);
  }
  if (name.length * 3 <= MAX_NAME_BYTES) return;
  const { length } = encoder.encode(name);
  if (length <= MAX_NAME_BYTES) return;
  throw new InvalidArgument(what, `name is ${length} bytes long; ${MAX_NAME_BYTES} are allowed`);
}
