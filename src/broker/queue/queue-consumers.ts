// Who consumes from a queue, and who of them is served: all in turn, or with a single active consumer the first.
import { accessRefused } from '../refusal.ts';
import type { Consumer } from './consumer.ts';
import { Rota } from './rota.ts';

export class QueueConsumers {
  /** `x-single-active-consumer`: the first consumer is served, the others wait for it to go. */
  readonly isSingleActive: boolean;
  readonly #all = new Set<Consumer>();
  readonly rota = new Rota();

  constructor(isSingleActive: boolean) {
    this.isSingleActive = isSingleActive;
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.#all.values();
  }

  /** The one that came first; with `isSingleActive`, the one that is served. */
  get first(): Consumer | undefined {
    const [first] = this.#all;
    return first;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @throws AmqpError 403 when one consumer has, or wants, the queue (`resource`) for itself. */
  checkMayAdd(exclusive: boolean, resource: string): void {
    const [first] = this.#all;
    const taken = first !== undefined && (exclusive || first.exclusive);
    if (taken || (exclusive && this.isSingleActive)) {
      throw accessRefused(`${resource} in exclusive use`);
    }
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer);
    if (!this.isSingleActive || this.#all.size === 1) this.rota.add(consumer);
  }

  /** False when it is none of them. */
  remove(consumer: Consumer): boolean {
    const [first] = this.#all;
    if (!this.#all.delete(consumer)) return false;
    this.rota.remove(consumer);
    const [next] = this.#all;
    if (this.isSingleActive && consumer === first && next) this.rota.add(next);
    return true;
  }

  /** A parked consumer can take messages again; false when there is none such. */
  ready(consumer: Consumer): boolean {
    if (!consumer.isParked || !this.#all.has(consumer)) return false;
    this.rota.add(consumer);
    return true;
  }

  /** The queue is gone. */
  cancelAll(): void {
    const consumers = [...this.#all];
    this.#all.clear();
    for (const consumer of consumers) {
      this.rota.remove(consumer);
      consumer.cancelled();
    }
  }
}
