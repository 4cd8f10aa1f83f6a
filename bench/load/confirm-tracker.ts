// Counts confirmed publishes: acks may come singly, out of order, or cover all that came before.
import type { BytesHandler } from './connection.ts';
import { describeFrame, frameSize, Method } from './wire.ts';

const RING_MESSAGES = 1 << 17;

export class ConfirmTracker {
  confirmed = 0;
  readonly #onConfirmed: (firstTag: number, lastTag: number) => void;
  /** 1 for a tag above the low mark that was acknowledged on its own. */
  readonly #ahead = new Uint8Array(RING_MESSAGES);
  #lowTag = 0;
  #rest = Buffer.alloc(0);

  /** `onConfirmed` hears of every tag once, in ranges, together with the read that brought it. */
  constructor(onConfirmed: (firstTag: number, lastTag: number) => void) {
    this.#onConfirmed = onConfirmed;
  }

  readonly onBytes: BytesHandler = (bytes, start, end) => {
    const input =
      this.#rest.length > 0
        ? Buffer.concat([this.#rest, bytes.subarray(start, end)])
        : bytes.subarray(start, end);
    let offset = 0;
    for (;;) {
      const size = frameSize(input, offset, input.length);
      if (size === 0) break;
      if (input.readUInt32BE(offset + 7) !== Method.basicAck) {
        throw new Error(`expected basic.ack, got ${describeFrame(input, offset, input.length)}`);
      }
      const tag = input.readUInt32BE(offset + 11) * 2 ** 32 + input.readUInt32BE(offset + 15);
      if (input[offset + 19] === 1) this.#ackUpTo(tag);
      else this.#ackOne(tag);
      offset += size;
    }
    this.#rest = offset === input.length ? Buffer.alloc(0) : Buffer.from(input.subarray(offset));
  };

  #ackOne(tag: number): void {
    const slot = tag % RING_MESSAGES;
    if (tag <= this.#lowTag || this.#ahead[slot] === 1) {
      throw new Error(`publish ${tag} was confirmed twice`);
    }
    this.#ahead[slot] = 1;
    this.confirmed++;
    this.#onConfirmed(tag, tag);
    while (this.#ahead[(this.#lowTag + 1) % RING_MESSAGES] === 1) {
      this.#lowTag++;
      this.#ahead[this.#lowTag % RING_MESSAGES] = 0;
    }
  }

  #ackUpTo(tag: number): void {
    for (let each = this.#lowTag + 1; each <= tag; each++) {
      const slot = each % RING_MESSAGES;
      if (this.#ahead[slot] === 0) {
        this.confirmed++;
        this.#onConfirmed(each, each);
      }
      this.#ahead[slot] = 0;
    }
    this.#lowTag = Math.max(this.#lowTag, tag);
    while (this.#ahead[(this.#lowTag + 1) % RING_MESSAGES] === 1) {
      this.#lowTag++;
      this.#ahead[this.#lowTag % RING_MESSAGES] = 0;
    }
  }
}
