// Whether a connection is read. It is not while the memory alarm holds publishers back, nor while the peer asks for more than
// it takes; its socket's buffers fill and the peer waits, which is all the flow control that TCP needs.
import type { Transport } from '../platform/transport.ts';

/** `alarm`: the broker is low on memory. `flood`: the peer does not take its replies. `wait`: a reply waits for the disk. */
export type ShutReason = 'alarm' | 'flood' | 'wait';

export class ReadGate {
  readonly #transport: Transport;
  readonly #shutFor = new Set<ShutReason>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get isShut(): boolean {
    return this.#shutFor.size > 0;
  }

  isShutFor(reason: ShutReason): boolean {
    return this.#shutFor.has(reason);
  }

  shut(reason: ShutReason): void {
    if (this.#shutFor.size === 0) this.#transport.pause();
    this.#shutFor.add(reason);
  }

  /** Opens it whatever it was shut for. */
  openWide(): void {
    if (this.#shutFor.size === 0) return;
    this.#shutFor.clear();
    this.#transport.resume();
  }

  open(reason: ShutReason): void {
    if (this.#shutFor.delete(reason) && this.#shutFor.size === 0) this.#transport.resume();
  }
}
