// How many deliveries of each message in a quorum queue have failed. Most messages have none, so only the others are here; the
// log keeps it for those that last.
import type { LoggedQueue } from '../../store/logged-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';

export class DeliveryCounts {
  readonly #queue: LoggedQueue;
  readonly #store: MessageStore;
  readonly #counts = new Map<number, number>();

  constructor(queue: LoggedQueue, store: MessageStore) {
    this.#queue = queue;
    this.#store = store;
  }

  of(sequence: number): number {
    return this.#counts.get(sequence) ?? 0;
  }

  /** One more has failed; answers how many. */
  failed(sequence: number): number {
    const count = this.of(sequence) + 1;
    this.#counts.set(sequence, count);
    this.#store.counted(this.#queue, sequence, count);
    return count;
  }

  /** The message is gone. */
  forget(sequence: number): void {
    if (this.#counts.size > 0) this.#counts.delete(sequence);
  }

  /** Says it all again, for a new file of the log. */
  repeat(): void {
    for (const [sequence, count] of this.#counts) this.#store.counted(this.#queue, sequence, count);
  }

  restore(counts: ReadonlyMap<number, number>): void {
    for (const [sequence, count] of counts) this.#counts.set(sequence, count);
  }

  clear(): void {
    this.#counts.clear();
  }
}
