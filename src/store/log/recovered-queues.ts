// The queues that recovery finds in a log, by their number.
import type { Segment } from '../segment.ts';
import { type RecordFacts, RecoveredQueue } from './recovered-queue.ts';

export class RecoveredQueues {
  readonly byLogId = new Map<number, RecoveredQueue>();
  /** The highest number that occurs, known or not. */
  highestLogId = 0;
  readonly #isKnown: (logId: number) => boolean;

  constructor(isKnown: (logId: number) => boolean) {
    this.#isKnown = isKnown;
  }

  isKnown(logId: number): boolean {
    return this.#isKnown(logId);
  }

  /** A message at an offset of a segment has a place in a queue. */
  place(logId: number, sequence: number, segment: Segment, at: number, facts: RecordFacts): void {
    const queue = this.get(logId);
    if (!queue) return;
    segment.references += 1;
    segment.everReferences += 1;
    queue.add(sequence, segment.slot, at, facts);
  }

  /** The queue of that number; undefined when it is not known. */
  get(logId: number): RecoveredQueue | undefined {
    this.highestLogId = Math.max(this.highestLogId, logId);
    if (!this.#isKnown(logId)) return undefined;
    let queue = this.byLogId.get(logId);
    if (!queue) {
      queue = new RecoveredQueue();
      this.byLogId.set(logId, queue);
    }
    return queue;
  }
}
