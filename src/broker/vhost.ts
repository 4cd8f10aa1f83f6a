// A virtual host: exchanges, queues and bindings with a name space of their own, and the way of a message through them.
import type { Log } from '../platform/log.ts';
import { type Random, randomToken } from '../platform/random.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Destination } from './binding.ts';
import {
  type BindingEntry,
  bindingEntry,
  type Definition,
  decodeArguments,
  exchangeDefinition,
  isDurable,
  queueDefinition,
} from './definitions.ts';
import { requireSame, requireSameArguments, requireText } from './equivalence.ts';
import { DefaultExchange } from './exchange/default.ts';
import { Exchange, type ExchangeProperties } from './exchange/exchange.ts';
import { exchangeTypes } from './exchange/types.ts';
import { type Churn, MessageCounters } from './message-counters.ts';
import { Queue, type QueueHost, type QueueProperties } from './queue/queue.ts';
import {
  argumentsWithoutEffect,
  checkQueueArguments,
  queueArgumentNames,
} from './queue/queue-arguments.ts';
import { accessRefused, named, notFound, preconditionFailed, resourceLocked } from './refusal.ts';
import { Router } from './router.ts';
import type { Turn } from './turn.ts';

const RESERVED_PREFIX = 'amq.';

/** What every vhost has from the start, besides the default exchange. */
const PREDECLARED: readonly (readonly [name: string, type: string, internal: boolean])[] = [
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.topic', 'topic', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
];

/** What a vhost shares with the others of its broker. */
export interface VHostServices {
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly random: Random;
  readonly log: Log;
  readonly churn: Churn;
  /** Makes a change last. */
  readonly record: (definition: Definition) => void;
  /** A number for a queue in the log that no queue had before. */
  readonly nextLogId: () => number;
}

/** Where direct replies go. */
export interface ReplyTarget {
  deliver(content: Content): void;
}

export class VHost implements QueueHost {
  readonly name: string;
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly #random: Random;
  readonly #log: Log;
  readonly #services: VHostServices;
  /** While the journal is read, it is not written, and nothing goes by itself. */
  #isRestoring = false;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  readonly #exclusiveQueues = new Map<object, Set<Queue>>();
  readonly router = new Router(this.#exchanges);
  /** Requesters that wait for direct replies, by the routing key that leads to them. */
  readonly replyTargets = new Map<string, ReplyTarget>();
  /** What channels that are gone have counted, and what is published and fetched past all channels. */
  readonly counters = new MessageCounters();

  constructor(name: string, services: VHostServices) {
    this.name = name;
    this.turn = services.turn;
    this.store = services.store;
    this.#random = services.random;
    this.#log = services.log;
    this.#services = services;
    const common = { durable: true, autoDelete: false, arguments: FieldTable.empty };
    const unnamed = { name: '', type: 'direct', internal: false, ...common };
    this.#exchanges.set('', new Exchange(unnamed, new DefaultExchange(this.#queues)));
    for (const [exchange, type, internal] of PREDECLARED) {
      this.#addExchange({ name: exchange, type, internal, ...common });
    }
  }

  #record(definition: Definition): void {
    if (!this.#isRestoring) this.#services.record(definition);
  }

  /** Carries out what an entry of the journal says. */
  restore(definition: Definition): void {
    this.#isRestoring = true;
    if ('exchange' in definition) {
      const { exchange } = definition;
      const restored = decodeArguments(exchange.arguments);
      this.#addExchange({ ...exchange, durable: true, arguments: restored });
    } else if ('queue' in definition) {
      const { queue } = definition;
      const restored = decodeArguments(queue.arguments);
      this.#addQueue(
        { ...queue, durable: true, exclusive: false, arguments: restored },
        queue.logId,
      );
    } else if ('noExchange' in definition) {
      const exchange = this.#exchanges.get(definition.noExchange.name);
      if (exchange) this.#removeExchange(exchange);
    } else if ('noQueue' in definition) {
      const queue = this.#queues.get(definition.noQueue.name);
      if (queue) this.deleteQueue(queue);
    } else if ('binding' in definition) {
      this.#rebind(definition.binding, (...all) => this.bind(...all));
    } else {
      this.#rebind(definition.noBinding, (...all) => this.unbind(...all));
    }
    this.#isRestoring = false;
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

  /** All that is to last, as entries of a journal. */
  *definitions(): Iterable<Definition> {
    for (const exchange of this.#exchanges.values()) {
      const isOwn = exchange.name === '' || exchange.name.startsWith(RESERVED_PREFIX);
      if (exchange.durable && !isOwn) yield exchangeDefinition(this.name, exchange);
    }
    for (const queue of this.#queues.values()) {
      if (queue.durable) yield queueDefinition(this.name, queue);
    }
    for (const exchange of this.#exchanges.values()) {
      for (const binding of exchange.bindings) {
        if (isDurable(binding)) yield { binding: bindingEntry(this.name, binding) };
      }
    }
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  get queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  exchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /** @throws AmqpError 404 */
  requireExchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name);
    if (!exchange) throw notFound(`no ${named('exchange', name, this.name)}`);
    return exchange;
  }

  /** @throws AmqpError 404 when there is none, 405 when another connection has it for itself. */
  requireQueue(name: string, owner: object): Queue {
    const queue = this.#queues.get(name);
    if (!queue) throw notFound(`no ${named('queue', name, this.name)}`);
    this.checkOwner(queue, owner);
    return queue;
  }

  /** @throws AmqpError 405 when another connection has the queue for itself. */
  checkOwner(queue: Queue, owner: object): void {
    if (queue.owner === undefined || queue.owner === owner) return;
    throw this.#locked(queue.name);
  }

  #locked(queue: string): Error {
    return resourceLocked(
      `cannot obtain exclusive access to locked ${named('queue', queue, this.name)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
    );
  }

  /**
   * Makes sure that an exchange of these properties is there.
   * @throws AmqpError 406 when one of other properties is, 403 for a reserved name.
   */
  declareExchange(properties: ExchangeProperties): void {
    const { name } = properties;
    const resource = named('exchange', name, this.name);
    if (!exchangeTypes.has(properties.type)) {
      throw preconditionFailed(`unknown exchange type '${properties.type}'`);
    }
    const existing = this.#exchanges.get(name);
    if (!existing) {
      if (name.startsWith(RESERVED_PREFIX)) {
        throw accessRefused(`exchange name '${name}' contains reserved prefix 'amq.*'`);
      }
      requireText('alternate-exchange', resource, properties.arguments);
      this.#addExchange(properties);
      return;
    }
    requireSame('type', resource, existing.type, properties.type);
    requireSame('durable', resource, existing.durable, properties.durable);
    requireSame('auto_delete', resource, existing.autoDelete, properties.autoDelete);
    requireSame('internal', resource, existing.internal, properties.internal);
    const current = existing.arguments;
    requireSameArguments(['alternate-exchange'], resource, current, properties.arguments);
  }

  #addExchange(properties: ExchangeProperties): void {
    const Type = exchangeTypes.get(properties.type)!;
    const exchange = new Exchange(properties, new Type());
    this.#exchanges.set(properties.name, exchange);
    this.router.exchangeAdded(exchange);
    const isOwn = exchange.name.startsWith(RESERVED_PREFIX);
    if (exchange.durable && !isOwn) this.#record(exchangeDefinition(this.name, exchange));
  }

  /**
   * Deletes an exchange and all bindings from and to it; one that is not there is fine.
   * @throws AmqpError 403 for the broker's own, 406 with `ifUnused` when something is bound to it.
   */
  deleteExchange(name: string, ifUnused: boolean): void {
    if (name.startsWith(RESERVED_PREFIX) && this.#exchanges.has(name)) {
      throw accessRefused(`deletion of system ${named('exchange', name, this.name)} not allowed`);
    }
    const exchange = this.#exchanges.get(name);
    if (!exchange) return;
    if (ifUnused && exchange.isUsed) {
      throw preconditionFailed(`${named('exchange', name, this.name)} in use`);
    }
    this.#removeExchange(exchange);
  }

  #forgetExchange({ name, durable }: Exchange): void {
    this.#exchanges.delete(name);
    if (durable) this.#record({ noExchange: { vhost: this.name, name } });
  }

  #removeExchange(exchange: Exchange): void {
    this.#forgetExchange(exchange);
    for (const binding of [...exchange.bindings]) exchange.unbind(binding);
    this.#unbindAll(exchange);
    this.router.bindingsChanged();
  }

  /** Takes away the bindings to a destination that is going, and the auto-delete exchanges that leaves unused. */
  #unbindAll(destination: Destination): void {
    // A list, not recursion: a client may build a longer chain of such exchanges than our stack is deep.
    const going = [destination];
    for (const next of going) {
      for (const binding of [...next.incoming]) {
        const { source } = binding;
        source.unbind(binding);
        const isUnneeded = source.autoDelete && !source.isUsed && !this.#isRestoring;
        if (!isUnneeded || !this.#exchanges.has(source.name)) continue;
        this.#forgetExchange(source);
        going.push(source);
      }
    }
  }

  #deleteIfUnused(exchange: Exchange): void {
    if (this.#isRestoring) return;
    if (exchange.autoDelete && !exchange.isUsed && this.#exchanges.has(exchange.name)) {
      this.#removeExchange(exchange);
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
    if (binding && isDurable(binding)) this.#record({ binding: bindingEntry(this.name, binding) });
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
    if (isDurable(binding)) this.#record({ noBinding: bindingEntry(this.name, binding) });
    this.#deleteIfUnused(source);
  }

  /** A name for a queue whose declarer gave none. */
  generateQueueName(): string {
    return `amq.gen-${randomToken(this.#random)}`;
  }

  /**
   * Makes sure that a queue of these properties is there, and belongs to `owner` if it is exclusive.
   * @throws AmqpError 405 when it is another connection's, 406 when it has other properties or an argument cannot be,
   * 403 for a reserved name.
   */
  declareQueue(properties: QueueProperties, owner: object, nameIsGenerated: boolean): Queue {
    this.#services.churn.queueDeclared += 1;
    const { name, exclusive } = properties;
    const durable = properties.durable && !exclusive;
    const existing = this.#queues.get(name);
    if (existing) {
      if (exclusive !== existing.exclusive) throw this.#locked(name);
      this.checkOwner(existing, owner);
      const resource = named('queue', name, this.name);
      requireSame('durable', resource, existing.durable, durable);
      requireSame('auto_delete', resource, existing.autoDelete, properties.autoDelete);
      const current = existing.arguments;
      requireSameArguments(queueArgumentNames, resource, current, properties.arguments);
      return existing;
    }
    if (!nameIsGenerated && name.startsWith(RESERVED_PREFIX)) {
      throw accessRefused(`queue name '${name}' contains reserved prefix 'amq.*'`);
    }
    checkQueueArguments(name, this.name, properties.arguments);
    const logId = durable ? this.#services.nextLogId() : 0;
    const queue = this.#addQueue({ ...properties, durable }, logId, exclusive ? owner : undefined);
    if (exclusive) this.#rememberExclusive(queue, owner);
    this.#warnOfArgumentsWithoutEffect(queue);
    return queue;
  }

  #addQueue(properties: QueueProperties, logId: number, owner?: object): Queue {
    const queue = new Queue(properties, this, owner, logId);
    this.#queues.set(queue.name, queue);
    this.router.queueChanged(queue);
    this.#services.churn.queueCreated += 1;
    if (queue.durable) this.#record(queueDefinition(this.name, queue));
    return queue;
  }

  #rememberExclusive(queue: Queue, owner: object): void {
    const queues = this.#exclusiveQueues.get(owner);
    if (queues) queues.add(queue);
    else this.#exclusiveQueues.set(owner, new Set([queue]));
  }

  #warnOfArgumentsWithoutEffect(queue: Queue): void {
    const unused = argumentsWithoutEffect(queue.arguments);
    if (unused.length === 0) return;
    const resource = named('queue', queue.name, this.name);
    this.#log.write(
      'warning',
      `${resource}: ${unused.join(', ')} accepted, but without effect in this version`,
    );
  }

  /**
   * Deletes a queue and answers how many ready messages went with it.
   * @throws AmqpError 406 when it is not as unused or empty as asked.
   */
  deleteQueue(queue: Queue, ifUnused = false, ifEmpty = false): number {
    const resource = named('queue', queue.name, this.name);
    if (ifUnused && queue.consumerCount > 0) throw preconditionFailed(`${resource} in use`);
    if (ifEmpty && queue.readyCount > 0) throw preconditionFailed(`${resource} not empty`);
    this.#queues.delete(queue.name);
    this.#services.churn.queueDeleted += 1;
    if (queue.durable) this.#record({ noQueue: { vhost: this.name, name: queue.name } });
    if (queue.owner) this.#exclusiveQueues.get(queue.owner)?.delete(queue);
    this.router.queueChanged(queue);
    this.#unbindAll(queue);
    return queue.delete();
  }

  deleteUnused(queue: Queue): void {
    if (!queue.isDeleted) this.deleteQueue(queue);
  }

  /** A connection is going: so are the queues it had for itself. */
  deleteQueuesOf(owner: object): void {
    const queues = this.#exclusiveQueues.get(owner);
    this.#exclusiveQueues.delete(owner);
    for (const queue of queues ?? []) if (!queue.isDeleted) this.deleteQueue(queue);
  }
}
