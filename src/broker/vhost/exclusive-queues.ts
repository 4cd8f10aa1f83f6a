// The queues that connections have for themselves, by connection: they go with it.
import type { Queue } from '../queue/queue.ts';

export class ExclusiveQueues {
  readonly #byOwner = new Map<object, Set<Queue>>();

  add(queue: Queue, owner: object): void {
    const queues = this.#byOwner.get(owner);
    if (queues) queues.add(queue);
    else this.#byOwner.set(owner, new Set([queue]));
  }

  remove(queue: Queue): void {
    if (queue.owner) this.#byOwner.get(queue.owner)?.delete(queue);
  }

  /** Takes away all queues of a connection and answers them. */
  take(owner: object): Iterable<Queue> {
    const queues = this.#byOwner.get(owner) ?? [];
    this.#byOwner.delete(owner);
    return queues;
  }
}
