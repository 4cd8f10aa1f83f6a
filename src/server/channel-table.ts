// The channels of a connection, by number: opening them, closing them from either side, and the time in between, when all but
// the answer to a close is ignored.
import { AmqpError } from '../protocol/amqp-error.ts';
import { methodIds, ReplyCode } from '../protocol/methods.generated.ts';
import type { Channel } from './channel.ts';

export class ChannelTable {
  readonly #open: (number: number) => Channel;
  readonly #channels = new Map<number, Channel>();
  /** Most frames are for the channel that had the last one. */
  #last: Channel | undefined;
  /** How many there may be, as negotiated. */
  max = 0;

  /** `open` makes the channel of a number. */
  constructor(open: (number: number) => Channel) {
    this.#open = open;
  }

  /** The channel, whether open or closing. */
  get(number: number): Channel | undefined {
    const last = this.#last;
    if (last?.number === number) return last;
    const channel = this.#channels.get(number);
    if (channel) this.#last = channel;
    return channel;
  }

  /** The channel if it is open and its next frame begins a command. */
  ready(number: number): Channel | undefined {
    const channel = this.get(number);
    return channel && !channel.isClosing && channel.assembler.isIdle ? channel : undefined;
  }

  get size(): number {
    return this.#channels.size;
  }

  values(): Iterable<Channel> {
    return this.#channels.values();
  }

  /**
   * The first method on a channel that is not open.
   * @throws AmqpError 504 when it does not open it, 530 when there are too many on the connection or of the user.
   */
  open(number: number, methodId: number): void {
    if (methodId !== methodIds['channel.open']) {
      throw new AmqpError(ReplyCode.CHANNEL_ERROR, "expected 'channel.open'");
    }
    const count = this.#channels.size;
    if (count >= this.max) {
      throw new AmqpError(
        ReplyCode.NOT_ALLOWED,
        `number of channels opened (${count}) has reached the negotiated channel_max (${this.max})`,
        0,
      );
    }
    const channel = this.#open(number);
    this.#channels.set(number, channel);
    channel.send({ name: 'channel.open-ok' });
  }

  /** The peer is done with a channel. */
  close(channel: Channel): void {
    this.#forget(channel);
    channel.release();
    channel.send({ name: 'channel.close-ok' });
  }

  /** We close a channel, for a method of the peer that could not be carried out. */
  fail(channel: Channel, error: AmqpError, methodId: number): void {
    channel.isClosing = true;
    channel.release();
    channel.send({
      name: 'channel.close',
      replyCode: error.code,
      replyText: error.replyText,
      classId: methodId >>> 16,
      methodId: methodId & 0xffff,
    });
  }

  /**
   * A method on a channel that we are closing: only the answer counts, and a close of the peer that crossed ours.
   * @throws AmqpError 504 for an open, which comes too early.
   */
  whileClosing(channel: Channel, methodId: number): void {
    if (methodId === methodIds['channel.open']) throw openedTwice();
    if (methodId === methodIds['channel.close-ok']) this.#forget(channel);
    if (methodId === methodIds['channel.close']) channel.send({ name: 'channel.close-ok' });
  }

  /** The connection ends: all channels give back what they hold. */
  releaseAll(): void {
    for (const channel of this.#channels.values()) if (!channel.isClosing) channel.release();
    this.#channels.clear();
    this.#last = undefined;
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel.number);
    if (this.#last === channel) this.#last = undefined;
  }
}

/** A channel number is free again only after close-ok. */
export function openedTwice(): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, "second 'channel.open' seen");
}
