// How a message lies in the store: what a delivery needs, ready to be copied, behind a head of 8 bytes.
//
//   body size u32 | properties size u32 | exchange shortstr | routing key shortstr | properties | body

import { copyBytes } from '../protocol/block.ts';
import type { Content } from '../protocol/content.ts';
import type { MessageStore, Segment } from '../store/message-store.ts';

const HEAD_BYTES = 8;

/** Writes a message once, for `references` holders. The record is at `recordAt` of the segment. */
export function storeMessage(store: MessageStore, content: Content, references: number): Segment {
  const routeSize = content.routeEnd - content.routeAt;
  const propertiesSize = content.propertiesEnd - content.propertiesAt;
  const bodySize = content.bodyEnd - content.bodyAt;
  const segment = store.allocate(HEAD_BYTES + routeSize + propertiesSize + bodySize, references);
  const source = content.block;
  let at = segment.recordAt;
  segment.view.setUint32(at, bodySize);
  segment.view.setUint32(at + 4, propertiesSize);
  at += HEAD_BYTES;
  copyBytes(source, content.routeAt, segment, at, routeSize);
  at += routeSize;
  copyBytes(source, content.propertiesAt, segment, at, propertiesSize);
  at += propertiesSize;
  copyBytes(source, content.bodyAt, segment, at, bodySize);
  return segment;
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
