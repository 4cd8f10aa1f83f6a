// Which frame goes where: channel 0 is the connection's, the others have their channels. Deliveries and confirms, which come by
// the million, are read in the buffer without making objects of their frames.
import { AmqpError } from '../../protocol/amqp-error.ts';
import type { Block } from '../../protocol/block.ts';
import { CommandAssembler } from '../../protocol/command-assembler.ts';
import type { FrameSink } from '../../protocol/frame-parser.ts';
import { unexpectedFrame, unknownFrame } from '../../protocol/frame-problem.ts';
import {
  FRAME_END,
  FrameType,
  type Method,
  methodIds,
  ReplyCode,
} from '../../protocol/methods.generated.ts';
import type { AmqpChannel } from './amqp-channel.ts';
import { ScannedDelivery, scanDelivery } from './delivery-scanner.ts';

export interface RouterHost {
  channel(number: number): AmqpChannel | undefined;
  connectionMethod(method: Method): void;
  /** Handling a frame has thrown. */
  failed(error: unknown): void;
}

const ACK = methodIds['basic.ack'];
/** ids 4, delivery tag 8, multiple 1 */
const ACK_PAYLOAD_BYTES = 13;
const ACK_FRAME_BYTES = ACK_PAYLOAD_BYTES + 8;

const found = new ScannedDelivery();

export class FrameRouter implements FrameSink {
  readonly #host: RouterHost;
  readonly #commands: CommandAssembler;
  /** As negotiated. */
  frameMax = Number.MAX_SAFE_INTEGER;

  constructor(host: RouterHost) {
    this.#host = host;
    this.#commands = new CommandAssembler({
      contentAnnounced: () => {},
      command: (method) => host.connectionMethod(method),
    });
  }

  readAhead(block: Block, at: number, end: number): number {
    const next = scanDelivery(block, at, end, found, this.frameMax);
    if (next === at) return this.#readConfirm(block, at, end);
    const channel = this.#host.channel(found.channel);
    if (!channel?.assembler.isIdle) return at;
    try {
      return channel.scanned(found) ? next : at;
    } catch (error) {
      this.#host.failed(error);
      return next;
    }
  }

  #readConfirm(block: Block, at: number, end: number): number {
    const { bytes, view } = block;
    const next = at + ACK_FRAME_BYTES;
    if (next > end || view.getInt32(at + 7) !== ACK) return at;
    if (view.getUint32(at + 3) !== ACK_PAYLOAD_BYTES || bytes[next - 1] !== FRAME_END) return at;
    const channel = this.#host.channel(view.getUint16(at + 1));
    if (!channel?.assembler.isIdle) return at;
    const tag = view.getUint32(at + 11) * 0x1_0000_0000 + view.getUint32(at + 15);
    try {
      channel.confirmed(tag, (bytes[at + 19]! & 1) !== 0, true);
    } catch (error) {
      this.#host.failed(error);
    }
    return next;
  }

  frame(type: number, number: number, block: Block, at: number, end: number): void {
    try {
      this.#route(type, number, block, at, end);
    } catch (error) {
      this.#host.failed(error);
    }
  }

  #route(type: number, number: number, block: Block, at: number, end: number): void {
    if (type === FrameType.HEARTBEAT) return;
    if (type !== FrameType.METHOD && type !== FrameType.HEADER && type !== FrameType.BODY) {
      throw unknownFrame(type, block, at, end);
    }
    if (number === 0) {
      if (type !== FrameType.METHOD) throw unexpectedFrame(type, block, at, end);
      this.#commands.frame(type, block, at, end);
      if (!this.#commands.isIdle) throw unexpectedFrame(type, block, at, end);
      return;
    }
    const channel = this.#host.channel(number);
    if (!channel) {
      throw new AmqpError(
        ReplyCode.CHANNEL_ERROR,
        `a frame for channel ${number}, which is not open`,
      );
    }
    channel.frame(type, block, at, end);
  }
}
