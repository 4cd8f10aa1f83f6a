// What the log knows of a queue's deliveries. After a crash, messages that may have been handed out have to come as
// redelivered; so the log is told before the first consumer, or basic.get, of a durable queue gets any, and when the last
// consumer has gone, what is fresh from there on.
import type { MessageStore } from '../../store/message-store.ts';
import type { ReadyMessages } from './ready-messages.ts';

interface NoticedQueue {
  readonly logId: number;
  readonly nextSequence: number;
  readonly unackedCount: number;
  readonly ready: ReadyMessages;
}

export class DeliveryNotice {
  readonly #queue: NoticedQueue;
  readonly #store: MessageStore;
  /** The log says that any message may have been delivered, from this generation of it on; undefined: it does not. */
  #openSince: number | undefined;

  constructor(queue: NoticedQueue, store: MessageStore) {
    this.#queue = queue;
    this.#store = store;
  }

  /** Whether messages may be handed out. */
  get isGiven(): boolean {
    return this.#queue.logId === 0 || this.#store.syncedGeneration >= this.open();
  }

  /** Says that any message may be delivered from now on, and answers from which generation of the log it says so. */
  open(): number {
    if (this.#openSince === undefined) {
      this.#store.delivered(this.#queue);
      this.#openSince = this.#store.generation;
    }
    return this.#openSince;
  }

  /** Calls `given` when messages may be handed out. */
  whenGiven(given: () => void): void {
    if (this.isGiven) given();
    else this.#store.whenSynced(() => this.whenGiven(given));
  }

  /** Nobody consumes any more: what comes from here on has not been delivered. */
  close(): void {
    if (this.#openSince === undefined) return;
    this.#openSince = undefined;
    this.#writeBelow();
  }

  /** Says it again, for a new file of the log. */
  repeat(): void {
    if (this.#openSince !== undefined) this.#store.delivered(this.#queue);
    else if (this.#queue.ready.count + this.#queue.unackedCount > 0) this.#writeBelow();
  }

  #writeBelow(): void {
    for (const lane of this.#queue.ready.lanes) {
      if (lane !== undefined) this.#store.delivered(this.#queue, lane.deliveredBelow);
    }
  }
}
