// What the client sends: frames gather in pooled blocks during a turn of the event loop and leave in one write at its end.
// Knows when the broker takes less than it is given, so that publishing waits and nothing grows without bound.

import type { Clock } from '../../platform/clock.ts';
import type { Transport } from '../../platform/transport.ts';
import { BlockPool, LARGE_BLOCK_BYTES } from '../../protocol/block-pool.ts';
import { FrameWriter } from '../../protocol/frame-writer.ts';
import { Deferred } from '../base/deferred.ts';

/** Above this, publishing waits until the broker has taken most of it. */
const CONGESTED_ABOVE_BYTES = 1024 * 1024;
const RELIEVED_BELOW_BYTES = 256 * 1024;

/** One pool for all connections of the process: blocks are lent for one turn. */
const pool = new BlockPool();

export class Output {
  readonly writer: FrameWriter;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #onRelieved: () => void;
  #isScheduled = false;
  /** Given to the transport and not written yet. */
  #unsentBytes = 0;
  #wasCongested = false;
  /** Who wants to know when this turn's frames have left. One promise for all of them. */
  #left: Deferred | undefined;
  /** Whether anything was sent since the heartbeat looked last. */
  hasSent = false;

  constructor(transport: Transport, clock: Clock, frameMax: number, onRelieved: () => void) {
    this.#transport = transport;
    this.#clock = clock;
    this.#onRelieved = onRelieved;
    this.writer = new FrameWriter(pool, frameMax);
  }

  /** Publishing waits now; `onRelieved` is called when there is room again. */
  get isCongested(): boolean {
    if (this.writer.pendingBytes + this.#unsentBytes <= CONGESTED_ABOVE_BYTES) return false;
    this.#wasCongested = true;
    return true;
  }

  /** Resolves when what was written has been handed to the transport. */
  leaves(): Promise<void> {
    if (this.writer.pendingBytes === 0) return Promise.resolve();
    this.#left ??= new Deferred();
    return this.#left.promise;
  }

  /** Says that something was written: it leaves at the end of this turn, or at once when it fills a block. */
  schedule(): void {
    if (this.writer.pendingBytes >= LARGE_BLOCK_BYTES) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#clock.defer(this.#deferred);
    }
  }

  readonly #deferred = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  /** Hands everything that was written to the transport. */
  flush(): void {
    const filled = this.writer.take();
    if (filled.length === 0) return;
    this.hasSent = true;
    this.#left?.resolve();
    this.#left = undefined;
    const [only] = filled;
    if (filled.length === 1 && only) {
      this.#send(only.block.bytes.subarray(0, only.length), () => pool.giveBack(only.block));
      return;
    }
    this.#transport.batch(() => {
      for (const { block, length } of filled) {
        this.#send(block.bytes.subarray(0, length), () => pool.giveBack(block));
      }
    });
  }

  #send(bytes: Uint8Array, giveBack: () => void): void {
    this.#unsentBytes += bytes.length;
    this.#transport.write(bytes, () => {
      giveBack();
      this.#unsentBytes -= bytes.length;
      if (!this.#wasCongested) return;
      if (this.writer.pendingBytes + this.#unsentBytes >= RELIEVED_BELOW_BYTES) return;
      this.#wasCongested = false;
      this.#onRelieved();
    });
  }
}
