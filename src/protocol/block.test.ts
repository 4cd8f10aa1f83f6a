import { describe, expect, test } from 'vitest';
import { allocateBlock, type Block, blockOf, copyBytes, sameBytes } from './block.ts';

/** A block inside a larger buffer, as pooled and shared memory is, so that offsets of views matter. */
function offsetBlock(sizeBytes: number, fill: (at: number) => number): Block {
  const block = blockOf(new Uint8Array(sizeBytes + 5).subarray(5));
  for (let i = 0; i < sizeBytes; i++) block.bytes[i] = fill(i);
  return block;
}

test('both views of a block see the same bytes', () => {
  const block = blockOf(new Uint8Array([1, 2, 3, 4, 5, 6]).subarray(2, 5));
  expect(block.view.byteLength).toBe(3);
  expect(block.view.getUint16(0)).toBe(0x0304);
  block.view.setUint8(2, 9);
  expect(block.bytes).toEqual(new Uint8Array([3, 4, 9]));
});

test('a fresh block is zero', () => {
  expect(allocateBlock(3).bytes).toEqual(new Uint8Array(3));
});

describe('copyBytes', () => {
  const LONGEST = 300;
  // A prime period, so that a run copied from a wrong place or to one shows.
  const source = offsetBlock(LONGEST + 8, (at) => 1 + (at % 251));

  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'every length from 0 to 300, from alignment %i to all eight',
    (sourceAt) => {
      for (let targetAt = 0; targetAt < 8; targetAt++) {
        for (let length = 0; length <= LONGEST; length++) {
          const target = offsetBlock(LONGEST + 16, () => 0);
          copyBytes(source, sourceAt, target, targetAt, length);
          const expected = Buffer.alloc(LONGEST + 16);
          expected.set(source.bytes.subarray(sourceAt, sourceAt + length), targetAt);
          if (!expected.equals(target.bytes)) {
            expect.fail(`${length} bytes from ${sourceAt} to ${targetAt} are not the same`);
          }
        }
      }
    },
  );

  test.each([3, 64, 200])('%i bytes within one block', (length) => {
    const block = offsetBlock(500, (at) => at % 251);
    copyBytes(block, 10, block, 250, length);
    expect(sameBytes(block.bytes, 10, block.bytes, 250, length)).toBe(true);
    expect(block.bytes[249]).toBe(249);
    expect(block.bytes[250 + length]).toBe((250 + length) % 251);
  });

  test.each([0, 3, 8, 103, 104, 300])('%i bytes that end where both blocks end', (length) => {
    const target = offsetBlock(LONGEST + 2, () => 0);
    copyBytes(source, LONGEST + 8 - length, target, LONGEST + 2 - length, length);
    expect(target.bytes.slice(LONGEST + 2 - length)).toEqual(
      source.bytes.slice(LONGEST + 8 - length),
    );
  });
});

test('sameBytes compares runs, not what surrounds them', () => {
  const a = new Uint8Array([9, 1, 2, 3]);
  const b = new Uint8Array([1, 2, 4]);
  expect(sameBytes(a, 1, b, 0, 2)).toBe(true);
  expect(sameBytes(a, 1, b, 0, 3)).toBe(false);
  expect(sameBytes(a, 0, b, 0, 1)).toBe(false);
  expect(sameBytes(a, 0, b, 0, 0)).toBe(true);
});
