// Ready-made publishes: all frames of `messages` messages in one buffer, written round and round.
// The body of message i begins with i and goes on with a pattern, so that a consumer can tell from
// any delivery which message it must be and whether a byte changed.
import { CHANNEL } from './connection.ts';
import { contentFrames, publishFrame } from './wire.ts';

export interface PublishLoad {
  readonly bytes: Buffer;
  readonly messages: number;
  readonly bodyBytes: number;
  /** Where message i begins; one more entry for the end. */
  readonly offsets: Uint32Array;
  /** Deliveries that messages 0 to i-1 lead to; one more entry for all of them. */
  readonly deliveriesBefore: Uint32Array;
}

export interface LoadOptions {
  readonly exchange: string;
  readonly messages: number;
  readonly bodyBytes: number;
  readonly properties: Buffer;
  routingKey(index: number): string;
  deliveries(index: number): number;
}

export function buildLoad(options: LoadOptions): PublishLoad {
  const { messages, bodyBytes, exchange, properties } = options;
  const offsets = new Uint32Array(messages + 1);
  const deliveriesBefore = new Uint32Array(messages + 1);
  const content = contentFrames(CHANNEL, properties, Buffer.alloc(bodyBytes));
  const bodyOffset = content.length - 1 - bodyBytes;
  let bytes = Buffer.allocUnsafe(messages * (content.length + 64));
  let used = 0;
  for (let i = 0; i < messages; i++) {
    const method = publishFrame(CHANNEL, exchange, options.routingKey(i));
    if (used + method.length + content.length > bytes.length) {
      bytes = Buffer.concat([bytes, Buffer.allocUnsafe(bytes.length)]);
    }
    offsets[i] = used;
    used += method.copy(bytes, used);
    used += content.copy(bytes, used);
    fillBody(bytes, used - content.length + bodyOffset, bodyBytes, i);
    deliveriesBefore[i + 1] = deliveriesBefore[i]! + options.deliveries(i);
  }
  offsets[messages] = used;
  return { bytes: bytes.subarray(0, used), messages, bodyBytes, offsets, deliveriesBefore };
}

export function deliveriesPerMessage(load: PublishLoad): number {
  return load.deliveriesBefore[load.messages]! / load.messages;
}

/** Deliveries that the first `published` messages lead to. */
export function deliveriesOf(load: PublishLoad, published: number): number {
  const rounds = Math.floor(published / load.messages);
  const all = load.deliveriesBefore[load.messages]!;
  return rounds * all + load.deliveriesBefore[published - rounds * load.messages]!;
}

function fillBody(bytes: Buffer, offset: number, length: number, index: number): void {
  bytes.writeUInt32BE(index, offset);
  for (let i = 4; i < length; i++) bytes[offset + i] = (index + i * 7) & 0xff;
}

/** Checks a delivered body byte by byte and gives the index of its message. */
export function checkBody(
  load: PublishLoad,
  bytes: Buffer,
  offset: number,
  length: number,
): number {
  const index = bytes.readUInt32BE(offset);
  if (length !== load.bodyBytes || index >= load.messages) {
    throw new Error(`a delivered body of ${length} bytes, index ${index}, was never published`);
  }
  for (let i = 4; i < length; i++) {
    if (bytes[offset + i] !== ((index + i * 7) & 0xff)) {
      throw new Error(`byte ${i} of the body of message ${index} changed on its way`);
    }
  }
  return index;
}
