// What an alarm, or a disk that is slower than its publishers, does to one connection. A client that publishes is told, if it can hear it, and the next publish it
// sends stays unread until the alarm is over, and with it all that follows. What comes before it is still read: acks, cancels
// and the like make room, and must not wait behind an alarm that they would end.
import type { Alarms } from '../broker/alarms.ts';
import type { Method } from '../protocol/methods.generated.ts';
import type { MessageStore } from '../store/message-store.ts';

export interface BlockHost {
  /** Tells the client, if it declared that it understands. */
  tell(method: Method): void;
  /** Reads no further, from the frame on that is being looked at. */
  hold(): void;
  /** Goes on reading. */
  goOn(): void;
}

export class PublisherBlock {
  readonly #alarms: Pick<Alarms, 'isRaised' | 'reason'>;
  readonly #store: Pick<MessageStore, 'isBehind' | 'whenSynced'>;
  readonly #host: BlockHost;
  /** Whether something that was published here goes to disk. */
  hasLogged = false;
  #isWaitingForDisk = false;
  #hasPublished = false;
  #isTold = false;
  #isHeld = false;

  constructor(
    alarms: Pick<Alarms, 'isRaised' | 'reason'>,
    store: Pick<MessageStore, 'isBehind' | 'whenSynced'>,
    host: BlockHost,
  ) {
    this.#alarms = alarms;
    this.#store = store;
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
    if (this.hasLogged && this.#store.isBehind) this.#waitForDisk();
    else if (!this.#alarms.isRaised) return true;
    this.update();
    this.#isHeld = true;
    this.#host.hold();
    return false;
  }

  /** An alarm was raised or cleared; told once, however many are raised meanwhile. */
  update(): void {
    const { isRaised, reason } = this.#alarms;
    if (this.#hasPublished && isRaised && !this.#isTold) {
      this.#isTold = true;
      this.#host.tell({ name: 'connection.blocked', reason });
    }
    if (isRaised) return;
    if (this.#isTold) this.#host.tell({ name: 'connection.unblocked' });
    this.#isTold = false;
    if (!this.#isHeld || this.#isWaitingForDisk) return;
    this.#isHeld = false;
    this.#host.goOn();
  }

  /** Nobody is told: it is a matter of milliseconds, and the peer's socket slows it down. */
  #waitForDisk(): void {
    if (this.#isWaitingForDisk) return;
    this.#isWaitingForDisk = true;
    this.#store.whenSynced(() => {
      this.#isWaitingForDisk = false;
      this.update();
    });
  }
}
