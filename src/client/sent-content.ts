// Room for messages that are on their way: encoded once, when `publish` is called, so that a message stays what it was however
// often it is sent. One behind the other in slabs; a slab whose messages are all settled is used again.
import { allocateBlock, type Block } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import type { PropertyTemplate } from './property-template.ts';

const SLAB_BYTES = 64 * 1024;
const MAX_SHARED_BYTES = 16 * 1024;
const KEPT_SLABS = 16;
/** Shorter bodies are copied faster by a loop than by the engine. */
const LOOP_UP_TO_BYTES = 48;

class Slab {
  readonly block = allocateBlock(SLAB_BYTES);
  usedBytes = 0;
  messages = 0;
}

/** A message's properties and body as they go on the wire. It has no route: that is in the method frame. */
export class StoredContent extends Content {
  slab: Slab | undefined;
}

const writer = new ByteWriter();
const free: Slab[] = [];
let current = new Slab();

/** @throws RangeError for a property that does not fit its field. */
export function storeContent(properties: BasicProperties, body: Uint8Array): StoredContent {
  writer.clear();
  encodeProperties(properties, writer);
  const { bytes } = writer;
  const content = roomFor(bytes.length, body);
  content.block.bytes.set(bytes, content.propertiesAt);
  return content;
}

/** As `storeContent`, for properties that are the same for many messages but for what the template knows. */
export function storeTemplated(
  template: PropertyTemplate,
  messageId: Block,
  timestampSeconds: number,
  body: Uint8Array,
): StoredContent {
  const { length } = template;
  const content = roomFor(length, body);
  template.write(content.block, content.propertiesAt, messageId, timestampSeconds);
  return content;
}

/** Room for properties, which are still to be written, with the body behind them. */
function roomFor(propertiesLength: number, body: Uint8Array): StoredContent {
  const length = propertiesLength + body.length;
  const content = new StoredContent();
  let block: Block;
  let at = 0;
  if (length > MAX_SHARED_BYTES) block = allocateBlock(length);
  else {
    if (current.usedBytes + length > SLAB_BYTES) current = free.pop() ?? new Slab();
    const slab = current;
    block = slab.block;
    at = slab.usedBytes;
    slab.usedBytes += length;
    slab.messages++;
    content.slab = slab;
  }
  content.block = block;
  content.propertiesAt = at;
  content.propertiesEnd = at + propertiesLength;
  content.bodyAt = content.propertiesEnd;
  content.bodyEnd = at + length;
  const { bytes } = block;
  const { bodyAt } = content;
  if (body.length > LOOP_UP_TO_BYTES) bytes.set(body, bodyAt);
  else for (let i = 0; i < body.length; i++) bytes[bodyAt + i] = body[i]!;
  return content;
}

/** The message is settled: its bytes are not read any more. */
export function releaseContent(content: StoredContent): void {
  const { slab } = content;
  if (!slab) return;
  content.slab = undefined;
  if (--slab.messages > 0) return;
  slab.usedBytes = 0;
  if (slab !== current && free.length < KEPT_SLABS) free.push(slab);
}

/** Bytes that a message keeps. */
export function storedBytes(content: Content): number {
  return content.bodyEnd - content.propertiesAt;
}
