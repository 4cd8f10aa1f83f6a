// Ids for messages: UUIDs (RFC 9562, version 4) in runs of 256 that differ in their last octet. To make a text of random bytes for
// each message, and bytes of the text again, cost as much as all else that a publish writes. Two messages must not have the same id;
// that nobody can guess the next one is not asked of it.
import { type Block, blockOf } from '../../protocol/block.ts';
import { encodeUtf8 } from '../../protocol/utf8.ts';
import { uuid } from './uuid.ts';

/** Characters of an id, and of what a run's ids have in common. */
export const MESSAGE_ID_LENGTH = 36;
const HEAD_LENGTH = MESSAGE_ID_LENGTH - 2;

const tails = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

export class MessageIds {
  #head = '';
  #made = tails.length;
  #bytes = blockOf(new Uint8Array(MESSAGE_ID_LENGTH));

  /** The last id as the wire has it. Valid until the next one is made. */
  get bytes(): Block {
    return this.#bytes;
  }

  next(): string {
    if (this.#made === tails.length) {
      const first = uuid();
      this.#head = first.slice(0, HEAD_LENGTH);
      this.#bytes = blockOf(encodeUtf8(first));
      this.#made = 0;
    }
    const tail = tails[this.#made++]!;
    const { bytes } = this.#bytes;
    bytes[HEAD_LENGTH] = tail.charCodeAt(0);
    bytes[HEAD_LENGTH + 1] = tail.charCodeAt(1);
    return this.#head + tail;
  }
}

/** Those of this process. */
export const messageIds = new MessageIds();
