// Acknowledges every delivery by its own basic.ack (not `multiple`), or rejects each for good, all that became due in one
// write. The frames are ready-made; only the low half of their tags is patched.
import type net from 'node:net';
import { CHANNEL } from './connection.ts';
import { Method, methodFrame, u8, u64 } from './wire.ts';

/** A tag of 0, and neither `multiple` nor `requeue`. */
const frameOf = (method: number) => methodFrame(CHANNEL, method, u64(0), u8(0));

const FRAME_BYTES = frameOf(Method.basicAck).length;
const TAG_LOW_OFFSET = 15;
const BLOCK_ACKS = 3000;

export class Acknowledger {
  readonly #socket: net.Socket;
  readonly #frame: Buffer;
  readonly #free: Buffer[] = [];
  #acknowledged = 0;

  constructor(socket: net.Socket, method: number = Method.basicAck) {
    this.#socket = socket;
    this.#frame = frameOf(method);
  }

  /** Acknowledges every delivery up to and including `deliveryTag`. */
  upTo(deliveryTag: number): void {
    while (this.#acknowledged < deliveryTag) {
      const count = Math.min(deliveryTag - this.#acknowledged, BLOCK_ACKS);
      const block = this.#free.pop() ?? Buffer.concat(Array<Buffer>(BLOCK_ACKS).fill(this.#frame));
      let offset = TAG_LOW_OFFSET;
      for (let i = 1; i <= count; i++) {
        block.writeUInt32BE(this.#acknowledged + i, offset);
        offset += FRAME_BYTES;
      }
      this.#acknowledged += count;
      this.#socket.write(block.subarray(0, count * FRAME_BYTES), () => this.#free.push(block));
    }
  }
}
