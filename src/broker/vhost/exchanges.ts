// The exchanges of a vhost, and the bindings from them to each other and to its queues.

import type { Content } from '../../protocol/content.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import type { Destination } from '../binding.ts';
import {
  type BindingEntry,
  bindingEntry,
  type Definition,
  decodeArguments,
  type ExchangeLogIds,
  exchangeDefinition,
  isDurable,
} from '../definitions.ts';
import { enqueueRouted } from '../enqueue.ts';
import { requireSame, requireSameArguments, requireText } from '../equivalence.ts';
import { DefaultExchange } from '../exchange/default.ts';
import { DELAYED_TYPE } from '../exchange/delay.ts';
import { DelayedMessages, type DelayedMessagesHost } from '../exchange/delayed-messages.ts';
import { Exchange, type ExchangeProperties } from '../exchange/exchange.ts';
import { checkExchangeArguments, checkExchangeType, makeExchangeType } from '../exchange/types.ts';
import type { Queue } from '../queue/queue.ts';
import { checkDeduplicationArguments } from '../queue/queue-arguments.ts';
import { accessRefused, named, notFound, preconditionFailed } from '../refusal.ts';
import { Router } from '../router.ts';
import { selectedOf } from '../sender-selected.ts';
import type { VHostServices } from '../vhost.ts';
import type { Deduplication } from './deduplication.ts';
import type { Recorder } from './recorder.ts';

export const RESERVED_PREFIX = 'amq.';

/** What every vhost has from the start, besides the default exchange. */
const PREDECLARED: readonly (readonly [name: string, type: string, internal: boolean])[] = [
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.topic', 'topic', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
];

/** The same by name, with their types. */
export const predeclaredExchanges: ReadonlyMap<string, string> = new Map(
  PREDECLARED.map(([name, type]) => [name, type]),
);

export class Exchanges {
  readonly #vhost: string;
  readonly #queues: ReadonlyMap<string, Queue>;
  readonly #recorder: Recorder;
  readonly #services: VHostServices;
  readonly #delayedHost: DelayedMessagesHost;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #deduplication: Deduplication;
  readonly router: Router;

  constructor(
    vhost: string,
    queues: ReadonlyMap<string, Queue>,
    recorder: Recorder,
    services: VHostServices,
    deduplication: Deduplication,
  ) {
    this.#vhost = vhost;
    this.#queues = queues;
    this.#recorder = recorder;
    const { turn, store, clock } = services;
    const publish = (exchange: string, content: Content) => this.#publish(exchange, content);
    this.#delayedHost = { vhost, turn, store, clock, publish };
    this.#services = services;
    this.#deduplication = deduplication;
    this.router = new Router(this.#exchanges, deduplication.windows);
    const common = { durable: true, autoDelete: false, arguments: FieldTable.empty };
    const unnamed = { name: '', type: 'direct', internal: false, ...common };
    this.#exchanges.set('', new Exchange(unnamed, new DefaultExchange(queues)));
    for (const [name, type, internal] of PREDECLARED) {
      this.#add({ name, type, internal, ...common });
    }
  }

  /** Carries out what an entry of the journal says of an exchange or a binding. */
  restore(definition: Definition): void {
    if ('exchange' in definition) {
      const { exchange } = definition;
      const restored = decodeArguments(exchange.arguments);
      this.#add({ ...exchange, durable: true, arguments: restored }, exchange);
    } else if ('noExchange' in definition) {
      const exchange = this.#exchanges.get(definition.noExchange.name);
      if (exchange) this.#remove(exchange);
    } else if ('binding' in definition) {
      this.#rebind(definition.binding, (...all) => this.bind(...all));
    } else if ('noBinding' in definition) {
      this.#rebind(definition.noBinding, (...all) => this.unbind(...all));
    }
  }

  #rebind(
    entry: BindingEntry,
    change: (from: Exchange, to: Destination, key: string, bindingArguments: FieldTable) => void,
  ): void {
    const source = this.#exchanges.get(entry.source);
    const destinations = entry.kind === 'queue' ? this.#queues : this.#exchanges;
    const destination = destinations.get(entry.destination);
    if (!source || !destination) return;
    change(source, destination, entry.routingKey, decodeArguments(entry.arguments));
  }

  /** Durable exchanges, as entries of a journal. */
  *definitions(): Iterable<Definition> {
    for (const exchange of this.#exchanges.values()) {
      const isOwn = exchange.name === '' || exchange.name.startsWith(RESERVED_PREFIX);
      if (exchange.durable && !isOwn) yield this.#definition(exchange);
    }
  }

  #definition(exchange: Exchange): Definition {
    return exchangeDefinition(this.#vhost, exchange, this.#deduplication.logIdOf(exchange));
  }

  /** Durable bindings, as entries of a journal; they come behind what they bind. */
  *bindingDefinitions(): Iterable<Definition> {
    for (const exchange of this.#exchanges.values()) {
      for (const binding of exchange.bindings) {
        if (isDurable(binding)) yield { binding: bindingEntry(this.#vhost, binding) };
      }
    }
  }

  values(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  get(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  /** @throws AmqpError 404 */
  require(name: string): Exchange {
    const exchange = this.#exchanges.get(name);
    if (!exchange) throw notFound(`no ${named('exchange', name, this.#vhost)}`);
    return exchange;
  }

  /**
   * Makes sure that an exchange of these properties is there.
   * @throws AmqpError 406 when one of other properties is, 403 for a reserved name.
   */
  declare(properties: ExchangeProperties): void {
    const { name } = properties;
    const resource = named('exchange', name, this.#vhost);
    checkExchangeType(properties.type);
    const existing = this.#exchanges.get(name);
    if (!existing) {
      if (name.startsWith(RESERVED_PREFIX)) {
        throw accessRefused(`exchange name '${name}' contains reserved prefix 'amq.*'`);
      }
      requireText('alternate-exchange', resource, properties.arguments);
      checkExchangeArguments(properties, resource);
      checkDeduplicationArguments(resource, properties.arguments);
      this.#add(properties);
      return;
    }
    requireSame('type', resource, existing.type, properties.type);
    requireSame('durable', resource, existing.durable, properties.durable);
    requireSame('auto_delete', resource, existing.autoDelete, properties.autoDelete);
    requireSame('internal', resource, existing.internal, properties.internal);
    const current = existing.arguments;
    requireSameArguments(['alternate-exchange'], resource, current, properties.arguments);
  }

  #add(properties: ExchangeProperties, logIds: ExchangeLogIds = {}): void {
    const matcher = makeExchangeType(properties, this.#services.random);
    const exchange = new Exchange(properties, matcher, this.#delayedFor(properties, logIds));
    this.#exchanges.set(properties.name, exchange);
    this.#deduplication.add(exchange, logIds.deduplicationLogId);
    this.router.exchangeChanged(exchange);
    const isOwn = exchange.name.startsWith(RESERVED_PREFIX);
    if (exchange.durable && !isOwn) this.#recorder.record(this.#definition(exchange));
  }

  /** Where an exchange keeps what it holds back, if it is of the type that does. */
  #delayedFor(properties: ExchangeProperties, { delayedLogId }: ExchangeLogIds) {
    const { name, type, durable } = properties;
    if (type !== DELAYED_TYPE) return undefined;
    const number = durable ? (delayedLogId ?? this.#services.nextLogId()) : 0;
    return new DelayedMessages(name, this.#delayedHost, number);
  }

  /** What was held back goes on as if it were published now. */
  #publish(name: string, held: Content): void {
    const exchange = this.#exchanges.get(name);
    if (!exchange) return;
    const { store, turn } = this.#services;
    const selected = selectedOf(held);
    const routed = this.router.routeHeld(selected.content, exchange, selected.routingKeys);
    enqueueRouted(store, selected, routed, turn);
  }

  /**
   * Deletes an exchange and all bindings from and to it; one that is not there is fine.
   * @throws AmqpError 403 for the broker's own, 406 with `ifUnused` when something is bound to it.
   */
  delete(name: string, ifUnused: boolean): void {
    if (name.startsWith(RESERVED_PREFIX) && this.#exchanges.has(name)) {
      throw accessRefused(`deletion of system ${named('exchange', name, this.#vhost)} not allowed`);
    }
    const exchange = this.#exchanges.get(name);
    if (!exchange) return;
    if (ifUnused && exchange.isUsed) {
      throw preconditionFailed(`${named('exchange', name, this.#vhost)} in use`);
    }
    this.#remove(exchange);
  }

  #forget(exchange: Exchange): void {
    const { name, durable, delayed } = exchange;
    this.#exchanges.delete(name);
    // First, so that no crash leaves the exchange without what it held.
    if (durable) this.#recorder.record({ noExchange: { vhost: this.#vhost, name } });
    delayed?.delete();
    this.#deduplication.remove(exchange);
    if (this.#services.churn) this.#services.churn.exchangePublishOut += exchange.publishOutCount;
  }

  /** The vhost is deleted: nothing is kept for any of them. */
  drop(): void {
    for (const exchange of [...this.#exchanges.values()]) this.#forget(exchange);
    this.router.bindingsChanged();
  }

  #remove(exchange: Exchange): void {
    this.#forget(exchange);
    for (const binding of [...exchange.bindings]) exchange.unbind(binding);
    this.unbindAll(exchange);
    this.router.bindingsChanged();
  }

  /** Takes away the bindings to a destination that is going, and the auto-delete exchanges that leaves unused. */
  unbindAll(destination: Destination): void {
    // A list, not recursion: a client may build a longer chain of such exchanges than our stack is deep.
    const going = [destination];
    for (const next of going) {
      for (const binding of [...next.incoming]) {
        const { source } = binding;
        source.unbind(binding);
        const isUnneeded = source.autoDelete && !source.isUsed && !this.#recorder.isRestoring;
        if (!isUnneeded || !this.#exchanges.has(source.name)) continue;
        this.#forget(source);
        going.push(source);
      }
    }
  }

  #deleteIfUnused(exchange: Exchange): void {
    if (this.#recorder.isRestoring) return;
    if (exchange.autoDelete && !exchange.isUsed && this.#exchanges.has(exchange.name)) {
      this.#remove(exchange);
    }
  }

  /** Adds a binding; what is bound already stays so. */
  bind(
    source: Exchange,
    destination: Destination,
    routingKey: string,
    bindingArguments: FieldTable,
  ): void {
    const binding = source.bind(destination, routingKey, bindingArguments);
    this.router.bindingsChanged();
    if (binding && isDurable(binding))
      this.#recorder.record({ binding: bindingEntry(this.#vhost, binding) });
  }

  /** Removes a binding; one that is not there is fine. */
  unbind(
    source: Exchange,
    destination: Destination,
    routingKey: string,
    bindingArguments: FieldTable,
  ): void {
    const binding = source.binding(destination, routingKey, bindingArguments);
    if (!binding) return;
    source.unbind(binding);
    this.router.bindingsChanged();
    if (isDurable(binding))
      this.#recorder.record({ noBinding: bindingEntry(this.#vhost, binding) });
    this.#deleteIfUnused(source);
  }
}
