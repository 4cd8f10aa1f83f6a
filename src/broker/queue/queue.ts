// A queue: messages in order, consumers in turn. It holds positions of records in the message store, never the messages
// themselves, and hands each to a consumer that settles it later: acknowledged, rejected, given back, or released at once
// (no-ack). What only some queues have (expiry, limits, counts) is in files beside this one, and costs the others nothing.
import type { Content } from '../../protocol/content.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { PositionHolder, PositionVisitor } from '../../store/position-holder.ts';
import type { Binding } from '../binding.ts';
import type { DeathReason, Takers } from '../dead-letter.ts';
import { lifeOf, type MessageTaker, Need } from '../message.ts';
import { MessageCounters } from '../message-counters.ts';
import { named } from '../refusal.ts';
import type { TurnTask } from '../turn.ts';
import type { Consumer } from './consumer.ts';
import { CountedReturns } from './counted-returns.ts';
import { DeliveryNotice } from './delivery-notice.ts';
import { Departures } from './departures.ts';
import { Dispatcher, type Wait } from './dispatcher.ts';
import { Expiry } from './expiry.ts';
import { IdleTimer } from './idle-timer.ts';
import { LengthLimit } from './length-limit.ts';
import { QueueConsumers } from './queue-consumers.ts';
import type { QueueHost, QueueProperties } from './queue-host.ts';
import { type QueueSettings, settingsOf } from './queue-settings.ts';
import {
  levelOf,
  type Priorities,
  prioritiesOf,
  type QueueType,
  queueTypeOf,
  serviceOf,
} from './queue-type.ts';
import { ReadyMessages } from './ready-messages.ts';

export class Queue implements QueueProperties, TurnTask, MessageTaker, PositionHolder {
  readonly kind = 'queue';
  readonly name: string;
  readonly type: QueueType;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  /** The connection that an exclusive queue belongs to. */
  readonly owner: object | undefined;
  readonly incoming = new Set<Binding>();
  readonly counters = new MessageCounters();
  readonly logId: number;
  /** The arguments it goes by: its own, and what policies make of them. */
  effective: FieldTable;
  settings: QueueSettings;
  /** What it needs of the messages it takes (see message.ts). */
  needs = 0;
  readonly ready: ReadyMessages;
  readonly consumers: QueueConsumers;
  readonly notice: DeliveryNotice;
  /** Of a queue that counts deliveries. */
  readonly returns: CountedReturns | undefined;
  unackedCount = 0;
  isScheduled = false;
  isDeleted = false;

  readonly #host: QueueHost;
  readonly #dispatcher: Dispatcher;
  readonly #limit: LengthLimit;
  readonly #idle: IdleTimer;
  readonly #departures: Departures;
  readonly #priorities: Priorities;
  readonly #expiry: Expiry;
  /** Every message that comes may expire or be one too many. */
  #isWatched = false;

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
    this.type = queueTypeOf(properties.arguments);
    this.#priorities = prioritiesOf(this.type, properties.arguments);
    this.ready = new ReadyMessages(this.#priorities.byDefault, (delta) =>
      host.store.account(delta),
    );
    this.consumers = new QueueConsumers(serviceOf(this.type, properties.arguments));
    this.notice = new DeliveryNotice(this, host.store);
    this.#dispatcher = new Dispatcher(this, host.store, host.turn);
    this.#departures = new Departures(this, host);
    this.#limit = new LengthLimit(this.ready, this.#departures);
    this.#expiry = new Expiry(this, host, (sequence, slot, offset) =>
      this.#departures.left(sequence, slot, offset, 'expired'),
    );
    if (this.type === 'quorum') {
      this.returns = new CountedReturns(this, host.store, host.clock, this.#departures);
    }
    this.#idle = new IdleTimer(host.clock, () => host.deleteUnused(this));
    this.settings = settingsOf(properties.arguments, this.type);
    this.#adjust();
    host.store.holders.add(this);
  }

  /** From now on the queue goes by these arguments; messages that are here, too. */
  apply(effective: FieldTable): void {
    this.effective = effective;
    this.settings = settingsOf(effective, this.type);
    this.#adjust();
    this.#host.turn.dispatchLater(this);
  }

  #adjust(): void {
    const hasTtl = this.settings.ttlMs < Number.POSITIVE_INFINITY;
    this.#limit.set(this.settings);
    this.#isWatched = hasTtl || this.#limit.isSet;
    this.needs =
      (this.logId > 0 ? Need.LOG : 0) +
      (hasTtl ? Need.TIME : 0) +
      (this.#priorities.max > 0 ? Need.PLACE : 0) +
      (this.type === 'quorum' ? Need.LASTING : 0) +
      (this.#limit.refuses ? Need.CONSENT : 0);
    this.#expiry.setTtl(this.settings.ttlMs);
    this.#idle.set(this.settings.expiresMs);
  }

  get readyCount(): number {
    return this.ready.count;
  }
  /** Of the bodies of messages that are ready. */
  get readyBytes(): number {
    return this.ready.bytes;
  }
  /** Messages that came back and wait before they are handed out again. */
  get delayedCount(): number {
    return this.returns?.delayedCount ?? 0;
  }
  /** The place that the next message takes. */
  get nextSequence(): number {
    return this.ready.nextSequence;
  }
  get consumerCount(): number {
    return this.consumers.size;
  }
  /** The vhost's name. */
  get vhost(): string {
    return this.#host.name;
  }
  /** `queue 'jobs' in vhost '/'` */
  get title(): string {
    return named('queue', this.name, this.vhost);
  }

  prepare(content: Content): void {
    this.ready.chooseLevel(levelOf(content, this.#priorities));
  }

  /** Whether it would take a message, or somebody would take it from it; asked only where `needs` says CONSENT. */
  hasRoomFor({ bodyAt, bodyEnd }: Content): boolean {
    if (this.#limit.hasRoomFor(bodyEnd - bodyAt)) return true;
    this.dispatch();
    if (this.#limit.hasRoomFor(bodyEnd - bodyAt)) return true;
    const isFirst = this.ready.count === 0 || !this.notice.isGiven;
    return isFirst && this.consumers.rota.canServe();
  }

  /** The same for one that is published: if it is refused, it counts as published all the same, and may become a dead letter. */
  accepts(content: Content): boolean {
    if (this.hasRoomFor(content)) return true;
    this.counters.publish += 1;
    if (this.settings.overflow === 'reject-publish-dlx') this.#departures.refused(content);
    return false;
  }

  /** Appends a record that the queue holds one reference to. `timed`: it says when it was published. */
  publish(slot: number, offset: number, bodyBytes: number, timed: boolean): void {
    this.counters.publish += 1;
    this.ready.push(slot, offset, bodyBytes);
    if (timed || this.#isWatched) this.#watch(slot, offset, timed);
    if (this.consumers.size > 0) this.#host.turn.dispatchLater(this);
  }

  /** Looks after the message that was published just now. */
  #watch(slot: number, offset: number, timed: boolean): void {
    const sequence = this.ready.nextSequence - 1;
    const { ttlMs } = this.settings;
    const lifeMs = timed ? Math.min(ttlMs, lifeOf(this.#host.store.segment(slot), offset)) : ttlMs;
    // Due already: who is ready for it gets it, else it goes.
    const isDue = lifeMs <= 0;
    if (isDue && this.#expiry.removeDue()) this.#serve();
    this.#expiry.published(sequence, lifeMs, !isDue && this.consumers.size > 0);
    if (isDue) this.#expiry.removeDue();
    if (isDue || this.#limit.isExceeded) this.dispatch();
  }

  /** Messages are due to expire. */
  messagesDue(): void {
    this.#host.turn.dispatchLater(this);
  }

  /** @throws AmqpError 403 when one consumer has, or wants, the queue for itself. */
  checkMayConsume(exclusive: boolean): void {
    this.consumers.checkMayAdd(exclusive, this.title);
  }

  addConsumer(consumer: Consumer): void {
    this.checkMayConsume(consumer.exclusive);
    this.consumers.add(consumer);
    this.#idle.inUse(true);
    // What must be handed out at once or never cannot wait for the log later.
    if (this.#isWatched && this.logId > 0) this.notice.open();
    if (this.readyCount > 0) this.#host.turn.dispatchLater(this);
  }

  /** Takes a consumer away; what it has unacknowledged stays its channel's. */
  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return;
    if (this.readyCount > 0) this.#host.turn.dispatchLater(this);
    if (this.consumers.size > 0) return;
    this.notice.close();
    this.#idle.inUse(false);
    if (this.autoDelete) this.#host.deleteUnused(this);
  }

  /** A parked consumer can take messages again. */
  consumerReady(consumer: Consumer): void {
    if (this.consumers.ready(consumer) && this.readyCount > 0) {
      this.#host.turn.dispatchLater(this);
    }
  }

  /** Somebody has declared the queue again. */
  redeclared(): void {
    this.#idle.used();
  }

  endTurn(): void {
    if (!this.isDeleted) this.dispatch();
  }

  /** Lets go of what is due, hands out messages as long as somebody can take one, and drops what is too much then. */
  dispatch(): void {
    if (!this.#expiry.removeDue()) {
      this.#host.turn.dispatchLater(this);
      return;
    }
    this.#serve();
    this.#expiry.noteLeft();
    if (!this.#limit.isExceeded) return;
    // Somebody may be about to be served, as soon as the log knows.
    if (this.consumers.size > 0 && !this.notice.isGiven) return;
    if (!this.#limit.enforce()) this.#host.turn.dispatchLater(this);
  }

  #serve(): void {
    if (this.ready.count > 0 && this.consumers.size > 0) this.#dispatcher.serve();
  }

  /** What has to come before a basic.get can be answered, if anything. */
  get obstacle(): Wait | undefined {
    const { turn, clock } = this.#host;
    if (this.#expiry.removeDue()) return this.#dispatcher.obstacle;
    turn.dispatchLater(this);
    return (done) => clock.defer(done);
  }

  /**
   * Takes the message that comes first for a basic.get and passes it to `take`, which answers the size of its body; false when
   * there is none. With `noAck` the taker settles it as automatically acknowledged, otherwise it is unacknowledged until it is
   * settled.
   */
  get(
    noAck: boolean,
    take: (sequence: number, slot: number, offset: number, redelivered: boolean) => number,
  ): boolean {
    this.#idle.used();
    const lane = this.ready.first;
    if (!lane) return false;
    if (this.logId > 0) this.notice.open();
    const { headSequence, headSlot, headOffset, headWasDelivered } = lane;
    lane.shift();
    this.ready.count -= 1;
    if (!noAck) this.unackedCount += 1;
    this.ready.bytes -= take(headSequence!, headSlot, headOffset, headWasDelivered);
    return true;
  }

  /** An unacknowledged message is done with. */
  settle(sequence: number, slot: number): void {
    this.unackedCount -= 1;
    this.counters.ack += 1;
    this.settleDelivered(sequence, slot);
  }

  /** A message was delivered and needs no acknowledgement. */
  settleDelivered(sequence: number, slot: number): void {
    this.returns?.counts.forget(sequence);
    if (this.logId === 0 || this.isDeleted) this.#host.store.release(slot);
    else this.#host.store.settle(this, sequence, slot);
  }

  /** An unacknowledged message is refused for good: a dead letter, where there is a place for them. */
  reject(sequence: number, slot: number, offset: number): void {
    this.unackedCount -= 1;
    if (this.isDeleted) this.settleDelivered(sequence, slot);
    else this.#departures.depart(sequence, slot, offset, 'rejected');
  }

  /** An unacknowledged message comes back to the place it had. `isFailure`: its consumer could not cope with it. */
  requeue(
    sequence: number,
    slot: number,
    offset: number,
    bodyBytes: number,
    isFailure: boolean,
  ): void {
    this.unackedCount -= 1;
    if (this.isDeleted) {
      this.#host.store.release(slot);
      return;
    }
    if (this.returns) this.returns.take(sequence, slot, offset, bodyBytes, isFailure);
    else this.giveBack(sequence, slot, offset, bodyBytes);
  }

  /** A message is ready again, in the place it had. */
  giveBack(sequence: number, slot: number, offset: number, bodyBytes: number): void {
    this.ready.giveBack(sequence, slot, offset, bodyBytes);
    this.#expiry.returned(sequence, slot, offset);
    const isWatched = this.#expiry.isUsed || this.#limit.isExceeded;
    if (isWatched || this.consumers.size > 0) this.#host.turn.dispatchLater(this);
  }

  bodyLeft(): void {
    if (this.#limit.isExceeded) this.#host.turn.dispatchLater(this);
  }

  sendDeadLetter(content: Content, reason: DeathReason, taken?: Takers): boolean {
    return this.#host.sendDeadLetter(this, content, reason, taken);
  }

  /** Notes again what the log must know, for a new file of it. */
  repeatDelivered(): void {
    this.notice.repeat();
    this.returns?.counts.repeat();
  }

  visitPositions(visitor: PositionVisitor): void {
    this.ready.visit(this, visitor);
    this.returns?.visitPositions(visitor);
  }

  /** Drops all ready messages and returns how many there were. */
  purge(): number {
    const { count } = this.ready;
    this.ready.clear((sequence, slot) => this.settleDelivered(sequence, slot));
    this.#departures.uncount();
    this.#expiry.clear();
    return count;
  }

  /**
   * Takes the messages that were here before the broker stopped. Those that may have been delivered come as redelivered;
   * after a stop in order that is none but those that were given back.
   */
  restore(recovered: RecoveredQueue): void {
    this.ready.restore(recovered);
    this.#expiry.restore(recovered);
    this.returns?.restore(recovered);
    this.#host.turn.dispatchLater(this);
  }

  /** The broker stops in order. */
  close(): void {
    this.notice.close();
    this.#stop();
  }

  #stop(): void {
    this.#idle.stop();
    this.#expiry.clear();
    this.returns?.stop();
    this.#departures.stop();
  }

  /** Ends the queue: consumers are told, ready messages dropped; unacknowledged ones may still be settled. */
  delete(): number {
    this.isDeleted = true;
    this.#host.store.holders.delete(this);
    this.consumers.cancelAll();
    this.#stop();
    this.returns?.drop();
    return this.purge();
  }
}
