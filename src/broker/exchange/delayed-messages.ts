// What a delayed exchange holds back: messages in the store, and when each of them is due. For the log it is a queue with a
// number of its own, so everything survives what messages in queues survive. A message that is due is published anew and then
// settled, in this order, so that a crash may repeat it but never lose it.
//
// The time of publishing in the record of a message that waits is the time at which it is due: recovery finds it there.
import type { Clock, Timer } from '../../platform/clock.ts';
import { Content } from '../../protocol/content.ts';
import type { BasicProperties } from '../../protocol/properties.ts';
import { type DuePosition, DuePositions } from '../../store/due-positions.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';
import type { PositionHolder, PositionVisitor } from '../../store/position-holder.ts';
import { Enqueued } from '../enqueue.ts';
import { type MessageTaker, Need, storeMessage, viewMessage } from '../message.ts';
import { named } from '../refusal.ts';
import type { Turn, TurnTask } from '../turn.ts';
import { delayMsOf, released } from './delay.ts';

/** So many messages that are due go on in one turn; the others in the next. */
const RELEASED_PER_TURN = 256;

/** The clock is looked at again after that long: it may have been set. */
const LOOK_AGAIN_MS = 60_000;

/** How far into the list of waiting messages one may look. */
export const MAX_LISTED = 10_000;

export interface DelayedMessagesHost {
  readonly vhost: string;
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly clock: Clock;
  /** Sends a message on from that exchange, as if it were published now. */
  publish(exchange: string, content: Content): void;
}

/** A message that waits, as it is shown to people. */
export interface WaitingMessage {
  /** Tells it from all others of this exchange, for good. */
  readonly id: number;
  readonly dueAtMs: number;
  /** Where it was published: another exchange when it came by a binding from there. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Uint8Array;
}

const viewed = new Content();

export class DelayedMessages implements MessageTaker, PositionHolder, TurnTask {
  readonly exchange: string;
  readonly logId: number;
  readonly needs: number;
  isScheduled = false;
  readonly #host: DelayedMessagesHost;
  readonly #waiting: DuePositions;
  readonly #takers: readonly MessageTaker[] = [this];
  /** Stands in for the time when a record is written. */
  readonly #due = { nowMs: 0 };
  #nextSequence = 0;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isLoading = false;
  #isClosed = false;

  /** `logId` is the number in the log; 0 for an exchange that does not outlive the broker. */
  constructor(exchange: string, host: DelayedMessagesHost, logId: number) {
    this.exchange = exchange;
    this.#host = host;
    this.logId = logId;
    this.needs = Need.TIME | Need.LASTING | (logId > 0 ? Need.LOG : 0);
    this.#waiting = new DuePositions((deltaBytes) => host.store.account(deltaBytes));
    host.store.holders.add(this);
  }

  get count(): number {
    return this.#waiting.size;
  }
  get nextSequence(): number {
    return this.#nextSequence;
  }
  /** How it is called in sentences. */
  get title(): string {
    return named('exchange', this.exchange, this.#host.vhost);
  }

  /** Whether a message is to be held back. */
  wants(content: Content): boolean {
    return delayMsOf(content) > 0;
  }

  /** Nothing has to be known of a message beforehand. */
  prepare(): void {}

  /** Keeps a message until it is due; answers as `enqueue` does. */
  hold(content: Content): number {
    const dueAtMs = this.#host.turn.nowMs + delayMsOf(content);
    this.#due.nowMs = dueAtMs;
    const segment = storeMessage(this.#host.store, content, this.#takers, this.#due);
    this.#waiting.add(dueAtMs, this.#nextSequence, segment.slot, segment.recordAt);
    this.#nextSequence += 1;
    this.#wakeAt(dueAtMs);
    return segment.isLogged ? Enqueued.TAKEN + Enqueued.MUST_LAST : Enqueued.TAKEN;
  }

  /** Takes the messages that were waiting before the broker stopped. */
  restore(recovered: RecoveredQueue): void {
    for (let i = 0; i < recovered.size; i++) {
      const dueAtMs = recovered.publishedAtMs(i) ?? 0;
      this.#waiting.add(dueAtMs, recovered.sequence(i), recovered.slot(i), recovered.offset(i));
    }
    this.#nextSequence = recovered.nextSequence;
    this.#wakeAt(this.#waiting.nextAtMs);
  }

  #wakeAt(dueAtMs: number): void {
    if (this.#isClosed || dueAtMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = dueAtMs;
    const inMs = Math.max(0, dueAtMs - this.#host.clock.now());
    this.#timer = this.#host.clock.after(Math.min(inMs, LOOK_AGAIN_MS), this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#waiting.nextAtMs <= this.#host.clock.now()) this.#host.turn.dispatchLater(this);
    else if (this.#waiting.size > 0) this.#wakeAt(this.#waiting.nextAtMs);
  };

  /** Sends on what is due, as much as one turn may. */
  endTurn(): void {
    if (this.#isLoading || this.#isClosed) return;
    const { store, clock, turn } = this.#host;
    const waiting = this.#waiting;
    const nowMs = clock.now();
    for (let left = RELEASED_PER_TURN; waiting.nextAtMs <= nowMs; left--) {
      if (left === 0) {
        turn.dispatchLater(this);
        return;
      }
      if (!store.isResident(waiting.nextSlot)) {
        this.#load(waiting.nextSlot);
        return;
      }
      this.#release();
    }
    this.#wakeAt(waiting.nextAtMs);
  }

  #release(): void {
    const { nextSequence, nextSlot, nextOffset } = this.#waiting;
    this.#waiting.shift();
    viewMessage(this.#host.store.segment(nextSlot), nextOffset, viewed);
    this.#host.publish(this.exchange, released(viewed));
    this.#settle(nextSequence, nextSlot);
  }

  /** Goes on when the message that is due is in memory. */
  #load(slot: number): void {
    this.#isLoading = true;
    this.#host.store.load(slot, () => {
      this.#isLoading = false;
      this.#host.turn.dispatchLater(this);
    });
  }

  #settle(sequence: number, slot: number): void {
    const { store } = this.#host;
    if (this.logId === 0 || this.#isClosed) store.release(slot);
    else store.settle(this, sequence, slot);
  }

  /** Drops a message before it is due; false when it is not here, or not any more. */
  cancel(id: number): boolean {
    const found = this.#waiting.find(id);
    if (!found) return false;
    this.#waiting.remove(id);
    this.#settle(id, found.slot);
    return true;
  }

  /**
   * Passes to `done` what is due first, behind `offset` others; no more than `MAX_LISTED` in all. What is not in memory is read,
   * one segment after the other; what goes meanwhile is left out.
   */
  list(offset: number, limit: number, done: (messages: readonly WaitingMessage[]) => void): void {
    const from = Math.min(offset, MAX_LISTED);
    const count = Math.max(0, Math.min(limit, MAX_LISTED - from));
    this.#show(this.#waiting.list(from, count), [], done);
  }

  #show(
    listed: readonly DuePosition[],
    shown: WaitingMessage[],
    done: (messages: readonly WaitingMessage[]) => void,
  ): void {
    const { store } = this.#host;
    for (let i = 0; i < listed.length; i++) {
      const at = listed[i]!;
      if (!store.isResident(at.slot)) {
        store.load(at.slot, () => this.#show(this.#stillHere(listed.slice(i)), shown, done));
        return;
      }
      shown.push(this.#shown(at));
    }
    done(shown);
  }

  /** While something was loaded, records may have gone, or moved. */
  #stillHere(listed: readonly DuePosition[]): DuePosition[] {
    const found = this.#waiting.locate(new Set(listed.map(({ sequence }) => sequence)));
    return listed.flatMap(({ sequence }) => found.get(sequence) ?? []);
  }

  #shown({ sequence, dueAtMs, slot, offset }: DuePosition): WaitingMessage {
    viewMessage(this.#host.store.segment(slot), offset, viewed);
    const { exchange, routingKey, properties } = viewed;
    return { id: sequence, dueAtMs, exchange, routingKey, properties, body: viewed.body.slice() };
  }

  visitPositions(visitor: PositionVisitor): void {
    this.#waiting.visit(this, visitor);
  }

  /** The broker stops: nothing goes on any more, and everything stays. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** The exchange is deleted, and what waits goes with it. */
  delete(): void {
    this.close();
    this.#host.store.holders.delete(this);
    this.#waiting.eachSlot((slot) => this.#host.store.release(slot));
    this.#waiting.clear();
  }
}
