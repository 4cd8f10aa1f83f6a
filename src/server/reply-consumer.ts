// The consumer of direct replies that a channel may have: replies reach it from the publisher's hand, past every queue.
import { replyAddress } from '../broker/direct-reply.ts';
import type { Block } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import type { Content } from '../protocol/content.ts';
import { deliveryPrefix } from '../protocol/frame-writer.ts';
import type { Channel } from './channel.ts';

export class ReplyConsumer {
  readonly tag: string;
  /** The routing key that leads here. */
  readonly address: string;
  /** The same as a short string on the wire. */
  readonly encodedAddress: Uint8Array;
  readonly #channel: Channel;
  readonly #prefix: Block;

  constructor(channel: Channel, tag: string, token: string) {
    this.#channel = channel;
    this.tag = tag;
    this.address = replyAddress(token);
    const writer = new ByteWriter();
    writer.shortstr(this.address);
    this.encodedAddress = writer.bytes;
    this.#prefix = deliveryPrefix(channel.number, tag);
  }

  /** A requester that does not take what it asked for loses replies: there is no queue to keep them in. */
  deliver(content: Content): void {
    const { connection, number } = this.#channel;
    if (connection.output.isCongested) return;
    const tag = this.#channel.nextDeliveryTag();
    connection.output.writer.delivery(this.#prefix, number, tag, false, content);
    connection.sendLater();
  }
}
