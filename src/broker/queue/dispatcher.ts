// Hands a queue's messages to its consumers, as long as somebody can take one. What keeps messages from being handed out (they
// are not in memory, or the log does not know yet that they will be) is waited for.
import type { MessageStore } from '../../store/message-store.ts';
import type { Turn, TurnTask } from '../turn.ts';
import type { DeliveryNotice } from './delivery-notice.ts';
import type { Lane } from './lane.ts';
import type { QueueConsumers } from './queue-consumers.ts';
import type { ReadyMessages } from './ready-messages.ts';

interface DispatchedQueue extends TurnTask {
  readonly isDeleted: boolean;
  readonly ready: ReadyMessages;
  readonly consumers: QueueConsumers;
  readonly notice: DeliveryNotice;
  unackedCount: number;
}

/** Calls back when something that has to come first is done. */
export type Wait = (done: () => void) => void;

export class Dispatcher {
  readonly #queue: DispatchedQueue;
  readonly #store: MessageStore;
  readonly #turn: Turn;
  #isWaiting = false;

  constructor(queue: DispatchedQueue, store: MessageStore, turn: Turn) {
    this.#queue = queue;
    this.#store = store;
    this.#turn = turn;
  }

  /** Hands out what can be; there are messages and consumers. */
  serve(): void {
    const { notice, ready } = this.#queue;
    if (!notice.isGiven) {
      this.#wait((done) => notice.whenGiven(done));
      return;
    }
    const { lanes } = ready;
    for (let level = lanes.length - 1; level >= 0; level--) {
      const lane = lanes[level];
      if (lane !== undefined && lane.size > 0 && !this.#serveLane(lane)) return;
    }
  }

  /** False when something is left. Two loops rather than one over either: each stays with one kind of object, and quick. */
  #serveLane({ returned, fresh, redeliveredBelow }: Lane): boolean {
    const queue = this.#queue;
    const { ready } = queue;
    const { rota } = queue.consumers;
    const store = this.#store;
    while (returned.size > 0) {
      const { headSlot } = returned;
      if (!store.isResident(headSlot)) return this.#waitFor(headSlot);
      const consumer = rota.next();
      if (!consumer) return false;
      if (!consumer.noAck) queue.unackedCount += 1;
      const { headSequence, headOffset, headWasDelivered } = returned;
      returned.shift();
      ready.count -= 1;
      ready.bytes -= consumer.deliver(headSequence, headSlot, headOffset, headWasDelivered);
    }
    while (fresh.size > 0) {
      const { headSlot } = fresh;
      if (!store.isResident(headSlot)) return this.#waitFor(headSlot);
      const consumer = rota.next();
      if (!consumer) return false;
      if (!consumer.noAck) queue.unackedCount += 1;
      const { headSequence, headOffset } = fresh;
      fresh.shift();
      ready.count -= 1;
      const wasDelivered = headSequence < redeliveredBelow;
      ready.bytes -= consumer.deliver(headSequence, headSlot, headOffset, wasDelivered);
    }
    return true;
  }

  /** Deliveries go on when the messages at the head are back in memory. */
  #waitFor(slot: number): false {
    this.#wait((done) => this.#store.load(slot, done));
    return false;
  }

  #wait(until: Wait): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    until(() => {
      this.#isWaiting = false;
      if (!this.#queue.isDeleted) this.#turn.dispatchLater(this.#queue);
    });
  }

  /** What has to come before the message at the head can be taken by a basic.get, if anything. */
  get obstacle(): Wait | undefined {
    const { notice, ready } = this.#queue;
    const { first } = ready;
    if (!first) return undefined;
    if (!notice.isGiven) return (done) => notice.whenGiven(done);
    const { headSlot } = first;
    return this.#store.isResident(headSlot)
      ? undefined
      : (done) => this.#store.load(headSlot, done);
  }
}
