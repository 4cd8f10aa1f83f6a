// Reads what the broker sends to a bad client, and insists that it is AMQP to the last octet: whole frames, known methods,
// content where it belongs, reply codes that exist, and silence after the close.
import { blockOf } from '../../src/protocol/block.ts';
import { CommandAssembler } from '../../src/protocol/command-assembler.ts';
import { FrameParser } from '../../src/protocol/frame-parser.ts';
import {
  FrameType,
  hardErrors,
  type Method,
  ReplyCode,
} from '../../src/protocol/methods.generated.ts';
import { concat, protocolHeader } from '../support/frames.ts';

const HEADROOM_BYTES = 256 * 1024;
const FRAME_MAX_BYTES = 131_072;

export class Witness {
  /** What is wrong with what came. */
  readonly complaints: string[] = [];
  /** The handshake came to its end. */
  isOpen = false;
  /** Either side has closed the connection by method, or it was refused with a protocol header. */
  isClosed = false;
  /** The broker said that it sends no more. */
  hasEnded = false;
  /** The reply code of the broker's connection.close. */
  closeCode: number | undefined;
  /** Channels that the broker has closed and nobody has answered for yet. */
  readonly closedChannels: number[] = [];
  #start: Uint8Array | undefined = new Uint8Array(0);
  readonly #assemblers = new Map<number, CommandAssembler>();
  readonly #parser = new FrameParser(
    {
      readAhead: (_, at) => at,
      frame: (type, channel, block, at, end) => {
        if (type === FrameType.HEARTBEAT) return;
        this.#assembler(channel).frame(type, block, at, end);
      },
    },
    FRAME_MAX_BYTES,
  );

  data(bytes: Uint8Array): void {
    if (this.#start) {
      this.#start = concat(this.#start, bytes);
      this.#begin(this.#start);
    } else {
      this.#parse(bytes);
    }
  }

  /** The broker begins with a protocol header if it refuses ours, else with a frame. */
  #begin(start: Uint8Array): void {
    if (start[0] !== protocolHeader[0]) {
      this.#start = undefined;
      this.#parse(start);
    } else if (start.length >= protocolHeader.length) {
      this.isClosed = true;
      if (String(start) !== String(protocolHeader)) this.complaints.push(`came ${start}`);
    }
  }

  #parse(bytes: Uint8Array): void {
    const block = blockOf(concat(new Uint8Array(HEADROOM_BYTES), bytes));
    try {
      this.#parser.push(block, HEADROOM_BYTES, block.bytes.length);
    } catch (error) {
      this.complaints.push(`not AMQP: ${String(error)}`);
      this.#parser.stop();
    }
  }

  #assembler(channel: number): CommandAssembler {
    let assembler = this.#assemblers.get(channel);
    if (!assembler) {
      assembler = new CommandAssembler({
        contentAnnounced: () => {},
        command: (method) => this.#command(channel, method),
      });
      this.#assemblers.set(channel, assembler);
    }
    return assembler;
  }

  #command(channel: number, method: Method): void {
    if (this.isClosed && method.name !== 'connection.close-ok') {
      this.complaints.push(`${method.name} on channel ${channel} after the close`);
    }
    switch (method.name) {
      case 'connection.open-ok':
        this.isOpen = true;
        break;
      case 'connection.close':
        this.isClosed = true;
        this.closeCode = method.replyCode;
        if (!hardErrors.has(method.replyCode) && method.replyCode !== ReplyCode.ACCESS_REFUSED) {
          this.#illegalCode(method.replyCode, method.replyText);
        }
        if (method.replyCode === ReplyCode.INTERNAL_ERROR) this.complaints.push(method.replyText);
        break;
      case 'connection.close-ok':
        this.isClosed = true;
        break;
      case 'channel.close':
        this.closedChannels.push(channel);
        if (!(method.replyCode in softErrors))
          this.#illegalCode(method.replyCode, method.replyText);
        break;
      default:
    }
  }

  #illegalCode(code: number, text: string): void {
    this.complaints.push(`closed with ${code} ${text}, which is no code for that`);
  }
}

const softErrors: Record<number, true> = { 311: true, 403: true, 404: true, 405: true, 406: true };
