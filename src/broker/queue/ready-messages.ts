// The messages of a queue that wait for a consumer: a lane for each priority level that was ever used, and what they come to.
import type { DeadlineOwner } from '../../store/deadlines.ts';
import { levelOf } from '../../store/log/log-records.ts';
import type { RecoveredQueue } from '../../store/log/recovered-queue.ts';
import type { LoggedQueue } from '../../store/logged-queue.ts';
import type { PositionVisitor } from '../../store/position-holder.ts';
import { Lane } from './lane.ts';

/** Told of a message that leaves. */
export type Removed = (sequence: number, slot: number, offset: number) => void;

export class ReadyMessages implements DeadlineOwner {
  /** By level. Higher ones come first. */
  readonly lanes: (Lane | undefined)[] = [];
  count = 0;
  /** Of their bodies. */
  bytes = 0;
  readonly #account: (deltaBytes: number) => void;
  /** Where the next message goes. */
  #next: Lane;

  constructor(level: number, account: (deltaBytes: number) => void) {
    this.#account = account;
    this.#next = this.lane(level);
  }

  get size(): number {
    return this.count;
  }

  /** The place that the next message takes. */
  get nextSequence(): number {
    return this.#next.fresh.nextSequence;
  }

  /** The next message goes to that level. */
  chooseLevel(level: number): void {
    if (this.#next.level !== level) this.#next = this.lane(level);
  }

  lane(level: number): Lane {
    const there = this.lanes[level];
    if (there) return there;
    while (this.lanes.length < level) this.lanes.push(undefined);
    const lane = new Lane(level, this.#account);
    this.lanes[level] = lane;
    return lane;
  }

  laneOf(sequence: number): Lane {
    return this.lanes.length === 1 ? this.lanes[0]! : this.lane(levelOf(sequence));
  }

  push(slot: number, offset: number, bodyBytes: number): void {
    this.#next.fresh.push(slot, offset);
    this.count += 1;
    this.bytes += bodyBytes;
  }

  /** A message that was handed out is back in its place. */
  giveBack(sequence: number, slot: number, offset: number, bodyBytes: number): void {
    this.laneOf(sequence).returned.push(sequence, slot, offset);
    this.count += 1;
    this.bytes += bodyBytes;
  }

  /** The lane whose head comes next. */
  get first(): Lane | undefined {
    for (let level = this.lanes.length - 1; level >= 0; level--) {
      const lane = this.lanes[level];
      if (lane !== undefined && lane.size > 0) return lane;
    }
    return undefined;
  }

  mayHold(sequence: number): boolean {
    const { fresh, returned } = this.laneOf(sequence);
    return sequence < fresh.headSequence ? returned.size > 0 : fresh.has(sequence);
  }

  held(): (sequence: number) => boolean {
    const returned = new Set<number>();
    for (const lane of this.lanes) {
      for (const sequence of lane?.returned.inOrder() ?? []) returned.add(sequence);
    }
    return (sequence) => returned.has(sequence) || this.laneOf(sequence).fresh.has(sequence);
  }

  /** Removes those of the messages `sequences` that are here. What their bodies come to is the caller's to take off. */
  remove(sequences: readonly number[], removed: Removed): void {
    let back: Set<number> | undefined;
    for (const sequence of sequences) {
      const { fresh, returned } = this.laneOf(sequence);
      if (fresh.has(sequence)) {
        const slot = fresh.slotAt(sequence);
        const offset = fresh.offsetAt(sequence);
        fresh.remove(sequence);
        this.count -= 1;
        removed(sequence, slot, offset);
      } else if (returned.size > 0) {
        back ??= new Set();
        back.add(sequence);
      }
    }
    if (back) this.#removeReturned(back, removed);
  }

  #removeReturned(sequences: ReadonlySet<number>, removed: Removed): void {
    for (const lane of this.lanes) {
      if (lane === undefined || lane.returned.size === 0) continue;
      const before = lane.returned.size;
      lane.returned.remove(sequences, removed);
      this.count -= before - lane.returned.size;
    }
  }

  visit(queue: LoggedQueue, visitor: PositionVisitor): void {
    for (const lane of this.lanes) {
      lane?.returned.visit(queue, visitor);
      lane?.fresh.visit(queue, visitor);
    }
  }

  /** Empties all lanes. */
  clear(removed: (sequence: number, slot: number) => void): void {
    for (const lane of this.lanes) {
      if (lane === undefined) continue;
      for (; lane.size > 0; lane.shift()) removed(lane.headSequence!, lane.headSlot);
    }
    this.count = 0;
    this.bytes = 0;
  }

  /** Takes what recovery found. */
  restore(recovered: RecoveredQueue): void {
    let at = 0;
    for (const level of recovered.levels) {
      const from = at;
      while (at < recovered.size && levelOf(recovered.sequence(at)) === level) {
        this.bytes += recovered.bodyBytes(at);
        at += 1;
      }
      this.lane(level).restore(recovered, from, at);
    }
    this.count = recovered.size;
  }
}
