// What the log, and whoever holds positions, need to know of a queue.

/** A queue, as the log sees it. */
export interface LoggedQueue {
  /** Its number for good, from 1 on; 0 for a queue that is not durable. */
  readonly logId: number;
  /** The place that the next message takes. */
  readonly nextSequence: number;
}
