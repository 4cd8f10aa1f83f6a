// Ids for messages: UUIDs (RFC 9562, version 4) in runs of 65,536 that differ in their last two octets. To make a text of random
// bytes for each message, and bytes of the text again, cost as much as all else that a publish writes. Two messages must not have
// the same id; that nobody can guess the next one is not asked of it.
import { type Block, blockOf } from '../../protocol/block.ts';
import { writeAscii } from '../../protocol/utf8.ts';
import { uuid } from './uuid.ts';

/** Characters of an id. */
export const MESSAGE_ID_LENGTH = 36;

const RUN_LENGTH = 65_536;
const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

export class MessageIds {
  /** The last id as the wire has it. */
  readonly bytes: Block = blockOf(new Uint8Array(MESSAGE_ID_LENGTH));
  #made = 0;
  /** What the ids of a run have in common, and with the next to last octet what 256 of them have. */
  #run = '';
  #head = '';

  next(): string {
    const octet = this.#made & 0xff;
    if (octet === 0) this.#newHead();
    this.#made = (this.#made + 1) % RUN_LENGTH;
    const tail = octets[octet]!;
    writeAscii(tail, this.bytes.bytes, MESSAGE_ID_LENGTH - 2);
    return this.#head + tail;
  }

  #newHead(): void {
    if (this.#made === 0) this.#run = uuid().slice(0, -4);
    this.#head = this.#run + octets[this.#made >> 8]!;
    writeAscii(this.#head, this.bytes.bytes, 0);
  }
}

/** Those of this process. */
export const messageIds = new MessageIds();
