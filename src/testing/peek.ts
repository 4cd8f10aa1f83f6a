// What lies in a queue, without taking it: for a test's assertions.
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { viewMessage } from '../broker/message.ts';
import type { Queue } from '../broker/queue/queue.ts';
import { fromBasicProperties, type MessageProperties } from '../client/base/properties.ts';
import { deserialize } from '../client/base/serialization.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { Content } from '../protocol/content.ts';
import { decodeProperties } from '../protocol/properties.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { MovingSlots } from '../store/position-holder.ts';

export interface PeekedMessage<T = unknown> {
  /** Decoded as a consumer would; bytes where it could not be. */
  readonly body: T;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: MessageProperties;
  readonly exchange: string;
  readonly routingKey: string;
}

/** The messages that are ready, oldest first. */
export function peek(queue: Queue, store: MessageStore): PeekedMessage[] {
  const found: { sequence: number; message: PeekedMessage }[] = [];
  queue.visitPositions({
    moving: everySlot,
    slot: 0,
    offset: 0,
    visit(_queue, sequence, slot, offset) {
      found.push({ sequence, message: messageAt(store, slot, offset) });
      return false;
    },
  });
  return found.sort((a, b) => a.sequence - b.sequence).map(({ message }) => message);
}

const everySlot = { has: () => true, size: 1 } as unknown as MovingSlots;

function messageAt(store: MessageStore, slot: number, offset: number): PeekedMessage {
  const content = new Content();
  viewMessage(store.segment(slot), offset, content);
  const { bytes } = content.block;
  const route = new ByteReader(bytes, content.routeAt, content.routeEnd);
  const basic = decodeProperties(
    new ByteReader(bytes, content.propertiesAt, content.propertiesEnd),
  );
  const properties = fromBasicProperties(basic);
  const raw = bytes.slice(content.bodyAt, content.bodyEnd);
  return {
    body: bodyOf(raw, properties),
    headers: properties.headers ?? {},
    properties,
    exchange: route.anyShortstr(),
    routingKey: route.anyShortstr(),
  };
}

function bodyOf(raw: Uint8Array, properties: MessageProperties): unknown {
  const { contentType, contentEncoding, headers } = properties;
  try {
    return deserialize(inflate(raw, headers?.compression), contentType, contentEncoding, undefined);
  } catch {
    return raw;
  }
}

function inflate(raw: Uint8Array, compression: unknown): Uint8Array {
  if (compression === 'application/x-gzip') return unzipSync(raw);
  if (compression === 'application/x-brotli') return brotliDecompressSync(raw);
  return raw;
}
