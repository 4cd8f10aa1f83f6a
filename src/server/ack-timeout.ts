// How long a consumer may keep a delivery without acknowledging it (`x-consumer-timeout`). One that takes longer is cancelled,
// and what it has goes back to its queue. Costs nothing until a timeout is set.
import { Schedule } from '../broker/queue/schedule.ts';
import type { Channel } from './channel.ts';

/** Late deliveries that are looked at in one go; the first that is still outstanding is enough. */
const LOOKED_AT = 1000;

export class AckTimeout {
  readonly #channel: Channel;
  readonly #schedule: Schedule;

  /** Calls `onLate` once a delivery has been outstanding for too long. */
  constructor(channel: Channel, onLate: () => void) {
    const { unacked, store, vhost } = channel;
    const owner = {
      get size(): number {
        return unacked.count;
      },
      mayHold: (tag: number) => unacked.has(tag),
      held: () => (tag: number) => unacked.has(tag),
    };
    const account = (deltaBytes: number) => store.account(deltaBytes);
    this.#channel = channel;
    this.#schedule = new Schedule(vhost.clock, owner, account, () => {
      if (this.#isLate()) onLate();
    });
  }

  delivered(tag: number, timeoutMs: number): void {
    this.#schedule.add(tag, this.#channel.vhost.turn.nowMs + timeoutMs);
  }

  #isLate(): boolean {
    const nowMs = this.#channel.vhost.clock.now();
    for (;;) {
      const late = this.#schedule.takeDue(nowMs, LOOKED_AT);
      if (late.some((tag) => this.#channel.unacked.has(tag))) return true;
      if (late.length < LOOKED_AT) return false;
    }
  }

  stop(): void {
    this.#schedule.clear();
  }
}
