// Writes a load round and round, as fast as its credit allows: a bound on deliveries in flight
// (closed loop, so that queues do not grow) and, with confirms, on unconfirmed messages.
import type net from 'node:net';
import { deliveriesOf, type PublishLoad } from './publish-load.ts';

const CHUNK_BYTES = 64 * 1024;
const WRITES_PENDING_MAX = 4;

export interface PublisherOptions {
  readonly load: PublishLoad;
  /** Deliveries on their way at most. */
  readonly inFlightMax: number;
  /** Deliveries that arrived so far. */
  consumed(): number;
  /** Messages that may be published in all as of now; for confirms, paces and totals. */
  publishLimit(): number;
}

export class Publisher {
  published = 0;
  readonly #socket: net.Socket;
  readonly #options: PublisherOptions;
  readonly #chunkMessages: number;
  #running = false;
  #next = 0;
  #writesPending = 0;

  constructor(socket: net.Socket, options: PublisherOptions) {
    this.#socket = socket;
    this.#options = options;
    const { bytes, messages } = options.load;
    this.#chunkMessages = Math.max(1, Math.floor(CHUNK_BYTES / (bytes.length / messages)));
  }

  get expectedDeliveries(): number {
    return deliveriesOf(this.#options.load, this.published);
  }

  get writesPending(): number {
    return this.#writesPending;
  }

  start(): void {
    this.#running = true;
    this.pump();
  }

  stop(): void {
    this.#running = false;
  }

  /** Publishes what credit allows; to be called whenever there may be new credit. */
  pump(): void {
    const { load, inFlightMax, consumed, publishLimit } = this.#options;
    while (this.#running && this.#writesPending < WRITES_PENDING_MAX) {
      const count = Math.min(
        this.#chunkMessages,
        load.messages - this.#next,
        publishLimit() - this.published,
      );
      if (count <= 0) return;
      const inFlight = deliveriesOf(load, this.published + count) - consumed();
      if (inFlight > inFlightMax) return;
      this.#write(count);
    }
  }

  #write(count: number): void {
    const { load } = this.#options;
    const end = this.#next + count;
    const chunk = load.bytes.subarray(load.offsets[this.#next]!, load.offsets[end]!);
    this.#next = end === load.messages ? 0 : end;
    this.published += count;
    this.#writesPending++;
    this.#socket.write(chunk, this.#written);
  }

  #written = (): void => {
    this.#writesPending--;
    this.pump();
  };
}
