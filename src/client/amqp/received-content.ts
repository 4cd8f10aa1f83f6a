// Room for what has been received: deliveries are copied from the read buffer, which the next read overwrites, one behind the
// other into slabs. A slab goes when the last message in it goes.
import { allocateBlock, type Block, copyBytes } from '../../protocol/block.ts';
import { Content } from '../../protocol/content.ts';

const SLAB_BYTES = 64 * 1024;
/** Larger messages have a block of their own, so that keeping one small message never keeps a large one. */
const MAX_SHARED_BYTES = 8 * 1024;

export class ReceivedContent {
  #slab: Block | undefined;
  #at = 0;

  /** A copy that may be kept. */
  keep(from: Content): Content {
    const { bodyAt, bodyEnd, routeAt, propertiesAt } = from;
    const routeLength = from.routeEnd - routeAt;
    const propertiesLength = from.propertiesEnd - propertiesAt;
    const length = routeLength + propertiesLength + bodyEnd - bodyAt;
    let at = 0;
    let slab: Block;
    if (length > MAX_SHARED_BYTES) slab = allocateBlock(length);
    else {
      if (this.#slab === undefined || this.#at + length > SLAB_BYTES) {
        this.#slab = allocateBlock(SLAB_BYTES);
        this.#at = 0;
      }
      slab = this.#slab;
      at = this.#at;
      this.#at += length;
    }
    const kept = new Content();
    kept.block = slab;
    kept.routeAt = at;
    copyBytes(from.block, routeAt, slab, at, routeLength);
    at += routeLength;
    kept.routeEnd = at;
    kept.propertiesAt = at;
    copyBytes(from.block, propertiesAt, slab, at, propertiesLength);
    at += propertiesLength;
    kept.propertiesEnd = at;
    kept.bodyAt = at;
    copyBytes(from.block, bodyAt, slab, at, bodyEnd - bodyAt);
    kept.bodyEnd = at + bodyEnd - bodyAt;
    return kept;
  }
}
