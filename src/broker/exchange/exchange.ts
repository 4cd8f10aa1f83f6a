// An exchange: its properties, its bindings, and the type that matches messages against them.
import type { FieldTable } from '../../protocol/field-table.ts';
import { type Binding, bindingIdentity, type Destination } from '../binding.ts';
import { textOf } from '../equivalence.ts';
import type { DelayedMessages } from './delayed-messages.ts';
import type { ExchangeType } from './exchange-type.ts';

export interface ExchangeProperties {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

export class Exchange implements ExchangeProperties {
  readonly kind = 'exchange';
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
  readonly matcher: ExchangeType;
  /** The arguments that count: those of the declaration and what policies make of them. */
  effective: FieldTable;
  /** What a delayed exchange holds back. */
  readonly delayed: DelayedMessages | undefined;
  /** Where messages go that match no binding. */
  alternate: string | undefined;
  /** Bindings from this exchange, by identity. */
  readonly #bindings = new Map<string, Binding>();
  /** Bindings to this exchange. */
  readonly incoming = new Set<Binding>();
  /** Messages that were published to it, and how many queues they reached in all. */
  publishInCount = 0;
  publishOutCount = 0;

  constructor(properties: ExchangeProperties, matcher: ExchangeType, delayed?: DelayedMessages) {
    this.name = properties.name;
    this.type = properties.type;
    this.durable = properties.durable;
    this.autoDelete = properties.autoDelete;
    this.internal = properties.internal;
    this.arguments = properties.arguments;
    this.matcher = matcher;
    this.effective = properties.arguments;
    this.delayed = delayed;
    this.alternate = alternateOf(properties.arguments);
  }

  /** Goes by other arguments from here on. The default exchange has no alternate, as in RabbitMQ. */
  apply(effective: FieldTable): void {
    this.effective = effective;
    this.alternate = this.name === '' ? undefined : alternateOf(effective);
  }

  get bindings(): Iterable<Binding> {
    return this.#bindings.values();
  }

  get isUsed(): boolean {
    return this.#bindings.size > 0;
  }

  /** Adds a binding and answers it; undefined when it is there already and stays as it is. */
  bind(
    destination: Destination,
    routingKey: string,
    bindingArguments: FieldTable,
  ): Binding | undefined {
    this.matcher.check(routingKey, bindingArguments);
    const identity = bindingIdentity(destination, routingKey, bindingArguments);
    if (this.#bindings.has(identity)) return undefined;
    const binding = { source: this, destination, routingKey, arguments: bindingArguments };
    this.#bindings.set(identity, binding);
    destination.incoming.add(binding);
    this.matcher.bind(binding);
    return binding;
  }

  /** The binding of that identity, if there is one. */
  binding(
    destination: Destination,
    routingKey: string,
    bindingArguments: FieldTable,
  ): Binding | undefined {
    return this.#bindings.get(bindingIdentity(destination, routingKey, bindingArguments));
  }

  unbind(binding: Binding): void {
    const { destination, routingKey } = binding;
    this.#bindings.delete(bindingIdentity(destination, routingKey, binding.arguments));
    destination.incoming.delete(binding);
    this.matcher.unbind(binding);
  }
}

/** The exchange that an `alternate-exchange` argument names. */
export function alternateOf(exchangeArguments: FieldTable): string | undefined {
  return textOf(exchangeArguments.get('alternate-exchange'));
}
