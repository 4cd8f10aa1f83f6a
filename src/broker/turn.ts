// The end of a turn: what many events of one turn of the event loop caused is done once, in order. First queues hand out
// messages, then connections send what was written for them.
import type { Clock } from '../platform/clock.ts';

export interface TurnTask {
  /** Set while the task waits for the end of the turn; owned by `Turn`. */
  isScheduled: boolean;
  endTurn(): void;
}

export class Turn {
  readonly #clock: Clock;
  #dispatches: TurnTask[] = [];
  #flushes: TurnTask[] = [];
  #deferred = false;
  #isEnding = false;
  /** When this turn first asked for the time; 0 before. */
  #nowMs = 0;
  readonly #atDispatched: () => void;

  /** `atDispatched` runs once in every turn that had anything to do: when all is handed out, before it is sent. */
  constructor(clock: Clock, atDispatched: () => void = () => {}) {
    this.#clock = clock;
    this.#atDispatched = atDispatched;
  }

  /** What time it is, in ms since 1970; the same for all of a turn, which is short, so that asking costs nothing. */
  get nowMs(): number {
    if (this.#nowMs === 0) {
      this.#nowMs = this.#clock.now();
      if (!this.#isEnding) this.#defer();
    }
    return this.#nowMs;
  }

  /** Makes sure that this turn has an end. */
  end(): void {
    this.#defer();
  }

  /** A queue that has both messages and consumers. */
  dispatchLater(task: TurnTask): void {
    if (task.isScheduled) return;
    task.isScheduled = true;
    this.#dispatches.push(task);
    this.#defer();
  }

  /** A connection that has something to send. */
  flushLater(task: TurnTask): void {
    if (task.isScheduled) return;
    task.isScheduled = true;
    this.#flushes.push(task);
    this.#defer();
  }

  #defer(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#clock.defer(this.#end);
  }

  readonly #end = (): void => {
    // Tasks that are scheduled from here on belong to the next turn, but for flushes that dispatching asks for.
    this.#deferred = false;
    this.#isEnding = true;
    this.#nowMs = 0;
    const dispatches = this.#dispatches;
    this.#dispatches = [];
    for (const task of dispatches) {
      task.isScheduled = false;
      task.endTurn();
    }
    // The disk is at work while the sockets are written to.
    this.#atDispatched();
    const flushes = this.#flushes;
    this.#flushes = [];
    for (const task of flushes) {
      task.isScheduled = false;
      task.endTurn();
    }
    this.#isEnding = false;
    this.#nowMs = 0;
  };
}
