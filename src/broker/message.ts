// How a message lies in the store: what a delivery needs, ready to be copied, behind a head of 8 bytes.
//
//   body size u32 | properties size u32 | exchange shortstr | routing key shortstr | properties | body

import { copyBytes } from '../protocol/block.ts';
import type { Content } from '../protocol/content.ts';
import { deliveryModeOf } from '../protocol/properties.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Segment } from '../store/segment.ts';
import type { Queue } from './queue/queue.ts';

const HEAD_BYTES = 8;

const PERSISTENT = 2;

/** Writes a message once, for all `queues`. The record is at `recordAt` of the segment. */
export function storeMessage(
  store: MessageStore,
  content: Content,
  queues: readonly Queue[],
): Segment {
  const size = sizeOf(content);
  const segment = mustLast(content, queues)
    ? store.append(size, queues)
    : store.allocate(size, queues.length);
  write(content, segment);
  return segment;
}

/** Writes a message that a transaction holds until it commits. */
export function holdMessage(store: MessageStore, content: Content): Segment {
  const segment = store.allocate(sizeOf(content), 1);
  write(content, segment);
  return segment;
}

/** A persistent message in a durable queue is to be there after a restart. Queues have numbers only where there is a log. */
function mustLast(content: Content, queues: readonly Queue[]): boolean {
  for (let i = 0; i < queues.length; i++) {
    if (queues[i]!.logId === 0) continue;
    return deliveryModeOf(content.block.view, content.propertiesAt) === PERSISTENT;
  }
  return false;
}

/** How many bytes the message at `offset` takes. */
export function sizeOfMessage({ bytes, view }: Segment, offset: number): number {
  const routingKeyAt = offset + HEAD_BYTES + 1 + bytes[offset + HEAD_BYTES]!;
  const routeEnd = routingKeyAt + 1 + bytes[routingKeyAt]!;
  return routeEnd - offset + view.getUint32(offset) + view.getUint32(offset + 4);
}

function sizeOf(content: Content): number {
  const head = HEAD_BYTES + content.routeEnd - content.routeAt;
  return head + content.propertiesEnd - content.propertiesAt + content.bodyEnd - content.bodyAt;
}

function write(content: Content, segment: Segment): void {
  const source = content.block;
  const routeSize = content.routeEnd - content.routeAt;
  const propertiesSize = content.propertiesEnd - content.propertiesAt;
  const bodySize = content.bodyEnd - content.bodyAt;
  let at = segment.recordAt;
  segment.view.setUint32(at, bodySize);
  segment.view.setUint32(at + 4, propertiesSize);
  at += HEAD_BYTES;
  copyBytes(source, content.routeAt, segment, at, routeSize);
  at += routeSize;
  copyBytes(source, content.propertiesAt, segment, at, propertiesSize);
  at += propertiesSize;
  copyBytes(source, content.bodyAt, segment, at, bodySize);
}

/** Points `content` at the message that lies at `offset` of `segment`. Valid until the message is released. */
export function viewMessage(segment: Segment, offset: number, content: Content): void {
  const { bytes, view } = segment;
  const routeAt = offset + HEAD_BYTES;
  const routingKeyAt = routeAt + 1 + bytes[routeAt]!;
  const propertiesAt = routingKeyAt + 1 + bytes[routingKeyAt]!;
  const propertiesEnd = propertiesAt + view.getUint32(offset + 4);
  content.block = segment;
  content.routeAt = routeAt;
  content.routeEnd = propertiesAt;
  content.propertiesAt = propertiesAt;
  content.propertiesEnd = propertiesEnd;
  content.bodyAt = propertiesEnd;
  content.bodyEnd = propertiesEnd + view.getUint32(offset);
}
