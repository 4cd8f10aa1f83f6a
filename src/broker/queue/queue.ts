// A queue: messages in order, consumers in turn. It holds positions of records in the message store, never the messages
// themselves, and hands each to a consumer that settles it later: acknowledged, given back, or released at once (no-ack).
import type { FieldTable } from '../../protocol/field-table.ts';
import type { LoggedQueue } from '../../store/log/message-log.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';
import type { PositionHolder, PositionVisitor } from '../../store/position-holder.ts';
import { PositionQueue } from '../../store/position-queue.ts';
import { ReturnedPositions } from '../../store/returned-positions.ts';
import type { Binding } from '../binding.ts';
import { accessRefused, named } from '../refusal.ts';
import type { Turn, TurnTask } from '../turn.ts';
import type { Consumer } from './consumer.ts';
import { Rota } from './rota.ts';

export interface QueueProperties {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

/** What a queue needs from the vhost it is in. */
export interface QueueHost {
  readonly name: string;
  readonly turn: Turn;
  readonly store: MessageStore;
  /** The last consumer of an auto-delete queue is gone. */
  deleteUnused(queue: Queue): void;
}

export class Queue implements QueueProperties, TurnTask, LoggedQueue, PositionHolder {
  readonly kind = 'queue';
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  /** The arguments that count: those of the declaration and what policies make of them. */
  effective: FieldTable;
  /** The connection that an exclusive queue belongs to. */
  readonly owner: object | undefined;
  readonly incoming = new Set<Binding>();
  readonly logId: number;
  isScheduled = false;
  isDeleted = false;

  /** `x-single-active-consumer`: the first consumer is served, the others wait for it to go. */
  readonly #isSingleActive: boolean;
  readonly #host: QueueHost;
  readonly #consumers = new Set<Consumer>();
  readonly #rota = new Rota();
  /** Never delivered yet. */
  readonly #fresh: PositionQueue;
  /** Delivered once and given back; all of them come before the fresh ones. */
  readonly #returned = new ReturnedPositions();
  #unackedCount = 0;
  /** Fresh messages in places below this were there before a crash, and may have been delivered then. */
  #redeliveredBelow = 0;
  #isLoading = false;
  /** The log says that any message may have been delivered, from this generation of it on; undefined: it does not. */
  #openSince: number | undefined;

  /** `logId` is the queue's number in the log; 0 for a queue that does not outlive the broker. */
  constructor(properties: QueueProperties, host: QueueHost, owner: object | undefined, logId = 0) {
    this.name = properties.name;
    this.durable = properties.durable;
    this.exclusive = properties.exclusive;
    this.autoDelete = properties.autoDelete;
    this.arguments = properties.arguments;
    this.effective = properties.arguments;
    this.owner = owner;
    this.logId = logId;
    this.#host = host;
    host.store.holders.add(this);
    this.#fresh = new PositionQueue((deltaBytes) => host.store.account(deltaBytes));
    const singleActive = properties.arguments.get('x-single-active-consumer');
    this.#isSingleActive = singleActive?.type === 't' && singleActive.value;
  }

  get readyCount(): number {
    return this.#fresh.size + this.#returned.size;
  }
  /** The place that the next message takes. */
  get nextSequence(): number {
    return this.#fresh.headSequence + this.#fresh.size;
  }
  /** Messages in places below this may have been delivered, in this life of the broker or before. */
  get #deliveredBelow(): number {
    return Math.max(this.#fresh.headSequence, this.#redeliveredBelow);
  }
  get unackedCount(): number {
    return this.#unackedCount;
  }
  get consumerCount(): number {
    return this.#consumers.size;
  }
  get consumers(): Iterable<Consumer> {
    return this.#consumers;
  }
  /** The vhost's name. */
  get vhost(): string {
    return this.#host.name;
  }

  /** Appends a record that the queue holds one reference to. */
  publish(slot: number, offset: number): void {
    this.#fresh.push(slot, offset);
    if (this.#consumers.size > 0) this.#host.turn.dispatchLater(this);
  }

  /** Goes by other arguments from here on. */
  apply(effective: FieldTable): void {
    this.effective = effective;
  }

  /** @throws AmqpError 403 when one consumer has, or wants, the queue for itself. */
  checkMayConsume(exclusive: boolean): void {
    const [first] = this.#consumers;
    const taken = first !== undefined && (exclusive || first.exclusive);
    if (taken || (exclusive && this.#isSingleActive)) {
      throw accessRefused(`${named('queue', this.name, this.vhost)} in exclusive use`);
    }
  }

  addConsumer(consumer: Consumer): void {
    this.checkMayConsume(consumer.exclusive);
    this.#consumers.add(consumer);
    if (!this.#isSingleActive || this.#consumers.size === 1) this.#rota.add(consumer);
    if (this.readyCount > 0) this.#host.turn.dispatchLater(this);
  }

  /** Takes a consumer away; what it has unacknowledged stays its channel's. */
  removeConsumer(consumer: Consumer): void {
    const [first] = this.#consumers;
    if (!this.#consumers.delete(consumer)) return;
    this.#rota.remove(consumer);
    if (this.#isSingleActive && consumer === first) this.#activateNext();
    if (this.#consumers.size === 0) this.#closeInLog();
    if (this.autoDelete && this.#consumers.size === 0) this.#host.deleteUnused(this);
  }

  /** Notes again what may have been delivered. */
  repeatDelivered(): void {
    const { store } = this.#host;
    if (this.#openSince !== undefined) store.delivered(this);
    else if (this.readyCount + this.#unackedCount > 0 && this.#deliveredBelow > 0) {
      store.delivered(this, this.#deliveredBelow);
    }
  }

  #activateNext(): void {
    const [next] = this.#consumers;
    if (!next) return;
    this.#rota.add(next);
    if (this.readyCount > 0) this.#host.turn.dispatchLater(this);
  }

  /** A parked consumer can take messages again. */
  consumerReady(consumer: Consumer): void {
    if (!consumer.isParked || !this.#consumers.has(consumer)) return;
    this.#rota.add(consumer);
    if (this.readyCount > 0) this.#host.turn.dispatchLater(this);
  }

  endTurn(): void {
    this.dispatch();
  }

  /**
   * Whether messages may be handed out: after a crash they have to come as redelivered, so the log must know before. The
   * first consumer, or basic.get, of a durable queue waits for that once.
   */
  get mayDeliver(): boolean {
    return this.logId === 0 || this.#host.store.syncedGeneration >= this.#openInLog();
  }

  #openInLog(): number {
    if (this.#openSince === undefined) {
      this.#host.store.delivered(this);
      this.#openSince = this.#host.store.generation;
    }
    return this.#openSince;
  }

  /** Calls `ready` when messages may be handed out. */
  whenMayDeliver(ready: () => void): void {
    if (this.mayDeliver) ready();
    else this.#host.store.whenSynced(() => this.whenMayDeliver(ready));
  }

  /** Nobody consumes any more: what comes from here on has not been delivered. */
  #closeInLog(): void {
    if (this.#openSince === undefined) return;
    this.#openSince = undefined;
    this.#host.store.delivered(this, this.#deliveredBelow);
  }

  /** The broker stops in order. */
  close(): void {
    this.#closeInLog();
  }

  /** Hands out messages as long as somebody can take one. */
  dispatch(): void {
    const returned = this.#returned;
    const fresh = this.#fresh;
    const { store } = this.#host;
    if (this.#consumers.size === 0 || this.readyCount === 0) return;
    if (!this.mayDeliver) {
      this.#dispatchWhenOpen();
      return;
    }
    // Two loops rather than one over either: each stays with one kind of object, which is what makes them quick.
    while (returned.size > 0) {
      const { headSlot } = returned;
      if (!store.isResident(headSlot)) {
        this.#load(headSlot);
        return;
      }
      const consumer = this.#rota.next();
      if (!consumer) return;
      if (!consumer.noAck) this.#unackedCount += 1;
      const { headSequence, headOffset, headWasDelivered } = returned;
      returned.shift();
      consumer.deliver(headSequence, headSlot, headOffset, headWasDelivered);
    }
    while (fresh.size > 0) {
      const { headSlot } = fresh;
      if (!store.isResident(headSlot)) {
        this.#load(headSlot);
        return;
      }
      const consumer = this.#rota.next();
      if (!consumer) return;
      if (!consumer.noAck) this.#unackedCount += 1;
      const { headSequence, headOffset } = fresh;
      fresh.shift();
      consumer.deliver(headSequence, headSlot, headOffset, headSequence < this.#redeliveredBelow);
    }
  }

  #dispatchWhenOpen(): void {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.whenMayDeliver(() => {
      this.#isLoading = false;
      if (!this.isDeleted) this.#host.turn.dispatchLater(this);
    });
  }

  /** Deliveries go on when the messages at the head are back in memory. */
  #load(slot: number): void {
    if (this.#isLoading || this.#consumers.size === 0) return;
    this.#isLoading = true;
    this.#host.store.load(slot, () => {
      this.#isLoading = false;
      if (!this.isDeleted) this.#host.turn.dispatchLater(this);
    });
  }

  /** Whether the message at the head, if there is one, can be read now. */
  get isHeadResident(): boolean {
    const from = this.#returned.size > 0 ? this.#returned : this.#fresh;
    return from.size === 0 || this.#host.store.isResident(from.headSlot);
  }

  /** Brings the message at the head into memory. */
  loadHead(done: () => void): void {
    const from = this.#returned.size > 0 ? this.#returned : this.#fresh;
    this.#host.store.load(from.headSlot, done);
  }

  /**
   * Takes the message at the head for a basic.get and passes it to `take`; false when there is none. With `noAck` the
   * taker settles it as automatically acknowledged, otherwise it is unacknowledged until it is settled.
   */
  get(
    noAck: boolean,
    take: (sequence: number, slot: number, offset: number, redelivered: boolean) => void,
  ): boolean {
    const fromReturned = this.#returned.size > 0;
    const from = fromReturned ? this.#returned : this.#fresh;
    if (from.size === 0) return false;
    if (this.logId > 0) this.#openInLog();
    const { headSequence, headSlot, headOffset } = from;
    const wasDelivered = fromReturned
      ? this.#returned.headWasDelivered
      : headSequence < this.#redeliveredBelow;
    from.shift();
    if (!noAck) this.#unackedCount += 1;
    take(headSequence, headSlot, headOffset, wasDelivered);
    return true;
  }

  /** An unacknowledged message is done with: acknowledged, or refused for good. */
  settle(sequence: number, slot: number): void {
    this.#unackedCount -= 1;
    this.settleDelivered(sequence, slot);
  }

  /** A message was delivered and needs no acknowledgement. */
  settleDelivered(sequence: number, slot: number): void {
    if (this.logId === 0 || this.isDeleted) this.#host.store.release(slot);
    else this.#host.store.settle(this, sequence, slot);
  }

  /** An unacknowledged message comes back to the place it had. */
  requeue(sequence: number, slot: number, offset: number): void {
    this.#unackedCount -= 1;
    if (this.isDeleted) {
      this.#host.store.release(slot);
      return;
    }
    this.#returned.push(sequence, slot, offset);
    if (this.#consumers.size > 0) this.#host.turn.dispatchLater(this);
  }

  visitPositions(visitor: PositionVisitor): void {
    this.#returned.visit(this, visitor);
    this.#fresh.visit(this, visitor);
  }

  /** Drops all ready messages and returns how many there were. */
  purge(): number {
    const count = this.readyCount;
    for (const positions of [this.#returned, this.#fresh]) {
      while (positions.size > 0) {
        this.settleDelivered(positions.headSequence, positions.headSlot);
        positions.shift();
      }
    }
    return count;
  }

  /**
   * Takes the messages that were here before the broker stopped. Those that may have been delivered come as redelivered;
   * after a stop in order that is none but those that were given back.
   */
  restore(recovered: RecoveredQueue): void {
    let firstFresh = recovered.size;
    while (
      firstFresh > 0 &&
      recovered.sequence(firstFresh - 1) === expectedBefore(recovered, firstFresh)
    ) {
      firstFresh -= 1;
    }
    for (let i = 0; i < firstFresh; i++) {
      const sequence = recovered.sequence(i);
      const wasDelivered = sequence < recovered.deliveredBelow;
      this.#returned.push(sequence, recovered.slot(i), recovered.offset(i), wasDelivered);
    }
    this.#fresh.startAt(
      firstFresh < recovered.size ? recovered.sequence(firstFresh) : recovered.nextSequence,
    );
    for (let i = firstFresh; i < recovered.size; i++) {
      this.#fresh.push(recovered.slot(i), recovered.offset(i));
    }
    this.#redeliveredBelow = Math.min(recovered.deliveredBelow, this.nextSequence);
  }

  /** Ends the queue: consumers are told, ready messages dropped; unacknowledged ones may still be settled. */
  delete(): number {
    this.isDeleted = true;
    this.#host.store.holders.delete(this);
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    for (const consumer of consumers) {
      this.#rota.remove(consumer);
      consumer.cancelled();
    }
    return this.purge();
  }
}

/** The place of the message before `index`, if the places run on without a gap to the end. */
function expectedBefore(recovered: RecoveredQueue, index: number): number {
  return (index < recovered.size ? recovered.sequence(index) : recovered.nextSequence) - 1;
}
