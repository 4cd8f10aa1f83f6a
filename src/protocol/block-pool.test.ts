import { expect, test } from 'vitest';
import { allocateBlock } from './block.ts';
import { BlockPool, LARGE_BLOCK_BYTES, SMALL_BLOCK_BYTES } from './block-pool.ts';

test.each([
  [0, SMALL_BLOCK_BYTES],
  [1, SMALL_BLOCK_BYTES],
  [SMALL_BLOCK_BYTES, SMALL_BLOCK_BYTES],
  [SMALL_BLOCK_BYTES + 1, 32 * 1024],
  [32 * 1024 + 1, LARGE_BLOCK_BYTES],
  [LARGE_BLOCK_BYTES, LARGE_BLOCK_BYTES],
  [LARGE_BLOCK_BYTES + 1, LARGE_BLOCK_BYTES + 1],
])('asked for %i bytes it lends %i', (minBytes, sizeBytes) => {
  expect(new BlockPool().lend(minBytes).bytes.length).toBe(sizeBytes);
});

test('a block is lent to one at a time, and again when it was given back', () => {
  const pool = new BlockPool();
  for (const sizeBytes of [SMALL_BLOCK_BYTES, LARGE_BLOCK_BYTES]) {
    const first = pool.lend(sizeBytes);
    const isFirst = () => pool.lend(sizeBytes) === first;
    expect(isFirst()).toBe(false);
    pool.giveBack(first);
    expect(isFirst()).toBe(true);
    expect(isFirst()).toBe(false);
  }
});

test('a block made to measure is not kept', () => {
  const pool = new BlockPool();
  const big = pool.lend(LARGE_BLOCK_BYTES + 1);
  pool.giveBack(big);
  expect(pool.lend(LARGE_BLOCK_BYTES + 1) === big).toBe(false);
});

test('it keeps 8 MiB of free blocks of a size and lets the rest go', () => {
  const pool = new BlockPool();
  for (const sizeBytes of [SMALL_BLOCK_BYTES, 32 * 1024, LARGE_BLOCK_BYTES]) {
    const kept = (8 * 1024 * 1024) / sizeBytes;
    const blocks = Array.from({ length: kept + 1 }, () => allocateBlock(sizeBytes));
    for (const block of blocks) pool.giveBack(block);
    const lent = new Set(Array.from({ length: kept + 1 }, () => pool.lend(sizeBytes)));
    expect(blocks.filter((block) => lent.has(block))).toHaveLength(kept);
  }
});
