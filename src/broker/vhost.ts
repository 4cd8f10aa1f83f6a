// A virtual host: exchanges, queues and bindings with a name space of their own, and the way of a message through them; policies,
// limits and parameters that hold for these.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { type Random, randomToken } from '../platform/random.ts';
import type { Content } from '../protocol/content.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Destination } from './binding.ts';
import type { DeathReason, Takers } from './dead-letter.ts';
import { sendDeadLetter } from './dead-lettering.ts';
import type { DeduplicationWindow } from './deduplication-window.ts';
import type { Definition, VHostDefinition } from './definitions.ts';
import type { DelayedMessages } from './exchange/delayed-messages.ts';
import type { Exchange, ExchangeProperties } from './exchange/exchange.ts';
import type { Json } from './json.ts';
import { parseVHostLimits, type VHostLimits } from './limits.ts';
import { Churn, MessageCounters } from './message-counters.ts';
import { newParameterComponents, type ParameterComponents } from './parameters.ts';
import type { Queue } from './queue/queue.ts';
import type { QueueHost, QueueProperties } from './queue/queue-host.ts';
import type { Router } from './router.ts';
import type { Keeper } from './storage.ts';
import type { Turn } from './turn.ts';
import { Deduplication } from './vhost/deduplication.ts';
import { Exchanges } from './vhost/exchanges.ts';
import { noMetadata, type VHostMetadata } from './vhost/metadata.ts';
import { Policies } from './vhost/policies.ts';
import { Queues } from './vhost/queues.ts';
import { Recorder } from './vhost/recorder.ts';
import { VHostParameters } from './vhost/vhost-parameters.ts';

/** What a vhost shares with the others of its broker. */
export interface VHostServices {
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Counts queues that come and go. */
  readonly churn?: Churn;
  /** The type of queues that are declared without one, where the vhost does not say. */
  readonly defaultQueueType?: 'classic' | 'quorum' | undefined;
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
  readonly clock: Clock;
  readonly churn: Churn;
  readonly #random: Random;
  readonly #recorder: Recorder;
  readonly #queues: Queues;
  readonly #deduplication: Deduplication;
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
    this.clock = services.clock;
    this.churn = services.churn ?? new Churn();
    this.#random = services.random;
    this.#recorder = new Recorder(services.record);
    this.#deduplication = new Deduplication(name, services);
    const queues = new Map<string, Queue>();
    this.#exchanges = new Exchanges(name, queues, this.#recorder, services, this.#deduplication);
    this.router = this.#exchanges.router;
    const subjects = {
      queues,
      exchanges: this.#exchanges,
      alternateChanged: (exchange: Exchange) => this.router.exchangeChanged(exchange),
      warn: (text: string) => services.log.write('warning', text, 'queue'),
    };
    this.policies = new Policies(name, subjects, this.#recorder);
    this.#queues = new Queues({
      host: this,
      all: queues,
      exchanges: this.#exchanges,
      deduplication: this.#deduplication,
      recorder: this.#recorder,
      churn: this.churn,
      nextLogId: services.nextLogId,
      defaultType: () => this.#metadata.defaultQueueType ?? services.defaultQueueType,
      limits: () => this.#limits,
      applyPolicies: (queue) => this.policies.apply(queue),
    });
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
    this.#queues.restore(definition);
    this.#exchanges.restore(definition);
    this.policies.restore(definition);
    this.parameters.restore(definition);
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
    yield* this.#queues.definitions();
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
    for (const queue of [...this.#queues]) this.deleteQueue(queue);
    this.#exchanges.drop();
  }

  /** Whatever has a number in the log. */
  *keepers(): Iterable<Keeper> {
    for (const queue of this.#queues) if (queue.logId > 0) yield queue;
    for (const { delayed } of this.#exchanges.values()) if (delayed?.logId) yield delayed;
    for (const window of this.#deduplication.windows.values()) if (window.logId > 0) yield window;
  }

  /** What delayed exchanges hold back, exchange by exchange. */
  *delayedMessages(): Iterable<DelayedMessages> {
    for (const { delayed } of this.#exchanges.values()) if (delayed) yield delayed;
  }

  /** What an exchange or a queue that drops repeated messages remembers; undefined for the others. */
  deduplication(place: Destination): DeduplicationWindow | undefined {
    return this.#deduplication.windows.get(place);
  }

  /** The broker stops in order. */
  close(): void {
    for (const queue of this.#queues) queue.close();
    for (const delayed of this.delayedMessages()) delayed.close();
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  get queues(): Iterable<Queue> {
    return this.#queues;
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /** @throws AmqpError 404 when there is none, 405 when another connection has it for itself. */
  requireQueue(name: string, owner: object): Queue {
    return this.#queues.require(name, owner);
  }

  /** @throws AmqpError 405 when another connection has the queue for itself. */
  checkOwner(queue: Queue, owner: object): void {
    this.#queues.checkOwner(queue, owner);
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
    return this.#queues.declare(given, owner, nameIsGenerated);
  }

  /**
   * Deletes a queue and answers how many ready messages went with it.
   * @throws AmqpError 406 when it is not as unused or empty as asked, 540 when a quorum queue is asked that.
   */
  deleteQueue(queue: Queue, ifUnused = false, ifEmpty = false): number {
    return this.#queues.delete(queue, ifUnused, ifEmpty);
  }

  deleteUnused(queue: Queue): void {
    if (!queue.isDeleted) this.deleteQueue(queue);
  }

  /** A connection is going: so are the queues it had for itself. */
  deleteQueuesOf(owner: object): void {
    this.#queues.deleteOf(owner);
  }

  sendDeadLetter(queue: Queue, content: Content, reason: DeathReason, taken?: Takers): boolean {
    return sendDeadLetter(this, queue, content, reason, taken);
  }
}
