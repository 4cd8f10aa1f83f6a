// Messages that came back and wait a while before they are handed out again (`x-delayed-retry-…`): longer the more often they
// failed. While they wait they are neither ready nor unacknowledged. A restart ends the wait.
import type { Clock } from '../../platform/clock.ts';
import type { DeadlineOwner } from '../../store/deadlines.ts';
import type { LoggedQueue } from '../../store/logged-queue.ts';
import type { PositionHolder, PositionVisitor } from '../../store/position-holder.ts';
import type { QueueSettings } from './queue-settings.ts';
import { Schedule } from './schedule.ts';

interface DelayedMessage {
  slot: number;
  offset: number;
  readonly bodyBytes: number;
}

/** Takes back what has waited long enough. */
export type TakeBack = (sequence: number, message: Readonly<DelayedMessage>) => void;

export class RetryDelay implements PositionHolder, DeadlineOwner {
  readonly #queue: LoggedQueue;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #messages = new Map<number, DelayedMessage>();

  constructor(
    queue: LoggedQueue,
    clock: Clock,
    account: (deltaBytes: number) => void,
    takeBack: TakeBack,
  ) {
    this.#queue = queue;
    this.#clock = clock;
    this.#schedule = new Schedule(clock, this, account, () => this.#release(takeBack));
  }

  get size(): number {
    return this.#messages.size;
  }

  mayHold(sequence: number): boolean {
    return this.#messages.has(sequence);
  }

  held(): (sequence: number) => boolean {
    return (sequence) => this.#messages.has(sequence);
  }

  /** How long a message waits that has failed so often, this time or before. */
  static delayMs(settings: QueueSettings, isFailure: boolean, failures: number): number {
    const { delayedRetry, delayedRetryMinMs, delayedRetryMaxMs } = settings;
    const applies = delayedRetry === 'all' || delayedRetry === (isFailure ? 'failed' : 'returned');
    return applies ? Math.min(delayedRetryMinMs * Math.max(1, failures), delayedRetryMaxMs) : 0;
  }

  add(sequence: number, message: DelayedMessage, delayMs: number): void {
    this.#messages.set(sequence, message);
    this.#schedule.add(sequence, this.#clock.now() + delayMs);
  }

  #release(takeBack: TakeBack): void {
    for (const sequence of this.#schedule.takeDue(this.#clock.now(), Number.POSITIVE_INFINITY)) {
      const message = this.#messages.get(sequence);
      if (!message) continue;
      this.#messages.delete(sequence);
      takeBack(sequence, message);
    }
  }

  visitPositions(visitor: PositionVisitor): void {
    for (const [sequence, message] of this.#messages) {
      if (!visitor.moving.has(message.slot)) continue;
      if (!visitor.visit(this.#queue, sequence, message.slot, message.offset)) continue;
      message.slot = visitor.slot;
      message.offset = visitor.offset;
    }
  }

  /** The broker stops. */
  stop(): void {
    this.#schedule.clear();
  }

  /** The queue is gone: answers the slots of what waited, for their records to be released. */
  drop(): number[] {
    const slots = [...this.#messages.values()].map(({ slot }) => slot);
    this.#messages.clear();
    this.stop();
    return slots;
  }
}
