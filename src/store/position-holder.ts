// Whoever holds positions of records: queues, and channels for what is not acknowledged. When records move, they are visited.
import type { LoggedQueue } from './logged-queue.ts';

/** Which segments are being moved, by slot. */
export type MovingSlots = ReadonlySet<number>;

export interface PositionVisitor {
  readonly moving: MovingSlots;
  /** Where the record moves to, if `visit` said so. */
  readonly slot: number;
  readonly offset: number;
  /**
   * Called for every position in a moving segment. `queue` is undefined where the record lasts for nobody. True when the
   * holder shall replace the position by `slot` and `offset`.
   */
  visit(queue: LoggedQueue | undefined, sequence: number, slot: number, offset: number): boolean;
}

export interface PositionHolder {
  visitPositions(visitor: PositionVisitor): void;
}
