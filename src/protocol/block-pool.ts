// Blocks that are lent and given back, so that output costs no allocation. Two sizes: small for replies and single
// deliveries, large for a stream of them.
import { allocateBlock, type Block } from './block.ts';

export const SMALL_BLOCK_BYTES = 8 * 1024;
export const LARGE_BLOCK_BYTES = 128 * 1024;

/** How many free blocks of a size are kept; more than that go back to the system. */
const KEPT_BLOCKS = 64;

export class BlockPool {
  readonly #small: Block[] = [];
  readonly #large: Block[] = [];

  /** A block of at least `minBytes`; beyond the large size one is made to measure. */
  lend(minBytes: number): Block {
    if (minBytes <= SMALL_BLOCK_BYTES) return this.#small.pop() ?? allocateBlock(SMALL_BLOCK_BYTES);
    if (minBytes <= LARGE_BLOCK_BYTES) return this.#large.pop() ?? allocateBlock(LARGE_BLOCK_BYTES);
    return allocateBlock(minBytes);
  }

  giveBack(block: Block): void {
    const size = block.bytes.length;
    if (size === SMALL_BLOCK_BYTES && this.#small.length < KEPT_BLOCKS) this.#small.push(block);
    if (size === LARGE_BLOCK_BYTES && this.#large.length < KEPT_BLOCKS) this.#large.push(block);
  }
}
