// What must, may and must not be in the queues, as far as clients can know: they see answers, never the inside. Between a
// request and its answer both outcomes are possible; what was promised by an answer has to hold in every later life.

/** Counts everything that clients send and see, through all lives of a broker. */
export type Time = number;

export const NEVER: Time = Number.POSITIVE_INFINITY;

/** When something was there: for certain within [madeAt, endAskedAt], perhaps within [askedAt, endedAt]. */
export interface Span {
  readonly askedAt: Time;
  madeAt: Time;
  endAskedAt: Time;
  endedAt: Time;
}

export function spanFrom(askedAt: Time): Span {
  return { askedAt, madeAt: NEVER, endAskedAt: NEVER, endedAt: NEVER };
}

/** A crash or an answer has decided: it is there now. */
export function keep(span: Span, now: Time): void {
  span.madeAt = Math.min(span.madeAt, now);
  span.endAskedAt = NEVER;
  span.endedAt = NEVER;
}

/** It is not there any more. */
export function end(span: Span, now: Time): void {
  span.endAskedAt = Math.min(span.endAskedAt, now);
  span.endedAt = Math.min(span.endedAt, now);
}

export function isSurelyThere(span: Span): boolean {
  return span.madeAt !== NEVER && span.endAskedAt === NEVER;
}

export interface Message {
  readonly id: number;
  /** The channel it was published on; of one publisher, ids ascend as they were sent. */
  readonly publisher: number;
  readonly life: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly isPersistent: boolean;
  readonly sizeBytes: number;
  /** NEVER while a transaction holds it. */
  sentAt: Time;
  /** When it was certain to be in its queues, if anywhere. */
  doneAt: Time;
}

/** The way from an exchange into a queue. */
export interface Route {
  readonly exchange: string;
  /** Undefined: any. */
  readonly key: string | undefined;
  readonly span: Span;
}

/** `maybe`: its end was asked for. `settled`: the broker has handled that. `gone`: and it has to last. */
export type Fate = 'here' | 'maybe' | 'settled' | 'gone';

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  /** The broker has promised that it outlives a crash. */
  isPromised: boolean;
  fate: Fate;
  /** When it was known to be settled. */
  settledAt: Time;
  /** When it was delivered for the first time. */
  deliveredAt: Time;
  /** The last life in which it was delivered and not marked redelivered. */
  freshInLife: number;
  /** It was delivered in an earlier life, and that was on disk. */
  mustBeRedelivered: boolean;
  /** Who has it unacknowledged. */
  holder: object | undefined;
}

export class Violation extends Error {}

/** One life of a queue, from its declaration to its deletion. */
export class QueueModel {
  readonly name: string;
  readonly isDurable: boolean;
  readonly span: Span;
  readonly routes: Route[];
  readonly entries = new Map<number, Entry>();
  /** How many queues of that name the broker had made before in the life in which this one was declared. */
  readonly creation: number;
  readonly createdInLife: number;
  /** Its number in the log, once it is known. */
  logId = 0;
  /** Messages may have gone unseen: somebody takes them without acknowledging. */
  isLeaky = false;
  /** Messages that were fetched for good, by an answer that nobody has seen. */
  unseenGets = 0;
  /** Somebody may have unacknowledged messages of it in this life. */
  isTouched = false;
  /** Messages sent before this may have been purged; NEVER while a purge is under way. */
  purgedAt: Time = 0;
  #purges = 0;
  /** The last life in which all of it was seen. */
  verifiedInLife = -1;

  constructor(name: string, isDurable: boolean, now: Time, life: number, creation: number) {
    this.name = name;
    this.isDurable = isDurable;
    this.span = spanFrom(now);
    this.routes = [{ exchange: '', key: name, span: this.span }];
    this.createdInLife = life;
    this.creation = creation;
  }

  /** Whether some route may have brought the message here. */
  mayHold({ exchange, routingKey, sentAt, doneAt }: Message): boolean {
    return this.routes.some(
      ({ exchange: from, key, span }) =>
        from === exchange &&
        (key === undefined || key === routingKey) &&
        span.askedAt <= doneAt &&
        span.endedAt >= sentAt &&
        this.span.endedAt >= sentAt,
    );
  }

  /** Whether the message must have come here: some route was there from before it was sent until now. */
  surelyGets({ exchange, routingKey, sentAt }: Message): boolean {
    if (this.span.endAskedAt !== NEVER) return false;
    return this.routes.some(
      ({ exchange: from, key, span }) =>
        from === exchange &&
        (key === undefined || key === routingKey) &&
        span.madeAt <= sentAt &&
        span.endAskedAt === NEVER,
    );
  }

  entry(message: Message): Entry {
    let entry = this.entries.get(message.id);
    if (!entry) {
      entry = {
        message,
        isPromised: false,
        fate: 'here',
        settledAt: NEVER,
        deliveredAt: NEVER,
        freshInLife: -1,
        mustBeRedelivered: false,
        holder: undefined,
      };
      this.entries.set(message.id, entry);
    }
    return entry;
  }

  /** The publisher has been told that the message is safe. */
  promised(message: Message): void {
    if (this.isLeaky || message.sentAt <= this.purgedAt) return;
    this.entry(message).isPromised = true;
  }

  /**
   * A message is handed to somebody. `isOutdated`: it was given back meanwhile, so others may have seen it since.
   * @throws Violation when it must not be there, or must be marked redelivered and is not.
   */
  delivered(
    message: Message,
    redelivered: boolean,
    life: number,
    now: Time,
    isOutdated: boolean,
  ): Entry {
    const what = `message ${message.id} in queue ${this.name}`;
    if (!this.mayHold(message)) throw new Violation(`${what} was never sent there`);
    const known = this.entries.get(message.id);
    if (message.life < life) {
      if (!message.isPersistent) throw new Violation(`${what} is transient and outlived a restart`);
      if (!this.isDurable) throw new Violation(`${what} outlived a restart in a transient queue`);
      if (!known && message.life < this.verifiedInLife) {
        throw new Violation(`${what} was not there after an earlier restart`);
      }
    }
    const entry = known ?? this.entry(message);
    if (isOutdated) return entry;
    if (entry.fate === 'gone')
      throw new Violation(`${what} came back after it was settled for good`);
    if (entry.fate === 'settled') throw new Violation(`${what} was delivered after it was settled`);
    // Two connections may hear in another order than the broker spoke, so a delivery that is marked may be seen first.
    const wasDelivered = entry.mustBeRedelivered || entry.freshInLife === life;
    if (wasDelivered && !redelivered) throw new Violation(`${what} is not marked redelivered`);
    if (!redelivered) entry.freshInLife = life;
    // It may be given back, and purged then.
    entry.fate = this.purgedAt === NEVER ? 'maybe' : 'here';
    if (entry.deliveredAt === NEVER) entry.deliveredAt = now;
    return entry;
  }

  /** The broker has stopped. What was certain when `syncedUpTo` was sent is certain for good. */
  stopped(syncedUpTo: Time, now: Time): void {
    for (const [id, entry] of this.entries) {
      if (!entry.message.isPersistent) {
        this.entries.delete(id);
        continue;
      }
      entry.holder = undefined;
      if (entry.fate === 'settled') entry.fate = entry.settledAt <= syncedUpTo ? 'gone' : 'maybe';
      if (entry.deliveredAt <= syncedUpTo) entry.mustBeRedelivered = true;
      entry.deliveredAt = NEVER;
    }
    this.isTouched = false;
    if (this.unseenGets > 0) this.isLeaky = true;
    this.unseenGets = 0;
    if (this.#purges > 0) this.purgedAt = now;
    this.#purges = 0;
  }

  /** A purge was asked for; returns what to do when it is answered. */
  purge(): (now: Time) => void {
    this.#purges += 1;
    this.purgedAt = NEVER;
    const ready = [...this.entries.values()].filter(({ fate }) => fate === 'here');
    for (const entry of ready) entry.fate = 'maybe';
    // What somebody has unacknowledged is not purged.
    const sure = this.isTouched ? [] : ready.filter(({ isPromised }) => isPromised);
    return (now) => {
      this.#purges -= 1;
      if (this.#purges === 0) this.purgedAt = now;
      if (!this.isTouched) for (const entry of sure) entry.fate = 'gone';
    };
  }

  /** How many messages must be there. */
  get promisedCount(): number {
    if (this.isLeaky) return 0;
    let count = 0;
    for (const { isPromised, fate } of this.entries.values()) {
      if (isPromised && fate === 'here') count += 1;
    }
    return count;
  }

  /** All messages were seen after a restart, in order: nothing may be missing, and what was not seen is gone. */
  verified(seen: readonly Message[], life: number): void {
    const ids = new Set<number>();
    const last = new Map<number, number>();
    for (const { id, publisher } of seen) {
      if (ids.has(id)) throw new Violation(`message ${id} is twice in queue ${this.name}`);
      ids.add(id);
      const before = last.get(publisher) ?? 0;
      if (before > id) {
        throw new Violation(`message ${id} comes behind ${before} in queue ${this.name}`);
      }
      last.set(publisher, id);
    }
    for (const [id, entry] of this.entries) {
      if (ids.has(id)) {
        entry.isPromised = true;
        entry.fate = 'here';
      } else {
        if (entry.isPromised && entry.fate === 'here' && !this.isLeaky) {
          throw new Violation(`message ${id} of queue ${this.name} was confirmed and is lost`);
        }
        entry.fate = 'gone';
      }
    }
    this.isLeaky = false;
    this.verifiedInLife = life;
  }
}
