// The encoded properties of many messages that differ in nothing but id and time: written once, then copied and patched. Most
// of what a publish costs otherwise is the encoding of the same few texts.
import { type Block, blockOf, copyBytes } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import {
  type BasicProperties,
  encodeProperties,
  PropertyFlag,
  propertyAt,
} from '../protocol/properties.ts';
import { MESSAGE_ID_LENGTH } from './base/message-ids.ts';

const writer = new ByteWriter();

export class PropertyTemplate {
  readonly #block: Block;
  readonly #messageIdAt: number;
  readonly #timestampAt: number;

  constructor(properties: BasicProperties) {
    writer.clear();
    const filled = { ...properties, messageId: '0'.repeat(MESSAGE_ID_LENGTH), timestamp: 0n };
    encodeProperties(filled, writer);
    this.#block = blockOf(writer.bytes.slice());
    const { view } = this.#block;
    this.#messageIdAt = propertyAt(view, 0, PropertyFlag.messageId) + 1;
    this.#timestampAt = propertyAt(view, 0, PropertyFlag.timestamp);
  }

  get length(): number {
    return this.#block.bytes.length;
  }

  write(target: Block, at: number, messageId: Block, timestampSeconds: number): void {
    copyBytes(this.#block, 0, target, at, this.length);
    copyBytes(messageId, 0, target, at + this.#messageIdAt, MESSAGE_ID_LENGTH);
    target.view.setUint32(at + this.#timestampAt + 4, timestampSeconds);
  }
}
