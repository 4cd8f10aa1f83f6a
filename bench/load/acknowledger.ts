// Acknowledges every delivery by its own basic.ack (not `multiple`), all that became due in one
// write. The ack frames are ready-made; only the low half of their tags is patched.
import type net from 'node:net';
import { CHANNEL } from './connection.ts';
import { Method, methodFrame, u8, u64 } from './wire.ts';

const ACK = methodFrame(CHANNEL, Method.basicAck, u64(0), u8(0));
const TAG_LOW_OFFSET = 15;
const BLOCK_ACKS = 3000;

export class Acknowledger {
  readonly #socket: net.Socket;
  readonly #free: Buffer[] = [];
  #acknowledged = 0;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /** Acknowledges every delivery up to and including `deliveryTag`. */
  upTo(deliveryTag: number): void {
    while (this.#acknowledged < deliveryTag) {
      const count = Math.min(deliveryTag - this.#acknowledged, BLOCK_ACKS);
      const block = this.#free.pop() ?? Buffer.concat(Array<Buffer>(BLOCK_ACKS).fill(ACK));
      let offset = TAG_LOW_OFFSET;
      for (let i = 1; i <= count; i++) {
        block.writeUInt32BE(this.#acknowledged + i, offset);
        offset += ACK.length;
      }
      this.#acknowledged += count;
      this.#socket.write(block.subarray(0, count * ACK.length), () => this.#free.push(block));
    }
  }
}
