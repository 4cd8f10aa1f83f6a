// How long a queue may become, in messages that are ready and in bytes of their bodies, and what gives way when it is longer:
// its oldest messages, or those that would come.
import type { Departures } from './departures.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { ReadyMessages } from './ready-messages.ts';

/** How many messages are dropped in one turn. */
const DROPPED_PER_TURN = 2000;

export class LengthLimit {
  readonly #ready: ReadyMessages;
  readonly #departures: Departures;
  #maxLength = Number.POSITIVE_INFINITY;
  #maxBytes = Number.POSITIVE_INFINITY;
  #drops = false;

  constructor(ready: ReadyMessages, departures: Departures) {
    this.#ready = ready;
    this.#departures = departures;
  }

  set({ maxLength, maxLengthBytes, overflow }: QueueSettings): void {
    this.#maxLength = maxLength;
    this.#maxBytes = maxLengthBytes;
    this.#drops = this.isSet && overflow === 'drop-head';
  }

  get isSet(): boolean {
    return Math.min(this.#maxLength, this.#maxBytes) < Number.POSITIVE_INFINITY;
  }

  /** Messages that come may be refused. */
  get refuses(): boolean {
    return this.isSet && !this.#drops;
  }

  hasRoomFor(bodyBytes: number): boolean {
    const { count, bytes } = this.#ready;
    return count < this.#maxLength && bytes + bodyBytes <= this.#maxBytes;
  }

  /** Messages are to be dropped. */
  get isExceeded(): boolean {
    if (!this.#drops) return false;
    return this.#ready.count > this.#maxLength || this.#ready.bytes > this.#maxBytes;
  }

  /**
   * Drops messages from the head, the highest level first, until the rest is within the limits. False when a turn's work is done
   * and more has to go.
   */
  enforce(): boolean {
    const ready = this.#ready;
    for (let left = DROPPED_PER_TURN; left > 0 && this.isExceeded; left--) {
      const lane = ready.first;
      // Whether bytes are too many is known when what has left was looked at; then this is called again.
      const isUnsure = ready.count <= this.#maxLength && this.#departures.countedCount > 0;
      if (!lane || isUnsure) return true;
      const { headSequence, headSlot, headOffset } = lane;
      lane.shift();
      ready.count -= 1;
      this.#departures.left(headSequence!, headSlot, headOffset, 'maxlen');
    }
    return !this.isExceeded;
  }
}
