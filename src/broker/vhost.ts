// A virtual host: exchanges, queues and bindings with a name space of their own, and the way of a message through them; policies,
// limits and parameters that hold for these.
import type { Log } from '../platform/log.ts';
import { type Random, randomToken } from '../platform/random.ts';
import type { Content } from '../protocol/content.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Destination } from './binding.ts';
import {
  type Definition,
  decodeArguments,
  queueDefinition,
  type VHostDefinition,
} from './definitions.ts';
import { requireSame, requireSameArguments } from './equivalence.ts';
import type { Exchange, ExchangeProperties } from './exchange/exchange.ts';
import type { Json } from './json.ts';
import { isReached, parseVHostLimits, type VHostLimits } from './limits.ts';
import { Churn, MessageCounters } from './message-counters.ts';
import { newParameterComponents, type ParameterComponents } from './parameters.ts';
import { Queue, type QueueHost, type QueueProperties } from './queue/queue.ts';
import {
  argumentsWithoutEffect,
  checkQueueArguments,
  queueArgumentNames,
} from './queue/queue-arguments.ts';
import { withDefaultType } from './queue/queue-type.ts';
import { accessRefused, named, notFound, preconditionFailed, resourceLocked } from './refusal.ts';
import type { Router } from './router.ts';
import type { Turn } from './turn.ts';
import { Exchanges, RESERVED_PREFIX } from './vhost/exchanges.ts';
import { ExclusiveQueues } from './vhost/exclusive-queues.ts';
import { noMetadata, type VHostMetadata } from './vhost/metadata.ts';
import { Policies } from './vhost/policies.ts';
import { Recorder } from './vhost/recorder.ts';
import { VHostParameters } from './vhost/vhost-parameters.ts';

/** What a vhost shares with the others of its broker. */
export interface VHostServices {
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly random: Random;
  readonly log: Log;
  /** Counts queues that come and go. */
  readonly churn?: Churn;
  /** Makes a change last. */
  readonly record: (definition: Definition) => void;
  /** A number for a queue in the log that no queue had before. */
  readonly nextLogId: () => number;
  /** Who takes which runtime parameters. Default: nobody; those of components that are known are kept. */
  readonly parameterComponents?: ParameterComponents;
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
  readonly #churn: Churn;
  readonly #recorder: Recorder;
  readonly #queues = new Map<string, Queue>();
  readonly #exclusiveQueues = new ExclusiveQueues();
  readonly #exchanges: Exchanges;
  readonly router: Router;
  readonly policies: Policies;
  readonly parameters: VHostParameters;
  #metadata = noMetadata;
  #limits: VHostLimits = {};
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
    this.#churn = services.churn ?? new Churn();
    this.#recorder = new Recorder(services.record);
    this.#exchanges = new Exchanges(name, this.#queues, this.#recorder);
    this.router = this.#exchanges.router;
    const subjects = {
      queues: this.#queues,
      exchanges: this.#exchanges,
      alternateChanged: (exchange: Exchange) => this.router.exchangeChanged(exchange),
      warn: (text: string) => this.#log.write('warning', text),
    };
    this.policies = new Policies(name, subjects, this.#recorder);
    const components = services.parameterComponents ?? newParameterComponents();
    this.parameters = new VHostParameters(this, components, this.#recorder);
  }

  get metadata(): VHostMetadata {
    return this.#metadata;
  }

  setMetadata(metadata: VHostMetadata): void {
    this.#metadata = metadata;
    this.#recordSelf();
  }

  get limits(): VHostLimits {
    return this.#limits;
  }

  /**
   * Sets all limits: `{"max-connections": 100}` lifts the one for queues. What is there already stays.
   * @throws OperatorError for what are no limits.
   */
  setLimits(limits: Json): void {
    this.#limits = parseVHostLimits(limits);
    this.#recordSelf();
  }

  #recordSelf(): void {
    this.#recorder.record(this.definition);
  }

  /** The vhost itself, as an entry of a journal. */
  get definition(): Definition {
    return { vhost: { vhost: this.name, ...this.#metadata, limits: this.#limits } };
  }

  /** Carries out what an entry of the journal says. */
  restore(definition: VHostDefinition): void {
    this.#recorder.isRestoring = true;
    if ('queue' in definition) {
      const { queue } = definition;
      const restored = decodeArguments(queue.arguments);
      this.#addQueue(
        { ...queue, durable: true, exclusive: false, arguments: restored },
        queue.logId,
      );
    } else if ('noQueue' in definition) {
      const queue = this.#queues.get(definition.noQueue.name);
      if (queue) this.deleteQueue(queue);
    } else {
      this.#exchanges.restore(definition);
      this.policies.restore(definition);
      this.parameters.restore(definition);
    }
    this.#recorder.isRestoring = false;
  }

  /** Carries out what an entry of the journal says of the vhost itself. */
  restoreSelf({ limits, ...metadata }: VHostMetadata & { readonly limits: VHostLimits }): void {
    this.#metadata = metadata;
    this.#limits = limits;
  }

  /** All of the journal has been read. */
  restored(): void {
    this.policies.applyAll();
    this.parameters.announce();
  }

  /** All in it that is to last, as entries of a journal. */
  *definitions(): Iterable<Definition> {
    yield* this.#exchanges.definitions();
    for (const queue of this.#queues.values()) {
      if (queue.durable) yield queueDefinition(this.name, queue);
    }
    yield* this.#exchanges.bindingDefinitions();
    yield* this.policies.definitions();
    yield* this.parameters.definitions();
  }

  /** Nothing that happens here is told to the journal from now on. */
  mute(): void {
    this.#recorder.isRestoring = true;
  }

  /** The vhost is deleted, and everything in it. */
  drop(): void {
    this.mute();
    for (const queue of [...this.#queues.values()]) this.deleteQueue(queue);
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  get queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name);
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

  exchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  /** @throws AmqpError 404 */
  requireExchange(name: string): Exchange {
    return this.#exchanges.require(name);
  }

  /**
   * Makes sure that an exchange of these properties is there.
   * @throws AmqpError 406 when one of other properties is, 403 for a reserved name.
   */
  declareExchange(properties: ExchangeProperties): void {
    this.#exchanges.declare(properties);
    this.policies.apply(this.requireExchange(properties.name));
  }

  /**
   * Deletes an exchange and all bindings from and to it; one that is not there is fine.
   * @throws AmqpError 403 for the broker's own, 406 with `ifUnused` when something is bound to it.
   */
  deleteExchange(name: string, ifUnused: boolean): void {
    this.#exchanges.delete(name, ifUnused);
  }

  /** Adds a binding; what is bound already stays so. */
  bind(source: Exchange, to: Destination, routingKey: string, bindingArguments: FieldTable): void {
    this.#exchanges.bind(source, to, routingKey, bindingArguments);
  }

  /** Removes a binding; one that is not there is fine. */
  unbind(
    source: Exchange,
    to: Destination,
    routingKey: string,
    bindingArguments: FieldTable,
  ): void {
    this.#exchanges.unbind(source, to, routingKey, bindingArguments);
  }

  /** A name for a queue whose declarer gave none. */
  generateQueueName(): string {
    return `amq.gen-${randomToken(this.#random)}`;
  }

  /**
   * Makes sure that a queue of these properties is there, and belongs to `owner` if it is exclusive.
   * @throws AmqpError 405 when it is another connection's, 406 when it has other properties or an argument cannot be,
   * 403 for a reserved name, 406 when the vhost has as many queues as it may.
   */
  declareQueue(given: QueueProperties, owner: object, nameIsGenerated: boolean): Queue {
    this.#churn.queueDeclared += 1;
    const properties = withDefaultType(given, this.#metadata.defaultQueueType);
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
    this.#checkMayAddQueue(name);
    checkQueueArguments(name, this.name, properties.arguments);
    const logId = durable ? this.#services.nextLogId() : 0;
    const queue = this.#addQueue({ ...properties, durable }, logId, exclusive ? owner : undefined);
    if (exclusive) this.#exclusiveQueues.add(queue, owner);
    this.#warnOfArgumentsWithoutEffect(queue);
    return queue;
  }

  #checkMayAddQueue(name: string): void {
    const { maxQueues } = this.#limits;
    if (!isReached(maxQueues, this.#queues.size)) return;
    throw preconditionFailed(
      `cannot declare queue '${name}': queue limit in vhost '${this.name}' (${maxQueues}) is reached`,
    );
  }

  #addQueue(properties: QueueProperties, logId: number, owner?: object): Queue {
    const queue = new Queue(properties, this, owner, logId);
    this.#queues.set(queue.name, queue);
    this.router.queueChanged(queue);
    this.#churn.queueCreated += 1;
    if (!this.#recorder.isRestoring) this.policies.apply(queue);
    if (queue.durable) this.#recorder.record(queueDefinition(this.name, queue));
    return queue;
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
    this.#churn.queueDeleted += 1;
    if (queue.durable) this.#recorder.record({ noQueue: { vhost: this.name, name: queue.name } });
    this.#exclusiveQueues.remove(queue);
    this.router.queueChanged(queue);
    this.#exchanges.unbindAll(queue);
    return queue.delete();
  }

  deleteUnused(queue: Queue): void {
    if (!queue.isDeleted) this.deleteQueue(queue);
  }

  /** A connection is going: so are the queues it had for itself. */
  deleteQueuesOf(owner: object): void {
    for (const queue of this.#exclusiveQueues.take(owner)) {
      if (!queue.isDeleted) this.deleteQueue(queue);
    }
  }
}
