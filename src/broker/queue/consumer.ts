// A consumer, as a queue sees it. The server implements it for a channel.
import type { Queue } from './queue.ts';

export interface Consumer {
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  /** `x-priority`: higher is served first. */
  readonly priority: number;
  /** Out of the rota because it could take nothing more; owned by the rota. */
  isParked: boolean;
  /** Another one is to be served in its place when it has nothing unacknowledged; owned by the queue, which is told then. */
  isLeaving: boolean;
  readonly unackedCount: number;
  /** Whether it has credit and its connection has room. */
  canTake(): boolean;
  /**
   * Hands over a message, which is the consumer's from now on: it releases the record or, where it must be acknowledged,
   * settles it with the queue later. Answers the size of its body.
   */
  deliver(sequence: number, slot: number, offset: number, redelivered: boolean): number;
  /** The queue is gone. */
  cancelled(): void;
}
