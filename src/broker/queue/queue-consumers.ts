// Who consumes from a queue, and who of them is served: all in turn, or a single active one. That is the one that came first; a
// queue that goes by priority passes on to one of a higher priority as soon as the active one has settled what it has.
import { accessRefused } from '../refusal.ts';
import type { Consumer } from './consumer.ts';
import type { Service } from './queue-type.ts';
import { Rota } from './rota.ts';

export class QueueConsumers {
  readonly rota = new Rota();
  readonly #service: Service;
  readonly #all = new Set<Consumer>();
  #active: Consumer | undefined;

  constructor(service: Service) {
    this.#service = service;
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.#all.values();
  }

  /** `x-single-active-consumer`: one is served, the others wait for it to go. */
  get isSingleActive(): boolean {
    return this.#service !== 'all';
  }

  /** The one that is served where only one is. */
  get active(): Consumer | undefined {
    return this.#active;
  }

  /** The one that came first. */
  get first(): Consumer | undefined {
    const [first] = this.#all;
    return first;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @throws AmqpError 403 when one consumer has, or wants, the queue (`resource`) for itself. */
  checkMayAdd(exclusive: boolean, resource: string): void {
    const { first } = this;
    const taken = first !== undefined && (exclusive || first.exclusive);
    if (taken || (exclusive && this.isSingleActive)) {
      throw accessRefused(`${resource} in exclusive use`);
    }
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer);
    if (!this.isSingleActive) this.rota.add(consumer);
    else if (!this.#active) this.#activate(consumer);
    else if (this.#service === 'highest' && consumer.priority > this.#active.priority) {
      this.#replace(this.#active);
    }
  }

  /** False when it is none of them. */
  remove(consumer: Consumer): boolean {
    if (!this.#all.delete(consumer)) return false;
    this.rota.remove(consumer);
    const next = this.#next;
    // Who was to be replaced by the one that goes may stay.
    if (consumer === this.#active || (this.#active?.isLeaving && next === this.#active)) {
      this.#activate(next);
    }
    return true;
  }

  /** A parked consumer can take messages again, or one that is to be replaced has nothing left; false when it is neither. */
  ready(consumer: Consumer): boolean {
    if (!this.#all.has(consumer)) return false;
    if (consumer.isLeaving) {
      if (consumer.unackedCount > 0) return false;
      this.#activate(this.#next);
      return true;
    }
    if (!consumer.isParked || (this.isSingleActive && consumer !== this.#active)) return false;
    this.rota.add(consumer);
    return true;
  }

  /** It gets nothing more, and another one is served when it has settled what it has. */
  #replace(active: Consumer): void {
    this.rota.remove(active);
    if (active.unackedCount === 0) this.#activate(this.#next);
    else active.isLeaving = true;
  }

  #activate(consumer: Consumer | undefined): void {
    if (this.#active) this.#active.isLeaving = false;
    this.#active = consumer;
    if (consumer) this.rota.add(consumer);
  }

  /** Who is served next where only one is. */
  get #next(): Consumer | undefined {
    let next: Consumer | undefined;
    for (const consumer of this.#all) {
      if (!next || (this.#service === 'highest' && consumer.priority > next.priority)) {
        next = consumer;
      }
    }
    return next;
  }

  /** The queue is gone. */
  cancelAll(): void {
    const consumers = [...this.#all];
    this.#all.clear();
    this.#active = undefined;
    for (const consumer of consumers) {
      this.rota.remove(consumer);
      consumer.cancelled();
    }
  }
}
