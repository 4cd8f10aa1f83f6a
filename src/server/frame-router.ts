// Which frame goes where: channel 0 is the connection's, the others have their channels, and while the connection closes only
// the answer to that counts. Knows which method is being handled, so that a close can name the culprit.
import type { AmqpError } from '../protocol/amqp-error.ts';
import type { Block } from '../protocol/block.ts';
import { CommandAssembler } from '../protocol/command-assembler.ts';
import type { FrameSink } from '../protocol/frame-parser.ts';
import { unexpectedFrame, unknownFrame } from '../protocol/frame-problem.ts';
import { FrameType, type Method, methodIds } from '../protocol/methods.generated.ts';
import type { ChannelTable } from './channel-table.ts';
import { readFast } from './fast-path.ts';

const PUBLISH = methodIds['basic.publish'];
/** Frame header 7, ids 4. */
const METHOD_ID_END = 11;

/** `header` and `handshake` come before a user is in a vhost; `closing` waits for the answer to our connection.close. */
export type Phase = 'header' | 'handshake' | 'running' | 'closing' | 'closed';

/** What the router asks of its connection. */
export interface RouterHost {
  readonly phase: Phase;
  /** A method on channel 0, while the connection is not closing. */
  connectionMethod(method: Method): void;
  /** The refusal of a method that has no place on channel 0 now. */
  outOfPlace(): AmqpError;
  /** connection.close, or the answer to ours, while the connection is closing. */
  methodWhileClosing(methodId: number): void;
  /** A publish begins; false when the connection reads no further for now. */
  mayPublish(): boolean;
  /** Handling a frame has thrown. */
  fail(error: unknown, channelNumber: number): void;
}

export class FrameRouter implements FrameSink {
  readonly #host: RouterHost;
  readonly #channels: ChannelTable;
  /** Channel 0. */
  readonly #commands: CommandAssembler;
  /** As negotiated. */
  frameMax: number;
  /** Class and method of the command that is being handled; 0 = none. */
  methodId = 0;
  /** The channel of the frame that is, or was last, being handled. */
  channelNumber = 0;

  constructor(host: RouterHost, channels: ChannelTable, frameMax: number) {
    this.#host = host;
    this.#channels = channels;
    this.frameMax = frameMax;
    this.#commands = new CommandAssembler({
      contentAnnounced: () => {},
      command: (method) => host.connectionMethod(method),
    });
  }

  /** A command is whole, or its content begins: what it throws is to be blamed on it. */
  handling(method: Method): void {
    this.methodId = methodIds[method.name];
  }

  readAhead(block: Block, at: number, end: number): number {
    if (this.#host.phase !== 'running') return at;
    const isPublish = end - at >= METHOD_ID_END && block.view.getInt32(at + 7) === PUBLISH;
    if (isPublish && !this.#host.mayPublish()) return at;
    return readFast(block, at, end, this.frameMax, this.#channels, this.#failed);
  }

  readonly #failed = (error: unknown, channelNumber: number, methodId: number): void => {
    this.methodId = methodId;
    this.#host.fail(error, channelNumber);
  };

  frame(type: number, channelNumber: number, block: Block, at: number, end: number): void {
    this.channelNumber = channelNumber;
    this.methodId = type === FrameType.METHOD && end - at >= 4 ? block.view.getInt32(at) : 0;
    try {
      this.#route(type, channelNumber, block, at, end);
    } catch (error) {
      this.#host.fail(error, channelNumber);
    }
  }

  #route(type: number, channelNumber: number, block: Block, at: number, end: number): void {
    if (type === FrameType.HEARTBEAT) {
      if (channelNumber !== 0) throw unexpectedFrame(type, block, at, end);
      if (at !== end) throw unknownFrame(type, block, at, end);
      return;
    }
    if (type !== FrameType.METHOD && type !== FrameType.HEADER && type !== FrameType.BODY) {
      throw unknownFrame(type, block, at, end);
    }
    if (this.#host.phase === 'closing') {
      if (channelNumber === 0) this.#host.methodWhileClosing(this.methodId);
    } else if (channelNumber === 0) {
      this.#channelZeroFrame(type, block, at, end);
    } else {
      this.#channelFrame(type, channelNumber, block, at, end);
    }
  }

  #channelZeroFrame(type: number, block: Block, at: number, end: number): void {
    if (type !== FrameType.METHOD) throw unexpectedFrame(type, block, at, end);
    this.#commands.frame(type, block, at, end);
    // A method with content has no business here, whatever follows it.
    if (!this.#commands.isIdle) throw this.#host.outOfPlace();
  }

  #channelFrame(type: number, number: number, block: Block, at: number, end: number): void {
    if (this.#host.phase !== 'running') throw unexpectedFrame(type, block, at, end);
    const channel = this.#channels.get(number);
    if (!channel) this.#channels.open(number, this.methodId);
    else if (channel.isClosing) this.#channels.whileClosing(channel, this.methodId);
    else if (channel.assembler.isIdle && this.methodId === methodIds['channel.close']) {
      this.#channels.close(channel);
    } else channel.assembler.frame(type, block, at, end);
  }
}
