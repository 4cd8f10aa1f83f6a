// Messages that leave a queue against its will: expired, one too many, rejected, delivered too often. They are counted out at
// once; what follows (a dead letter, the note in the log that the place is empty) waits here for its turn and, where the
// message is not in memory, for the disk. A message is settled only when its dead letter is in its queues, so that a crash
// in between leaves one of them.
import type { Clock, Timer } from '../../platform/clock.ts';
import { Content } from '../../protocol/content.ts';
import type { MessageStore } from '../../store/message-store.ts';
import type { PositionHolder, PositionVisitor } from '../../store/position-holder.ts';
import type { DeathReason, Takers } from '../dead-letter.ts';
import { bodyBytesOf, holdMessage, viewMessage } from '../message.ts';
import type { Churn, DeathCounters } from '../message-counters.ts';
import type { Turn, TurnTask } from '../turn.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { QueueType } from './queue-type.ts';
import type { ReadyMessages } from './ready-messages.ts';

/** How many are worked off in one turn, so that a million at once keep nobody waiting. */
const PER_TURN = 1000;

/** How long a dead letter that nobody would take, and that must not be lost, waits for the next try. */
const RETRY_MS = 10_000;

/** In place of a message's place: it never had one. */
const NO_PLACE = -1;

interface Departure {
  readonly sequence: number;
  slot: number;
  offset: number;
  readonly reason: DeathReason;
  /** Whether its body still counts among the queue's bytes. */
  isCounted: boolean;
  /** Who has its dead letter already, where it is kept until all have. */
  readonly taken?: Takers;
}

/** What they depart from. */
export interface DepartureQueue {
  readonly type: QueueType;
  readonly logId: number;
  readonly nextSequence: number;
  readonly isDeleted: boolean;
  readonly ready: ReadyMessages;
  readonly settings: QueueSettings;
  settleDelivered(sequence: number, slot: number): void;
  /** The body of a message that was counted has left. */
  bodyLeft(): void;
  /** Sends a message to where the queue's dead letters go, but not to `taken`, which grows; false when it has yet to be taken. */
  sendDeadLetter(content: Content, reason: DeathReason, taken?: Takers): boolean;
}

interface DepartureHost {
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly churn: Churn;
}

const dying = new Content();

function strategyOf({ deadLetterExchange, keepsDeadLetters }: QueueSettings) {
  if (deadLetterExchange === undefined) return 'disabled';
  return keepsDeadLetters ? 'at_least_once' : 'at_most_once';
}

export class Departures implements TurnTask, PositionHolder {
  isScheduled = false;
  readonly #queue: DepartureQueue;
  readonly #host: DepartureHost;
  #waiting: Departure[] = [];
  /** How many of them are done. */
  #done = 0;
  /** Dead letters that nobody took. */
  #kept: Departure[] = [];
  #retry: Timer | undefined;
  #isLoading = false;
  #deaths: DeathCounters | undefined;
  /** What `#deaths` was found by. */
  #deathsOf: QueueSettings | undefined;
  /** Departures whose bodies are still counted. */
  countedCount = 0;

  constructor(queue: DepartureQueue, host: DepartureHost) {
    this.#queue = queue;
    this.#host = host;
  }

  get size(): number {
    return this.#waiting.length - this.#done + this.#kept.length;
  }

  /** How many have died the way these die. */
  get #counters(): DeathCounters {
    const { type, settings } = this.#queue;
    if (this.#deaths && this.#deathsOf === settings) return this.#deaths;
    this.#deathsOf = settings;
    this.#deaths = this.#host.churn.deathsOf(type, strategyOf(settings));
    return this.#deaths;
  }

  /** A message that the queue would not take becomes a dead letter. */
  refused(content: Content): void {
    const { slot, recordAt } = holdMessage(this.#host.store, content);
    this.depart(NO_PLACE, slot, recordAt, 'maxlen');
  }

  /** A message that was ready has left; its body is still counted. */
  left(sequence: number, slot: number, offset: number, reason: DeathReason): void {
    const { store } = this.#host;
    if (store.isResident(slot)) {
      this.#queue.ready.bytes -= bodyBytesOf(store.segment(slot), offset);
      this.depart(sequence, slot, offset, reason);
    } else {
      this.#counters[reason] += 1;
      this.#add({ sequence, slot, offset, reason, isCounted: true });
    }
  }

  /** A message that was not ready leaves. */
  depart(sequence: number, slot: number, offset: number, reason: DeathReason): void {
    this.#counters[reason] += 1;
    if (this.#queue.settings.deadLetterExchange === undefined) this.#leave(sequence, slot);
    else this.#add({ sequence, slot, offset, reason, isCounted: false });
  }

  #leave(sequence: number, slot: number): void {
    if (sequence === NO_PLACE) this.#host.store.release(slot);
    else this.#queue.settleDelivered(sequence, slot);
  }

  #add(departure: Departure): void {
    if (this.size === 0) this.#host.store.holders.add(this);
    if (departure.isCounted) this.countedCount += 1;
    this.#waiting.push(departure);
    this.#host.turn.dispatchLater(this);
  }

  endTurn(): void {
    const { store, turn } = this.#host;
    const until = Math.min(this.#waiting.length, this.#done + PER_TURN);
    while (this.#done < until && !this.#isLoading) {
      const departure = this.#waiting[this.#done]!;
      if (store.isResident(departure.slot)) {
        this.#done += 1;
        this.#depart(departure);
      } else {
        this.#load(departure.slot);
      }
    }
    if (this.#done === this.#waiting.length) {
      this.#waiting = [];
      this.#done = 0;
      if (this.size === 0) store.holders.delete(this);
    } else if (!this.#isLoading) {
      turn.dispatchLater(this);
    }
  }

  #load(slot: number): void {
    this.#isLoading = true;
    this.#host.store.load(slot, () => {
      this.#isLoading = false;
      this.endTurn();
    });
  }

  #depart(departure: Departure): void {
    const { sequence, slot, offset, reason, isCounted } = departure;
    const segment = this.#host.store.segment(slot);
    if (isCounted) {
      this.countedCount -= 1;
      this.#queue.ready.bytes -= bodyBytesOf(segment, offset);
      this.#queue.bodyLeft();
    }
    const { deadLetterExchange, keepsDeadLetters } = this.#queue.settings;
    if (deadLetterExchange !== undefined) {
      viewMessage(segment, offset, dying);
      const taken = keepsDeadLetters ? (departure.taken ?? new Set()) : undefined;
      const isTaken = this.#queue.sendDeadLetter(dying, reason, taken);
      if (!isTaken && taken && !this.#queue.isDeleted) {
        this.#keep({ ...departure, isCounted: false, taken });
        return;
      }
      if (taken) this.#counters.confirmed += 1;
    }
    this.#leave(sequence, slot);
  }

  /** The queue counts anew, without those that are leaving. */
  uncount(): void {
    for (const departure of this.#waiting) departure.isCounted = false;
    this.countedCount = 0;
  }

  #keep(departure: Departure): void {
    this.#kept.push(departure);
    this.#retry ??= this.#host.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.#waiting.push(...this.#kept.splice(0));
      this.#host.turn.dispatchLater(this);
    });
  }

  /** The queue is gone, or the broker stops: nothing is tried again. */
  stop(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (!this.#queue.isDeleted) return;
    for (const { slot } of this.#kept.splice(0)) this.#host.store.release(slot);
    if (this.size === 0) this.#host.store.holders.delete(this);
  }

  visitPositions(visitor: PositionVisitor): void {
    const queue = this.#queue.isDeleted ? undefined : this.#queue;
    for (const list of [this.#waiting.slice(this.#done), this.#kept]) {
      for (const departure of list) {
        const { sequence, slot, offset } = departure;
        if (!visitor.moving.has(slot)) continue;
        const holder = sequence === NO_PLACE ? undefined : queue;
        if (!visitor.visit(holder, sequence, slot, offset)) continue;
        departure.slot = visitor.slot;
        departure.offset = visitor.offset;
      }
    }
  }
}
