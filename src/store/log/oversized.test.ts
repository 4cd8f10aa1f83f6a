// Messages that are larger than a segment: how much space they take, and that they come back.
import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { FILE_BYTES, FILE_HEADER_BYTES, fileName } from './log-file.ts';

/** A body that is told from every other one of the same size. */
const body = (seed: number, sizeBytes: number) =>
  new Uint8Array(sizeBytes).map((_, i) => (i * 31 + seed) & 0x7f);

async function written(sizes: readonly number[], messagesInWrite = 1) {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files);
  for (const [i, size] of sizes.entries()) {
    harness.append(body(i, size), 1);
    if (i % messagesInWrite === messagesInWrite - 1) await harness.flush();
    await idle();
  }
  await harness.flush();
  return { files, harness };
}

async function expectAll(files: MemoryFiles, sizes: readonly number[]): Promise<void> {
  const harness = await LogHarness.open(files.copy());
  expect(harness.recovery.damage).toEqual([]);
  const found = await harness.foundBodies(1);
  expect(found.map(({ length }) => length)).toEqual(sizes);
  for (const [i, text] of found.entries()) {
    expect(text === new TextDecoder().decode(body(i, sizes[i]!)), `message ${i}`).toBe(true);
  }
}

const MIB = 1024 * 1024;

describe('the space that is used', () => {
  test.each([
    ['1.5 MiB', 1.5 * MIB, 20, 2],
    ['just above a segment', MIB, 20, 2],
    ['5.9 MiB', 5.9 * MIB, 8, 6],
  ])('by messages of %s is theirs, rounded up to segments', async (_, size, count, segments) => {
    const sizes = Array.from({ length: count }, () => Math.floor(size));
    const { files, harness } = await written(sizes);
    const used = harness.log.files.reduce((sum, { end }) => sum + end - FILE_HEADER_BYTES, 0);
    expect(used).toBe(count * segments * SEGMENT_BYTES);
    await expectAll(files, sizes);
  });

  test('what is left in the last segment of one takes what comes next', async () => {
    const sizes = [1.2 * MIB, ...Array.from({ length: 7 }, () => 0.1 * MIB)].map(Math.floor);
    const { files, harness } = await written(sizes);
    expect(harness.log.files[0]!.end).toBe(FILE_HEADER_BYTES + 2 * SEGMENT_BYTES);
    await expectAll(files, sizes);
  });

  test('one that does not fit into the rest of a file makes it larger, by what it needs', async () => {
    const sizes = [10, 15, 2, 0.5].map((mib) => Math.floor(mib * MIB) - 100);
    const { files, harness } = await written(sizes);
    expect(harness.log.files.map(({ number, end }) => [number, end])).toEqual([
      [1, FILE_HEADER_BYTES + 25 * SEGMENT_BYTES],
      [2, FILE_HEADER_BYTES + 3 * SEGMENT_BYTES],
    ]);
    expect(files.bytes(`${LOG}/${fileName(1)}`).length).toBeGreaterThan(FILE_BYTES);
    await expectAll(files, sizes);
  });
});

test('small and large in one write come back in order', async () => {
  const sizes = [10, 2.5 * MIB, 20, 30, MIB, 40, 16 * MIB, 50].map(Math.floor);
  const { files } = await written(sizes, 3);
  await expectAll(files, sizes);
});

test('one that a crash has torn is gone, and what was before it is there', async () => {
  const sizes = [100, 2.5 * MIB].map(Math.floor);
  const { files } = await written(sizes);
  const bytes = files.bytes(`${LOG}/${fileName(1)}`);
  for (const tornAt of [SEGMENT_BYTES + 10, 2 * SEGMENT_BYTES, 3 * SEGMENT_BYTES + 99]) {
    const torn = files.copy();
    torn.bytes(`${LOG}/${fileName(1)}`).fill(0, FILE_HEADER_BYTES + tornAt, bytes.length);
    const harness = await LogHarness.open(torn);
    expect(harness.recovery.damage).toEqual([]);
    expect((await harness.foundBodies(1)).map(({ length }) => length)).toEqual([100]);
  }
});
