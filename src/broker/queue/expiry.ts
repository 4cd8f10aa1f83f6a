// The ends of a queue's messages: each is due a time to live after it was published, its own or the queue's, whichever is
// shorter. Messages that are unacknowledged do not expire; those that come back have the time they had.
import type { Clock } from '../../platform/clock.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';
import { deadlineOf } from '../message.ts';
import type { Turn } from '../turn.ts';
import type { Lane } from './lane.ts';
import type { ReadyMessages, Removed } from './ready-messages.ts';
import { Schedule } from './schedule.ts';

/** How many messages are looked at, or expire, in one turn. */
const PER_TURN = 2000;

export interface ExpiringQueue {
  readonly ready: ReadyMessages;
  readonly isDeleted: boolean;
  /** Something is due: `removeDue` is wanted before long. */
  messagesDue(): void;
}

interface ExpiryHost {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly turn: Turn;
}

export class Expiry {
  /** The queue's; infinite when it has none. */
  #ttlMs = Number.POSITIVE_INFINITY;
  readonly #queue: ExpiringQueue;
  readonly #host: ExpiryHost;
  readonly #expired: Removed;
  /** From the first message on that may expire. */
  #schedule: Schedule | undefined;
  /** Goes up whenever all is counted anew. */
  #count = 0;
  /** There are messages whose times are not noted. */
  #hasUnnoted = false;

  /** `expired` takes over messages whose time has come. */
  constructor(queue: ExpiringQueue, host: ExpiryHost, expired: Removed) {
    this.#queue = queue;
    this.#host = host;
    this.#expired = expired;
  }

  /** Whether any message has ever had a time to expire. */
  get isUsed(): boolean {
    return this.#schedule !== undefined;
  }

  /** A message came, or came back, that is due at `atMs` or (infinite) never. */
  add(sequence: number, atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#schedule ??= this.#newSchedule();
    this.#schedule.add(sequence, atMs);
  }

  /**
   * The message in the place `sequence` came just now and is due in `lifeMs`. `isToBeServed`: the queue is dispatched at the end
   * of the turn. Then most messages that came to an empty queue have gone to consumers, so their times are
   * noted only by `noteLeft`, if they are still there.
   */
  published(sequence: number, lifeMs: number, isToBeServed: boolean): void {
    if (lifeMs === Number.POSITIVE_INFINITY) return;
    const { ready } = this.#queue;
    if (!isToBeServed || (ready.count > 1 && !this.#hasUnnoted)) {
      this.add(sequence, this.#host.turn.nowMs + lifeMs);
      return;
    }
    this.#schedule ??= this.#newSchedule();
    this.#hasUnnoted = true;
    const lane = ready.laneOf(sequence);
    if (sequence < lane.unnotedFrom) lane.unnotedFrom = sequence;
  }

  /** Notes when those messages expire that came and that nobody took. */
  noteLeft(): void {
    if (!this.#hasUnnoted) return;
    this.#hasUnnoted = false;
    for (const lane of this.#queue.ready.lanes) {
      if (lane === undefined) continue;
      const { fresh, unnotedFrom } = lane;
      lane.unnotedFrom = Number.POSITIVE_INFINITY;
      if (fresh.size > 0) this.#readFresh(lane, unnotedFrom, fresh.nextSequence, this.#count);
    }
  }

  #newSchedule(): Schedule {
    const { clock, store } = this.#host;
    const account = (deltaBytes: number) => store.account(deltaBytes);
    return new Schedule(clock, this.#queue.ready, account, () => this.#queue.messagesDue());
  }

  /** Takes out messages that are due; false when there are more of them, and it has to be called again. */
  removeDue(): boolean {
    const schedule = this.#schedule;
    if (schedule === undefined || schedule.nextAtMs === Number.POSITIVE_INFINITY) return true;
    const { nowMs } = this.#host.turn;
    if (schedule.nextAtMs > nowMs) return true;
    this.#queue.ready.remove(schedule.takeDue(nowMs, PER_TURN), this.#expired);
    return schedule.nextAtMs > nowMs;
  }

  /** A message is back in its place among those that were returned. */
  returned(sequence: number, slot: number, offset: number): void {
    if (!this.isUsed) return;
    const { store } = this.#host;
    if (store.isResident(slot)) this.#addRead(sequence, slot, offset);
    else this.#readReturned(this.#queue.ready.laneOf(sequence), new Set([sequence]));
  }

  #addRead(sequence: number, slot: number, offset: number): void {
    const { store, turn } = this.#host;
    this.add(sequence, deadlineOf(store.segment(slot), offset, this.#ttlMs, turn.nowMs));
  }

  /** Adds returned messages, those that are not in memory once they are. */
  #readReturned(lane: Lane, sequences: ReadonlySet<number>): void {
    const { store } = this.#host;
    const count = this.#count;
    const missing = new Map<number, Set<number>>();
    lane.returned.find(sequences, (sequence, slot, offset) => {
      const inSlot = missing.get(slot);
      if (store.isResident(slot)) this.#addRead(sequence, slot, offset);
      else if (inSlot) inSlot.add(sequence);
      else missing.set(slot, new Set([sequence]));
    });
    for (const [slot, those] of missing) {
      store.load(slot, () => {
        if (count === this.#count && !this.#queue.isDeleted) this.#readReturned(lane, those);
      });
    }
  }

  /** The queue's time to live has changed, for the messages that are here as well. */
  setTtl(ttlMs: number): void {
    if (ttlMs === this.#ttlMs) return;
    this.#ttlMs = ttlMs;
    this.#schedule?.clear();
    this.#count += 1;
    for (const lane of this.#queue.ready.lanes) {
      if (lane === undefined) continue;
      this.#readReturned(lane, new Set(lane.returned.inOrder()));
      this.#readFresh(lane, lane.fresh.headSequence, lane.fresh.nextSequence, this.#count);
    }
  }

  /** Adds fresh messages from one place on and before another, a part of them in each turn. */
  #readFresh(lane: Lane, from: number, before: number, count: number): void {
    if (count !== this.#count || this.#queue.isDeleted) return;
    const { fresh } = lane;
    const { store, clock } = this.#host;
    let left = PER_TURN;
    for (let at = fresh.firstFrom(from); at < before; at = fresh.firstFrom(at + 1)) {
      const slot = fresh.slotAt(at);
      if (!store.isResident(slot)) {
        store.load(slot, () => this.#readFresh(lane, at, before, count));
        return;
      }
      this.#addRead(at, slot, fresh.offsetAt(at));
      left -= 1;
      if (left > 0) continue;
      clock.defer(() => this.#readFresh(lane, at + 1, before, count));
      break;
    }
    this.#queue.messagesDue();
  }

  /** Adds what recovery found. */
  restore(recovered: RecoveredQueue): void {
    if (!recovered.isTimed && this.#ttlMs === Number.POSITIVE_INFINITY) return;
    const { nowMs } = this.#host.turn;
    for (let i = 0; i < recovered.size; i++) {
      const lifeMs = Math.min(this.#ttlMs, recovered.expirationMs(i) ?? Number.POSITIVE_INFINITY);
      this.add(recovered.sequence(i), (recovered.publishedAtMs(i) ?? nowMs) + lifeMs);
    }
  }

  /** No message is here any more, or nobody cares. */
  clear(): void {
    this.#count += 1;
    this.#schedule?.clear();
  }
}
