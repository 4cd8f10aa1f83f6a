// The queues of a vhost: declaring, deleting, whose they are, and what the journal says of them.
import type { FieldTable } from '../../protocol/field-table.ts';
import {
  type Definition,
  decodeArguments,
  type QueueLogIds,
  queueDefinition,
  type VHostDefinition,
} from '../definitions.ts';
import { requireSame } from '../equivalence.ts';
import { isReached, type VHostLimits } from '../limits.ts';
import type { Churn } from '../message-counters.ts';
import type { QueueType as DefaultType } from '../policy/policy-keys.ts';
import { Queue } from '../queue/queue.ts';
import {
  checkQueueArguments,
  checkQueueProperties,
  requireSameQueueArguments,
} from '../queue/queue-arguments.ts';
import type { QueueHost, QueueProperties } from '../queue/queue-host.ts';
import {
  accessRefused,
  named,
  notFound,
  notImplemented,
  preconditionFailed,
  resourceLocked,
} from '../refusal.ts';
import type { Deduplication } from './deduplication.ts';
import { withDefaultType } from './default-type.ts';
import { type Exchanges, RESERVED_PREFIX } from './exchanges.ts';
import { ExclusiveQueues } from './exclusive-queues.ts';
import type { Recorder } from './recorder.ts';

/** What queues need of the vhost they are in. */
export interface QueuesServices {
  readonly host: QueueHost;
  /** The same queues as the exchanges find. */
  readonly all: Map<string, Queue>;
  readonly exchanges: Exchanges;
  readonly deduplication: Deduplication;
  readonly recorder: Recorder;
  readonly churn: Churn;
  readonly nextLogId: () => number;
  readonly defaultType: () => DefaultType | undefined;
  readonly limits: () => VHostLimits;
  /** Makes policies count for a queue that is new. */
  readonly applyPolicies: (queue: Queue) => void;
}

export class Queues {
  readonly #services: QueuesServices;
  readonly #all: Map<string, Queue>;
  readonly #exclusive = new ExclusiveQueues();
  readonly #vhost: string;

  constructor(services: QueuesServices) {
    this.#services = services;
    this.#all = services.all;
    this.#vhost = services.host.name;
  }

  [Symbol.iterator](): Iterator<Queue> {
    return this.#all.values();
  }

  get(name: string): Queue | undefined {
    return this.#all.get(name);
  }

  /** @throws AmqpError 404 when there is none, 405 when another connection has it for itself. */
  require(name: string, owner: object): Queue {
    const queue = this.#all.get(name);
    if (!queue) throw notFound(`no ${named('queue', name, this.#vhost)}`);
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
      `cannot obtain exclusive access to locked ${named('queue', queue, this.#vhost)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
    );
  }

  /**
   * Makes sure that a queue of these properties is there, and belongs to `owner` if it is exclusive.
   * @throws AmqpError 405 when it is another connection's, 406 when it has other properties or an argument cannot be,
   * 403 for a reserved name, 406 when the vhost has as many queues as it may.
   */
  declare(given: QueueProperties, owner: object, nameIsGenerated: boolean): Queue {
    const { churn, defaultType, nextLogId } = this.#services;
    churn.queueDeclared += 1;
    const properties = withDefaultType(given, defaultType());
    const { name, exclusive } = properties;
    const durable = properties.durable && !exclusive;
    const existing = this.#all.get(name);
    if (existing) {
      if (exclusive !== existing.exclusive) throw this.#locked(name);
      this.checkOwner(existing, owner);
      const resource = named('queue', name, this.#vhost);
      requireSame('durable', resource, existing.durable, durable);
      requireSame('auto_delete', resource, existing.autoDelete, properties.autoDelete);
      requireSameQueueArguments(resource, existing.arguments, properties.arguments);
      existing.redeclared();
      return existing;
    }
    if (!nameIsGenerated && name.startsWith(RESERVED_PREFIX)) {
      throw accessRefused(`queue name '${name}' contains reserved prefix 'amq.*'`);
    }
    this.#checkMayAdd(name);
    checkQueueArguments(name, this.#vhost, properties.arguments);
    checkQueueProperties(properties, this.#vhost, nameIsGenerated);
    const logIds = { logId: durable ? nextLogId() : 0 };
    const queue = this.#add({ ...properties, durable }, logIds, exclusive ? owner : undefined);
    if (exclusive) this.#exclusive.add(queue, owner);
    return queue;
  }

  #checkMayAdd(name: string): void {
    const { maxQueues } = this.#services.limits();
    if (!isReached(maxQueues, this.#all.size)) return;
    throw preconditionFailed(
      `cannot declare queue '${name}': queue limit in vhost '${this.#vhost}' (${maxQueues}) is reached`,
    );
  }

  #add(properties: QueueProperties, logIds: QueueLogIds, owner?: object): Queue {
    const { host, deduplication, exchanges, churn, recorder, applyPolicies } = this.#services;
    const queue = new Queue(properties, host, owner, logIds.logId);
    deduplication.add(queue, logIds.deduplicationLogId);
    this.#all.set(queue.name, queue);
    exchanges.router.queueChanged(queue);
    churn.queueCreated += 1;
    if (!recorder.isRestoring) applyPolicies(queue);
    if (queue.durable) recorder.record(this.#definition(queue));
    return queue;
  }

  /**
   * Deletes a queue and answers how many ready messages went with it.
   * @throws AmqpError 406 when it is not as unused or empty as asked, 540 when a quorum queue is asked that.
   */
  delete(queue: Queue, ifUnused = false, ifEmpty = false): number {
    const { exchanges, deduplication, churn, recorder } = this.#services;
    const { name, title } = queue;
    if (queue.type === 'quorum' && (ifUnused || ifEmpty)) {
      throw notImplemented(
        `cannot delete ${title}. queue.delete operations with ${ifUnused ? 'if-unused' : 'if-empty'} flag set are not supported by quorum queues`,
      );
    }
    if (ifUnused && queue.consumerCount > 0) throw preconditionFailed(`${title} in use`);
    if (ifEmpty && queue.readyCount > 0) throw preconditionFailed(`${title} not empty`);
    this.#all.delete(name);
    churn.queueDeleted += 1;
    churn.queues.get(queue.type)!.add(queue.counters);
    if (queue.durable) recorder.record({ noQueue: { vhost: this.#vhost, name } });
    this.#exclusive.remove(queue);
    exchanges.router.queueChanged(queue);
    exchanges.unbindAll(queue);
    deduplication.remove(queue);
    return queue.delete();
  }

  /** A connection is going: so are the queues it had for itself. */
  deleteOf(owner: object): void {
    for (const queue of this.#exclusive.take(owner)) if (!queue.isDeleted) this.delete(queue);
  }

  /** Carries out what an entry of the journal says of queues. */
  restore(definition: VHostDefinition): void {
    if ('queue' in definition) {
      const { queue } = definition;
      const restored: FieldTable = decodeArguments(queue.arguments);
      this.#add({ ...queue, durable: true, exclusive: false, arguments: restored }, queue);
    } else if ('noQueue' in definition) {
      const queue = this.#all.get(definition.noQueue.name);
      if (queue) this.delete(queue);
    }
  }

  /** Those that are to last, as entries of a journal. */
  *definitions(): Iterable<Definition> {
    for (const queue of this.#all.values()) if (queue.durable) yield this.#definition(queue);
  }

  #definition(queue: Queue): Definition {
    return queueDefinition(this.#vhost, queue, this.#services.deduplication.logIdOf(queue));
  }
}
