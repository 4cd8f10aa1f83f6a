// The messages of one priority level that are ready, in their order: those that came back, then those that nobody had yet.
import { LEVEL_PLACES } from '../../store/log/log-records.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import { PositionQueue } from '../../store/position-queue.ts';
import { ReturnedPositions } from '../../store/returned-positions.ts';

export class Lane {
  readonly level: number;
  /** Never delivered yet. */
  readonly fresh: PositionQueue;
  /** Delivered once and given back; all of them come before the fresh ones. */
  readonly returned = new ReturnedPositions();
  /** Fresh messages in places below this were there before a crash, and may have been delivered then. */
  redeliveredBelow = 0;
  /** Fresh messages from this place on may be due to expire at times that nobody has noted yet (expiry.ts). */
  unnotedFrom = Number.POSITIVE_INFINITY;

  constructor(level: number, account: (deltaBytes: number) => void) {
    this.level = level;
    this.fresh = new PositionQueue(account);
    this.fresh.startAt(level * LEVEL_PLACES);
  }

  get size(): number {
    return this.fresh.size + this.returned.size;
  }

  /** Messages in places below this may have been delivered, in this life of the broker or before. */
  get deliveredBelow(): number {
    return Math.max(this.fresh.headSequence, this.redeliveredBelow);
  }

  /** What of the head comes next: its place, or undefined when the lane is empty. */
  get headSequence(): number | undefined {
    if (this.returned.size > 0) return this.returned.headSequence;
    return this.fresh.size > 0 ? this.fresh.headSequence : undefined;
  }
  /** Slot and offset of the head; there must be one. */
  get headSlot(): number {
    return this.returned.size > 0 ? this.returned.headSlot : this.fresh.headSlot;
  }
  get headOffset(): number {
    return this.returned.size > 0 ? this.returned.headOffset : this.fresh.headOffset;
  }
  /** Whether the head has, or may have, been delivered before. */
  get headWasDelivered(): boolean {
    if (this.returned.size > 0) return this.returned.headWasDelivered;
    return this.fresh.headSequence < this.redeliveredBelow;
  }

  /** Removes the head; there must be one. */
  shift(): void {
    if (this.returned.size > 0) this.returned.shift();
    else this.fresh.shift();
  }

  /** Takes the messages from index `from` to `to` that recovery found: those that are in unbroken order to the end as fresh. */
  restore(recovered: RecoveredQueue, from: number, to: number): void {
    const next = recovered.nextSequenceOf(this.level);
    const deliveredBelow = recovered.deliveredBelowOf(this.level);
    let firstFresh = to;
    let expected = next;
    while (firstFresh > from && recovered.sequence(firstFresh - 1) === expected - 1) {
      firstFresh -= 1;
      expected -= 1;
    }
    for (let i = from; i < firstFresh; i++) {
      const sequence = recovered.sequence(i);
      const wasDelivered = sequence < deliveredBelow;
      this.returned.push(sequence, recovered.slot(i), recovered.offset(i), wasDelivered);
    }
    this.fresh.startAt(expected);
    for (let i = firstFresh; i < to; i++) {
      this.fresh.push(recovered.slot(i), recovered.offset(i));
    }
    this.redeliveredBelow = Math.min(deliveredBelow, next);
  }
}
