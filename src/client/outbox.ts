// All messages that are on their way over one connection: bounded in number and bytes, kept in order per exchange, each with a
// time limit. It outlives every single connection; lanes carry the messages.
import { type AMQPError, OutboxFull } from './base/errors.ts';
import { Deadlines } from './deadlines.ts';
import { Deque } from './deque.ts';
import { Lane, type LaneHost } from './lane.ts';
import type { OutboxLimits } from './options.ts';
import type { Publication } from './publication.ts';

/** Exchanges that have a channel of their own at a time; the least recently used goes first. */
const MAX_LANES = 16;
/** When all are busy, further exchanges share one. */
const SHARED = 'shared';

export class Outbox {
  readonly #host: LaneHost;
  readonly #limits: OutboxLimits;
  readonly #lanes = new Map<string, Lane>();
  /** Publishes that wait for room. */
  readonly #waiting = new Deque<Publication>();
  #messages = 0;
  #bytes = 0;
  #uses = 0;
  readonly #deadlines: Deadlines;
  #closed: AMQPError | undefined;
  #down: AMQPError | undefined;
  #drained: (() => void)[] = [];

  constructor(host: LaneHost, limits: OutboxLimits) {
    this.#host = host;
    this.#limits = limits;
    this.#deadlines = new Deadlines(
      host.clock,
      () => this.#publications(),
      (publication) => this.#whyLate(publication),
    );
  }

  /** Messages that are not settled yet. */
  get pending(): number {
    return this.#messages + this.#waiting.size;
  }

  /** Takes a message on its way, or says why not by its promise. */
  submit(publication: Publication): void {
    if (this.#closed) {
      publication.fail(this.#closed);
      return;
    }
    this.#deadlines.watch(publication);
    if (this.#waiting.size === 0 && this.#hasRoom(publication)) this.#admit(publication);
    else if (this.#limits.whenFull === 'wait') this.#wait(publication);
    else {
      const { maxMessages, maxBytes } = this.#limits;
      publication.fail(
        new OutboxFull(
          `${this.#messages} messages of ${this.#bytes} bytes are not confirmed yet; the outbox takes ${maxMessages} and ${maxBytes}`,
        ),
      );
    }
  }

  #wait(publication: Publication): void {
    // Given up before it was its turn: it must not hold up those behind it.
    publication.onReleased = this.#admitWaiting;
    this.#waiting.push(publication);
  }

  /** A message that is larger than the whole outbox goes alone. */
  #hasRoom({ sizeBytes }: Publication): boolean {
    const { maxMessages, maxBytes } = this.#limits;
    if (this.#messages >= maxMessages) return false;
    return this.#bytes + sizeBytes <= maxBytes || this.#messages === 0;
  }

  #admit(publication: Publication): void {
    this.#messages++;
    this.#bytes += publication.sizeBytes;
    publication.onReleased = this.#release;
    const lane = this.#laneOf(publication);
    lane.usedAt = ++this.#uses;
    lane.add(publication);
  }

  readonly #release = (publication: Publication): void => {
    this.#messages--;
    this.#bytes -= publication.sizeBytes;
    if (this.#waiting.size > 0) this.#admitWaiting();
    if (this.#drained.length > 0) this.#tellDrained();
  };

  #tellDrained(): void {
    if (this.pending > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  readonly #admitWaiting = (): void => {
    for (;;) {
      const next = this.#waiting.peek();
      if (!next || !(next.isSettled || this.#hasRoom(next))) break;
      this.#waiting.shift();
      if (!next.isSettled) this.#admit(next);
    }
    if (this.#drained.length > 0) this.#tellDrained();
  };

  #laneOf({ exchange, isTracked }: Publication): Lane {
    const key = `${isTracked ? '+' : '-'}${exchange}`;
    const lane = this.#lanes.get(key);
    if (lane) return lane;
    if (this.#lanes.size < MAX_LANES || this.#retireOne()) return this.#newLane(key, isTracked);
    const shared = `${SHARED}${isTracked ? '+' : '-'}`;
    return this.#lanes.get(shared) ?? this.#newLane(shared, isTracked);
  }

  #newLane(key: string, confirm: boolean): Lane {
    const lane = new Lane(this.#host, confirm);
    if (this.#down) lane.disconnected(this.#down);
    this.#lanes.set(key, lane);
    return lane;
  }

  /** @returns false when all lanes are busy. */
  #retireOne(): boolean {
    let oldest: [string, Lane] | undefined;
    for (const entry of this.#lanes) {
      if (entry[1].isIdle && (!oldest || entry[1].usedAt < oldest[1].usedAt)) oldest = entry;
    }
    if (!oldest) return false;
    oldest[1].retire();
    this.#lanes.delete(oldest[0]);
    return true;
  }

  // --- time

  #whyLate(publication: Publication): string {
    if (!this.#host.isUp) return 'there is no connection';
    if (this.#host.isBlocked) return 'the broker has blocked the connection';
    return publication.attempts > 0 ? 'the broker did not confirm it' : 'it was not its turn yet';
  }

  *#publications(): Generator<Publication> {
    for (const lane of this.#lanes.values()) yield* lane.publications();
    yield* this.#waiting;
  }

  // --- the connection

  connected(): void {
    this.#down = undefined;
    for (const lane of this.#lanes.values()) lane.connected();
  }

  disconnected(error: AMQPError): void {
    this.#down = error;
    for (const lane of this.#lanes.values()) lane.disconnected(error);
  }

  /** The broker, or the socket, takes publishes again. */
  pump(): void {
    for (const lane of this.#lanes.values()) lane.pump();
  }

  /** Resolves when nothing is pending. */
  drained(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** There will be no connection soon: everything that waits is told why. */
  failAll(error: AMQPError): void {
    this.#down = error;
    for (const publication of [...this.#publications()]) publication.fail(error);
    this.#waiting.takeAll();
    this.#tellDrained();
  }

  /** Nothing is taken any more. */
  close(error: AMQPError): void {
    this.#closed = error;
    this.failAll(error);
    this.#deadlines.stop();
    for (const lane of this.#lanes.values()) lane.retire();
    this.#lanes.clear();
  }
}
