// How many deliveries of each message in a quorum queue came to nothing: those that failed, and those that its consumer gave back
// without blame. Most messages have none, so only the others are here; the log keeps it for those that last.
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { LoggedQueue } from '../../store/logged-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';

export class DeliveryCounts {
  readonly #queue: LoggedQueue;
  readonly #store: MessageStore;
  readonly #failures = new Map<number, number>();
  readonly #returns = new Map<number, number>();

  constructor(queue: LoggedQueue, store: MessageStore) {
    this.#queue = queue;
    this.#store = store;
  }

  /** Deliveries that failed. */
  failuresOf(sequence: number): number {
    return this.#failures.get(sequence) ?? 0;
  }

  /** All deliveries that came to nothing. */
  acquisitionsOf(sequence: number): number {
    return this.failuresOf(sequence) + (this.#returns.get(sequence) ?? 0);
  }

  /** One more has come to nothing; answers how many have failed. */
  cameBack(sequence: number, isFailure: boolean): number {
    const counts = isFailure ? this.#failures : this.#returns;
    const count = (counts.get(sequence) ?? 0) + 1;
    counts.set(sequence, count);
    this.#store.counted(this.#queue, sequence, count, isFailure);
    return this.failuresOf(sequence);
  }

  /** The message is gone. */
  forget(sequence: number): void {
    if (this.#failures.size > 0) this.#failures.delete(sequence);
    if (this.#returns.size > 0) this.#returns.delete(sequence);
  }

  /** Says it all again, for a new file of the log. */
  repeat(): void {
    for (const counts of [this.#failures, this.#returns]) {
      const isFailure = counts === this.#failures;
      for (const [sequence, count] of counts) {
        this.#store.counted(this.#queue, sequence, count, isFailure);
      }
    }
  }

  restore({ failures, returns }: RecoveredQueue): void {
    for (const [sequence, count] of failures) this.#failures.set(sequence, count);
    for (const [sequence, count] of returns) this.#returns.set(sequence, count);
  }
}
