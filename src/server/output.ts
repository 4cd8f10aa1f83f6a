// What a connection sends: frames gather in blocks during a turn and leave in one write at its end. Knows when the peer takes
// less than it is offered, so that deliveries stop and nothing grows without bound.
import type { Transport } from '../platform/transport.ts';
import type { BlockPool } from '../protocol/block-pool.ts';
import { FrameWriter } from '../protocol/frame-writer.ts';
import { Traffic } from './traffic.ts';

/** Above this, nothing is delivered to the connection until it has taken most of it. */
const CONGESTED_ABOVE_BYTES = 1024 * 1024;
const RELIEVED_BELOW_BYTES = 256 * 1024;
/** Above this even replies are too many: the connection is not read until it has taken them. */
const FLOODED_ABOVE_BYTES = 32 * 1024 * 1024;

export class Output {
  readonly writer: FrameWriter;
  readonly traffic = new Traffic();
  readonly #transport: Transport;
  readonly #pool: BlockPool;
  readonly #onRelieved: () => void;
  /** Given to the transport and not written yet. */
  #unsentBytes = 0;
  #wasCongested = false;
  /** Whether anything was sent since the heartbeat looked last. */
  hasSent = false;
  #hasMoved = false;

  constructor(transport: Transport, pool: BlockPool, frameMax: number, onRelieved: () => void) {
    this.#transport = transport;
    this.#pool = pool;
    this.#onRelieved = onRelieved;
    this.writer = new FrameWriter(pool, frameMax);
  }

  get waitingBytes(): number {
    return this.writer.pendingBytes + this.#unsentBytes;
  }

  /** No deliveries now; `onRelieved` is called when there is room again. */
  get isCongested(): boolean {
    if (this.waitingBytes <= CONGESTED_ABOVE_BYTES) return false;
    this.#wasCongested = true;
    return true;
  }

  /** The peer asks for much more than it reads. */
  get isFlooded(): boolean {
    if (this.waitingBytes <= FLOODED_ABOVE_BYTES) return false;
    this.#wasCongested = true;
    return true;
  }

  /** Whether the peer has taken anything since this was asked last. */
  takeHasMoved(): boolean {
    const moved = this.#hasMoved;
    this.#hasMoved = false;
    return moved;
  }

  /** Hands everything that was written to the transport. */
  flush(): void {
    const filled = this.writer.take();
    if (filled.length === 0) return;
    this.hasSent = true;
    const [only] = filled;
    if (filled.length === 1 && only) {
      this.#send(only.block.bytes.subarray(0, only.length), () => this.#pool.giveBack(only.block));
      return;
    }
    this.#transport.batch(() => {
      for (const { block, length } of filled) {
        this.#send(block.bytes.subarray(0, length), () => this.#pool.giveBack(block));
      }
    });
  }

  #send(bytes: Uint8Array, giveBack: () => void): void {
    this.#unsentBytes += bytes.length;
    this.traffic.sent(bytes.length);
    this.#transport.write(bytes, () => {
      giveBack();
      this.#hasMoved = true;
      this.#unsentBytes -= bytes.length;
      if (this.#wasCongested && this.waitingBytes < RELIEVED_BELOW_BYTES) {
        this.#wasCongested = false;
        this.#onRelieved();
      }
    });
  }
}
