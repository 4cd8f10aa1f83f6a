// Writes frames into blocks lent from a pool. The owner takes the filled blocks once per turn and hands them to the socket,
// so a thousand deliveries are one write.
import { type Block, blockOf, copyBytes } from './block.ts';
import { type BlockPool, LARGE_BLOCK_BYTES } from './block-pool.ts';
import { ByteWriter } from './byte-writer.ts';
import type { Content } from './content.ts';
import { FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES } from './frame-parser.ts';
import { encodeMethod } from './method-codec.ts';
import { FRAME_END, FrameType, type Method, methodIds } from './methods.generated.ts';

/** A block and how many of its bytes are in use. */
export interface FilledBlock {
  readonly block: Block;
  readonly length: number;
}

const scratch = new ByteWriter();

/** Frame header 7, class 2, weight 2, body size 8. */
const CONTENT_HEADER_BYTES = 19;
const BASIC_CLASS = 60;

export class FrameWriter {
  readonly #pool: BlockPool;
  #filled: FilledBlock[] = [];
  #filledBytes = 0;
  #block: Block | undefined;
  #at = 0;
  /** Room for twice what was written last time, so that a connection that writes much begins with a large block. */
  #firstBlockBytes = 1;
  /** The largest frame the peer takes, header and end octet included. */
  frameMax: number;

  constructor(pool: BlockPool, frameMax: number) {
    this.#pool = pool;
    this.frameMax = frameMax;
  }

  /** Bytes written and not yet taken. */
  get pendingBytes(): number {
    return this.#filledBytes + this.#at;
  }

  /** Hands over all that was written, in order, and starts anew. */
  take(): FilledBlock[] {
    this.#firstBlockBytes = Math.min(this.pendingBytes * 2, LARGE_BLOCK_BYTES);
    this.#closeBlock();
    const filled = this.#filled;
    this.#filled = [];
    this.#filledBytes = 0;
    return filled;
  }

  #closeBlock(): void {
    if (this.#block && this.#at > 0) {
      this.#filled.push({ block: this.#block, length: this.#at });
      this.#filledBytes += this.#at;
      this.#block = undefined;
      this.#at = 0;
    }
  }

  /** Room for `length` bytes in one block; the caller writes at `#at` and moves it. */
  #reserve(length: number): Block {
    const block = this.#block;
    if (block && this.#at + length <= block.bytes.length) return block;
    const first = this.#filled.length === 0 && this.#at === 0;
    if (block && this.#at === 0) this.#pool.giveBack(block);
    this.#closeBlock();
    const wanted = first ? this.#firstBlockBytes : LARGE_BLOCK_BYTES;
    const next = this.#pool.lend(Math.max(length, wanted));
    this.#block = next;
    this.#at = 0;
    return next;
  }

  /** Bytes as they are, such as a protocol header. */
  raw(bytes: Uint8Array): void {
    const block = this.#reserve(bytes.length);
    block.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  heartbeat(): void {
    const block = this.#reserve(FRAME_OVERHEAD_BYTES);
    this.#frameHeader(block, FrameType.HEARTBEAT, 0, 0);
    this.#frameEnd(block);
  }

  method(channel: number, method: Method): void {
    scratch.clear();
    scratch.long(methodIds[method.name]);
    encodeMethod(method, scratch);
    const payload = scratch.bytes;
    if (payload.length + FRAME_OVERHEAD_BYTES > this.frameMax) {
      throw new RangeError(
        `${method.name} of ${payload.length} bytes does not fit a frame of ${this.frameMax}`,
      );
    }
    const block = this.#reserve(payload.length + FRAME_OVERHEAD_BYTES);
    this.#frameHeader(block, FrameType.METHOD, channel, payload.length);
    block.bytes.set(payload, this.#at);
    this.#at += payload.length;
    this.#frameEnd(block);
  }

  /** Header and body frames of a message; its method frame must have been written just before. */
  content(channel: number, content: Content): void {
    const block = this.#reserve(this.#contentBytes(content));
    this.#content(block, channel, content);
  }

  /**
   * A whole basic.deliver. `prefix` is the consumer's prepared beginning of the method frame: frame header (its size is
   * filled in here), ids and consumer tag. It is followed by
   *
   *   delivery tag u64 | redelivered u8 | exchange and routing key, as in the publish | 0xCE
   */
  delivery(
    prefix: Block,
    channel: number,
    deliveryTag: number,
    redelivered: boolean,
    content: Content,
  ): void {
    const prefixLength = prefix.bytes.length;
    const routeLength = content.routeEnd - content.routeAt;
    const methodBytes = prefixLength + 9 + routeLength + 1;
    const block = this.#reserve(methodBytes + this.#contentBytes(content));
    const { view } = block;
    let at = this.#at;
    copyBytes(prefix, 0, block, at, prefixLength);
    view.setUint32(at + 3, methodBytes - FRAME_OVERHEAD_BYTES);
    at += prefixLength;
    view.setUint32(at, deliveryTag > 0xffff_ffff ? Math.floor(deliveryTag / 0x1_0000_0000) : 0);
    view.setUint32(at + 4, deliveryTag >>> 0);
    view.setUint8(at + 8, redelivered ? 1 : 0);
    at += 9;
    copyBytes(content.block, content.routeAt, block, at, routeLength);
    at += routeLength;
    view.setUint8(at, FRAME_END);
    this.#at = at + 1;
    this.#content(block, channel, content);
  }

  #contentBytes(content: Content): number {
    const header = CONTENT_HEADER_BYTES + content.propertiesEnd - content.propertiesAt + 1;
    const body = content.bodyEnd - content.bodyAt;
    const room = this.frameMax - FRAME_OVERHEAD_BYTES;
    const frames = body === 0 ? 0 : body <= room ? 1 : Math.ceil(body / room);
    return header + body + frames * FRAME_OVERHEAD_BYTES;
  }

  #content(block: Block, channel: number, content: Content): void {
    const { view } = block;
    const source = content.block;
    const propertiesLength = content.propertiesEnd - content.propertiesAt;
    const bodySize = content.bodyEnd - content.bodyAt;
    let at = this.#at;
    view.setUint8(at, FrameType.HEADER);
    view.setUint16(at + 1, channel);
    view.setUint32(at + 3, 12 + propertiesLength);
    view.setUint32(at + 7, BASIC_CLASS << 16);
    view.setUint32(at + 11, 0);
    view.setUint32(at + 15, bodySize);
    at += CONTENT_HEADER_BYTES;
    copyBytes(source, content.propertiesAt, block, at, propertiesLength);
    at += propertiesLength;
    view.setUint8(at, FRAME_END);
    at += 1;
    const room = this.frameMax - FRAME_OVERHEAD_BYTES;
    for (let done = 0; done < bodySize; ) {
      const length = Math.min(room, bodySize - done);
      view.setUint8(at, FrameType.BODY);
      view.setUint16(at + 1, channel);
      view.setUint32(at + 3, length);
      at += FRAME_HEADER_BYTES;
      copyBytes(source, content.bodyAt + done, block, at, length);
      at += length;
      view.setUint8(at, FRAME_END);
      at += 1;
      done += length;
    }
    this.#at = at;
  }

  #frameHeader(block: Block, type: number, channel: number, size: number): void {
    const { view } = block;
    const at = this.#at;
    view.setUint8(at, type);
    view.setUint16(at + 1, channel);
    view.setUint32(at + 3, size);
    this.#at = at + FRAME_HEADER_BYTES;
  }

  #frameEnd(block: Block): void {
    block.bytes[this.#at] = FRAME_END;
    this.#at += 1;
  }
}

/** The part of every basic.deliver to one consumer that does not change (see `FrameWriter.delivery`). */
export function deliveryPrefix(channel: number, consumerTag: string): Block {
  const writer = new ByteWriter();
  writer.octet(FrameType.METHOD);
  writer.short(channel);
  writer.long(0);
  writer.long(methodIds['basic.deliver']);
  writer.shortstr(consumerTag);
  return blockOf(writer.bytes.slice());
}
