// Room for messages that are on their way: encoded once, when `publish` is called, so that a message stays what it was however
// often it is sent. One behind the other in slabs; a slab whose messages are all settled is used again.
import { allocateBlock, type Block, blockOf, copyBytes } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';

const SLAB_BYTES = 64 * 1024;
const MAX_SHARED_BYTES = 16 * 1024;
const KEPT_SLABS = 16;

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
  return placed(writer.bytes, body);
}

function placed(properties: Uint8Array, body: Uint8Array): StoredContent {
  const length = properties.length + body.length;
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
  copyBytes(blockOf(properties), 0, block, at, properties.length);
  copyBytes(blockOf(body), 0, block, at + properties.length, body.length);
  content.block = block;
  content.propertiesAt = at;
  content.propertiesEnd = at + properties.length;
  content.bodyAt = content.propertiesEnd;
  content.bodyEnd = at + length;
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
