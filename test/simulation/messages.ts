// All messages that were ever sent in a simulation. The body follows from the number, so what comes back can be checked.
import type { Content } from '../../src/protocol/content.ts';
import { decodeUtf8 } from '../../src/protocol/utf8.ts';
import { Dice } from '../fuzz/dice.ts';
import { type Message, NEVER, type Time, Violation } from './expectations.ts';

const POOL_BYTES = 5 * 1024 * 1024;
const pool = new Dice(1).bytes(POOL_BYTES);
/** A prime, so that bodies of neighbours begin far from one another. */
const STRIDE = 7919;

/** The message id and nothing else comes before the delivery mode's octet: flags 2, mode 1, then a short string. */
const ID_AT = 3;

export class Messages {
  readonly #dice: Dice;
  readonly #maxBodyBytes: number;
  readonly #messages: Message[] = [];
  /** Messages below this were sent in an earlier life. */
  #stoppedBelow = 0;

  constructor(dice: Dice, maxBodyBytes: number) {
    this.#dice = dice;
    this.#maxBodyBytes = maxBodyBytes;
  }

  create(publisher: number, life: number, exchange: string, routingKey: string): Message {
    const message: Message = {
      id: this.#messages.length + 1,
      publisher,
      life,
      exchange,
      routingKey,
      isPersistent: this.#dice.chance(0.8),
      sizeBytes: this.#size(),
      sentAt: NEVER,
      doneAt: NEVER,
    };
    this.#messages.push(message);
    return message;
  }

  /** Mostly small, sometimes about a segment, rarely large. */
  #size(): number {
    const kind = this.#dice.next();
    if (kind < 0.05) return 0;
    if (kind < 0.85) return this.#dice.integer(1, 200);
    if (kind < 0.98) return this.#dice.integer(200, this.#maxBodyBytes / 10);
    return this.#dice.integer(0, this.#maxBodyBytes);
  }

  body({ id, sizeBytes }: Message): Uint8Array {
    const from = (id * STRIDE) % (POOL_BYTES - sizeBytes);
    return pool.subarray(from, from + sizeBytes);
  }

  identify(content: Content): Message {
    const at = content.propertiesAt + ID_AT;
    const text = decodeUtf8(content.block.bytes, at + 1, at + 1 + content.block.bytes[at]!);
    const message = this.#messages[Number(text?.slice(1)) - 1];
    if (!message) throw new Violation(`a message ${text} that nobody sent`);
    if (Buffer.compare(content.body, this.body(message)) !== 0) {
      throw new Violation(`message ${message.id} has another body than was sent`);
    }
    return message;
  }

  /** The broker has stopped: what was sent to it is where it is, or nowhere. */
  stopped(now: Time): void {
    for (let at = this.#stoppedBelow; at < this.#messages.length; at++) {
      const message = this.#messages[at]!;
      message.doneAt = Math.min(message.doneAt, now);
    }
    this.#stoppedBelow = this.#messages.length;
  }
}
