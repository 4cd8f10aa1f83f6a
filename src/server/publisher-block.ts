// What the memory alarm does to one connection. A client that publishes is told, if it can hear it, and the next publish it
// sends stays unread until the alarm is over, and with it all that follows. What comes before it is still read: acks, cancels
// and the like make room, and must not wait behind an alarm that they would end.
import type { MemoryAlarm } from '../broker/memory-alarm.ts';
import type { Method } from '../protocol/methods.generated.ts';

export interface BlockHost {
  /** Tells the client, if it declared that it understands. */
  tell(method: Method): void;
  /** Reads no further, from the frame on that is being looked at. */
  hold(): void;
  /** Goes on reading. */
  goOn(): void;
}

export class PublisherBlock {
  readonly #alarm: MemoryAlarm;
  readonly #host: BlockHost;
  #hasPublished = false;
  #isTold = false;
  #isHeld = false;

  constructor(alarm: MemoryAlarm, host: BlockHost) {
    this.#alarm = alarm;
    this.#host = host;
  }

  /** Whether the client was told to stop publishing. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** Whether the peer waits for us, and not we for it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** A publish begins: false when it has to wait. */
  mayPublish(): boolean {
    this.#hasPublished = true;
    if (!this.#alarm.isRaised) return true;
    this.update();
    this.#isHeld = true;
    this.#host.hold();
    return false;
  }

  /** The alarm was raised or cleared. */
  update(): void {
    const { isRaised } = this.#alarm;
    if (this.#hasPublished && isRaised && !this.#isTold) {
      this.#isTold = true;
      this.#host.tell({ name: 'connection.blocked', reason: 'low on memory' });
    }
    if (isRaised) return;
    if (this.#isTold) this.#host.tell({ name: 'connection.unblocked' });
    this.#isTold = false;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#host.goOn();
  }
}
