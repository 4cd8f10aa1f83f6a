// Blocks that are lent and given back, so that output costs no allocation. Small ones are for replies and single deliveries,
// large ones for a stream of them; those between for many connections that each get a little.
import { allocateBlock, type Block } from './block.ts';

export const SMALL_BLOCK_BYTES = 8 * 1024;
export const LARGE_BLOCK_BYTES = 128 * 1024;

const SIZES = [SMALL_BLOCK_BYTES, 32 * 1024, LARGE_BLOCK_BYTES] as const;

/** So much in free blocks of a size is kept; more than that goes back to the system. */
const KEPT_BYTES = 8 * 1024 * 1024;

export class BlockPool {
  readonly #free: readonly Block[][] = SIZES.map(() => []);

  /** A block of at least `minBytes`; beyond the large size one is made to measure. */
  lend(minBytes: number): Block {
    for (let i = 0; i < SIZES.length; i++) {
      const size = SIZES[i]!;
      if (minBytes <= size) return this.#free[i]!.pop() ?? allocateBlock(size);
    }
    return allocateBlock(minBytes);
  }

  giveBack(block: Block): void {
    const size = block.bytes.length;
    for (let i = 0; i < SIZES.length; i++) {
      if (SIZES[i] !== size) continue;
      const free = this.#free[i]!;
      if ((free.length + 1) * size <= KEPT_BYTES) free.push(block);
      return;
    }
  }
}
