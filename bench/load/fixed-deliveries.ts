// Counts deliveries without parsing them: messages of one size, under consumer tags and routing
// keys of one length, make deliveries of one size, so bytes / size is their number. The first
// delivery is read in full to learn the size; after that one delivery per read is checked in
// full (boundaries, delivery tag, body) and the last boundary of each read as well.
import type { BytesHandler } from './connection.ts';
import { checkBody, type PublishLoad } from './publish-load.ts';
import { describeFrame, FRAME_END, FrameType, readDelivery } from './wire.ts';

export interface DeliveryCounter {
  readonly count: number;
  readonly onBytes: BytesHandler;
}

export interface FixedDeliveriesOptions {
  readonly load: PublishLoad;
  /** Set when one queue feeds this channel: then the messages come in the order of the load. */
  readonly ordered: boolean;
  onDeliveries(count: number): void;
}

export class FixedDeliveries implements DeliveryCounter {
  count = 0;
  readonly #options: FixedDeliveriesOptions;
  #sizeBytes = 0;
  /** Bytes of the delivery that the last read cut off. */
  #partialBytes = 0;
  #learning = Buffer.alloc(0);

  constructor(options: FixedDeliveriesOptions) {
    this.#options = options;
  }

  readonly onBytes: BytesHandler = (bytes, start, end) => {
    if (this.#sizeBytes === 0) {
      this.#learn(bytes, start, end);
      return;
    }
    const size = this.#sizeBytes;
    const first = this.#partialBytes === 0 ? start : start + size - this.#partialBytes;
    const total = this.#partialBytes + (end - start);
    const deliveries = Math.floor(total / size);
    const partialBytes = total - deliveries * size;
    if (first + size <= end) {
      this.#check(bytes, first, end, this.count + (this.#partialBytes === 0 ? 0 : 1));
    }
    const last = end - partialBytes;
    if (last > start && bytes[last - 1] !== FRAME_END) this.#lost(bytes, last, end);
    if (last < end && last >= start && bytes[last] !== FrameType.method)
      this.#lost(bytes, last, end);
    this.#partialBytes = partialBytes;
    this.count += deliveries;
    if (deliveries > 0) this.#options.onDeliveries(deliveries);
  };

  #learn(bytes: Buffer, start: number, end: number): void {
    this.#learning = Buffer.concat([this.#learning, bytes.subarray(start, end)]);
    const delivery = readDelivery(this.#learning, 0, this.#learning.length);
    if (!delivery) return;
    this.#sizeBytes = delivery.sizeBytes;
    const learned = this.#learning;
    this.#learning = Buffer.alloc(0);
    this.onBytes(learned, 0, learned.length);
  }

  #check(bytes: Buffer, offset: number, end: number, index: number): void {
    const delivery = readDelivery(bytes, offset, end);
    if (!delivery || delivery.sizeBytes !== this.#sizeBytes) this.#lost(bytes, offset, end);
    if (delivery.deliveryTag !== index + 1) {
      throw new Error(`delivery tag ${delivery.deliveryTag} where ${index + 1} was due`);
    }
    const { load, ordered } = this.#options;
    const message = checkBody(load, bytes, delivery.bodyOffset, delivery.bodyBytes);
    if (ordered && message !== index % load.messages) {
      throw new Error(`message ${message} where ${index % load.messages} was due`);
    }
  }

  #lost(bytes: Buffer, offset: number, end: number): never {
    const found = describeFrame(bytes, offset, end);
    throw new Error(`deliveries of ${this.#sizeBytes} bytes do not line up any more: ${found}`);
  }
}
