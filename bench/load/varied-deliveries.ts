// Counts deliveries of varied size, hopping from frame to frame by their announced sizes, and
// counts per consumer: consumer tags end in the two digits of their queue. One delivery per read
// has its body checked.
import type { BytesHandler } from './connection.ts';
import type { DeliveryCounter } from './fixed-deliveries.ts';
import { checkBody, type PublishLoad } from './publish-load.ts';
import { describeFrame, FRAME_OVERHEAD, FrameType, Method, readDelivery } from './wire.ts';

const HOLD_BYTES = 512 * 1024;
const ZERO = 0x30;

export interface VariedDeliveriesOptions {
  readonly load: PublishLoad;
  onDeliveries(count: number): void;
}

export class VariedDeliveries implements DeliveryCounter {
  count = 0;
  readonly perQueue = new Float64Array(100);
  readonly #options: VariedDeliveriesOptions;
  readonly #held = Buffer.allocUnsafeSlow(HOLD_BYTES);
  #heldBytes = 0;

  constructor(options: VariedDeliveriesOptions) {
    this.#options = options;
  }

  readonly onBytes: BytesHandler = (bytes, start, end) => {
    const held = this.#held;
    this.#heldBytes += bytes.copy(held, this.#heldBytes, start, end);
    const before = this.count;
    this.#checkFirst();
    const used = this.#hop(held, this.#heldBytes);
    held.copyWithin(0, used, this.#heldBytes);
    this.#heldBytes -= used;
    if (this.count > before) this.#options.onDeliveries(this.count - before);
  };

  #hop(bytes: Buffer, end: number): number {
    let offset = 0;
    while (offset + 12 <= end) {
      const header = offset + uint32(bytes, offset + 3) + FRAME_OVERHEAD;
      if (header + 7 > end) break;
      const body = header + uint32(bytes, header + 3) + FRAME_OVERHEAD;
      if (body + 7 > end) break;
      const next = body + uint32(bytes, body + 3) + FRAME_OVERHEAD;
      if (next > end) break;
      const lined =
        bytes[offset] === FrameType.method &&
        uint32(bytes, offset + 7) === Method.basicDeliver &&
        bytes[header] === FrameType.header &&
        bytes[body] === FrameType.body;
      if (!lined) throw new Error(`expected a delivery, got ${describeFrame(bytes, offset, end)}`);
      const tagEnd = offset + 12 + bytes[offset + 11]!;
      this.perQueue[(bytes[tagEnd - 2]! - ZERO) * 10 + bytes[tagEnd - 1]! - ZERO]!++;
      this.count++;
      offset = next;
    }
    return offset;
  }

  #checkFirst(): void {
    const delivery = readDelivery(this.#held, 0, this.#heldBytes);
    if (!delivery) return;
    checkBody(this.#options.load, this.#held, delivery.bodyOffset, delivery.bodyBytes);
    if (delivery.deliveryTag !== this.count + 1) {
      throw new Error(`delivery tag ${delivery.deliveryTag} where ${this.count + 1} was due`);
    }
  }
}

function uint32(bytes: Buffer, offset: number): number {
  return (
    ((bytes[offset]! << 24) |
      (bytes[offset + 1]! << 16) |
      (bytes[offset + 2]! << 8) |
      bytes[offset + 3]!) >>>
    0
  );
}
