// What is owed: every message that was sent, what became of it, and whether that may be. Knows nothing of brokers or clients.

/** A message on its way to one queue. */
interface Entry {
  readonly persistent: boolean;
  readonly sentIn: number;
  isConfirmed: boolean;
  deliveries: number;
  /** The broker's life in which it came last. */
  deliveredIn: number;
  isAcked: boolean;
  /** Something that was confirmed later on the same channel followed the ack: it must not come back. */
  isAckSafe: boolean;
}

export interface Summary {
  readonly sent: number;
  readonly confirmed: number;
  readonly delivered: number;
  readonly redelivered: number;
  readonly acked: number;
}

export class Ledger {
  #life = 0;
  #confirmedInLife = 0;
  #ackedInLife = 0;
  readonly problems: string[] = [];
  readonly #queues = new Map<string, Map<string, Entry>>();
  readonly #lastInOrder = new Map<string, number>();
  #redelivered = 0;

  /** Which life of the broker this is, counted from 0. */
  get life(): number {
    return this.#life;
  }
  /** Confirms and acknowledgements since the broker's life began. */
  get confirmedInLife(): number {
    return this.#confirmedInLife;
  }
  get ackedInLife(): number {
    return this.#ackedInLife;
  }

  /** The broker starts again. */
  beginLife(): void {
    this.#life += 1;
    this.#confirmedInLife = 0;
    this.#ackedInLife = 0;
  }

  #entry(queue: string, id: string): Entry | undefined {
    return this.#queues.get(queue)?.get(id);
  }

  sent(id: string, queues: readonly string[], persistent: boolean): void {
    for (const queue of queues) {
      const entries = this.#queues.get(queue) ?? new Map<string, Entry>();
      this.#queues.set(queue, entries);
      entries.set(id, {
        persistent,
        sentIn: this.life,
        isConfirmed: false,
        deliveries: 0,
        deliveredIn: -1,
        isAcked: false,
        isAckSafe: false,
      });
    }
  }

  confirmed(id: string, queues: readonly string[]): void {
    this.#confirmedInLife += 1;
    for (const queue of queues) {
      const entry = this.#entry(queue, id);
      if (entry) entry.isConfirmed = true;
    }
  }

  /** A message came out of a queue. `isIntact`: its body is what was sent under that id. */
  delivered(queue: string, id: string, redelivered: boolean, isIntact: boolean): void {
    const entry = this.#entry(queue, id);
    if (!entry || !isIntact) {
      this.#problem(entry ? 'changed' : 'invented', queue, id);
      return;
    }
    if (redelivered) this.#redelivered += 1;
    if (entry.deliveries > 0 && !redelivered) {
      this.#problem(`duplicate not redelivered, came in life ${entry.deliveredIn}`, queue, id);
    }
    if (entry.deliveries === 0 && redelivered && entry.sentIn === this.life) {
      this.#problem('first delivery marked redelivered', queue, id);
    }
    if (entry.isAckSafe) this.#problem('came back after its ack was safe', queue, id);
    if (!entry.persistent && entry.sentIn < this.life) {
      this.#problem('transient, but outlived the broker', queue, id);
    }
    entry.deliveries += 1;
    entry.deliveredIn = this.life;
  }

  /** For a queue with one consumer that gives nothing back: in one life, a publisher's messages come in order. */
  deliveredInOrder(queue: string, publisher: string, number: number): void {
    const key = `${this.life} ${queue} ${publisher}`;
    const last = this.#lastInOrder.get(key) ?? -1;
    if (number <= last) this.#problem(`came after ${last}`, queue, `${publisher}-${number}`);
    this.#lastInOrder.set(key, number);
  }

  acked(queue: string, id: string): void {
    this.#ackedInLife += 1;
    const entry = this.#entry(queue, id);
    if (entry) entry.isAcked = true;
  }

  ackSafe(queue: string, id: string): void {
    const entry = this.#entry(queue, id);
    if (entry) entry.isAckSafe = true;
  }

  /** Every queue has been emptied: what was confirmed must have come. */
  settle(): void {
    for (const [queue, entries] of this.#queues) {
      for (const [id, entry] of entries) {
        if (entry.persistent && entry.isConfirmed && entry.deliveries === 0) {
          this.#problem('confirmed and lost', queue, id);
        } else if (entry.persistent && entry.isConfirmed && !entry.isAcked) {
          this.#problem('confirmed, delivered and lost before its ack', queue, id);
        }
      }
    }
  }

  get summary(): Summary {
    const entries = [...this.#queues.values()].flatMap((queue) => [...queue.values()]);
    return {
      sent: entries.length,
      confirmed: entries.filter(({ isConfirmed }) => isConfirmed).length,
      delivered: entries.reduce((sum, { deliveries }) => sum + deliveries, 0),
      redelivered: this.#redelivered,
      acked: entries.filter(({ isAcked }) => isAcked).length,
    };
  }

  #problem(what: string, queue: string, id: string): void {
    this.problems.push(`life ${this.life}: ${id} in ${queue}: ${what}`);
  }
}
