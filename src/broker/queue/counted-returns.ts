// What becomes of a message that comes back to a queue that counts deliveries: given up when too many have failed, kept back for
// a while, or (by default) ready again at once.
import type { Clock } from '../../platform/clock.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { LoggedQueue } from '../../store/logged-queue.ts';
import type { MessageStore } from '../../store/message-store.ts';
import type { PositionVisitor } from '../../store/position-holder.ts';
import { DeliveryCounts } from './delivery-counts.ts';
import type { Departures } from './departures.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { ReadyMessages } from './ready-messages.ts';
import { RetryDelay } from './retry-delay.ts';

interface CountingQueue extends LoggedQueue {
  readonly settings: QueueSettings;
  readonly ready: ReadyMessages;
  /** A message is ready again. */
  giveBack(sequence: number, slot: number, offset: number, bodyBytes: number): void;
}

export class CountedReturns {
  readonly counts: DeliveryCounts;
  readonly #queue: CountingQueue;
  readonly #store: MessageStore;
  readonly #departures: Departures;
  readonly #delay: RetryDelay;

  constructor(queue: CountingQueue, store: MessageStore, clock: Clock, departures: Departures) {
    this.#queue = queue;
    this.#store = store;
    this.#departures = departures;
    this.counts = new DeliveryCounts(queue, store);
    const account = (deltaBytes: number) => store.account(deltaBytes);
    this.#delay = new RetryDelay(queue, clock, account, (sequence, message) =>
      queue.giveBack(sequence, message.slot, message.offset, message.bodyBytes),
    );
  }

  /** Messages that are kept back. */
  get delayedCount(): number {
    return this.#delay.size;
  }

  take(
    sequence: number,
    slot: number,
    offset: number,
    bodyBytes: number,
    isFailure: boolean,
  ): void {
    const { settings } = this.#queue;
    const failures = this.counts.cameBack(sequence, isFailure);
    if (failures > settings.deliveryLimit) {
      this.#departures.depart(sequence, slot, offset, 'delivery_limit');
      return;
    }
    const delayMs = RetryDelay.delayMs(settings, isFailure, failures);
    if (delayMs > 0) this.#delay.add(sequence, { slot, offset, bodyBytes }, delayMs);
    else this.#queue.giveBack(sequence, slot, offset, bodyBytes);
  }

  /** Takes what recovery found; messages whose last return was one too many go now. */
  restore(recovered: RecoveredQueue): void {
    this.counts.restore(recovered);
    const { ready, settings } = this.#queue;
    const tooOften = [...recovered.failures].filter(([, count]) => count > settings.deliveryLimit);
    ready.remove(
      tooOften.map(([sequence]) => sequence),
      (...message) => this.#departures.left(...message, 'delivery_limit'),
    );
  }

  visitPositions(visitor: PositionVisitor): void {
    this.#delay.visitPositions(visitor);
  }

  /** The broker stops. */
  stop(): void {
    this.#delay.stop();
  }

  /** The queue is gone. */
  drop(): void {
    for (const slot of this.#delay.drop()) this.#store.release(slot);
  }
}
