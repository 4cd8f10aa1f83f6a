// Indexes of full files: which files get one, and what a start makes of them.
import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness, type Placed } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { FileIndex, indexName } from './file-index.ts';
import { FILE_HEADER_BYTES, fileName } from './log-file.ts';

const logPath = (number: number) => `${LOG}/${fileName(number)}`;
const indexPath = (number: number) => `${LOG}/${indexName(number)}`;

const indexesIn = (files: MemoryFiles) =>
  files.names(LOG).filter((name) => name.endsWith('.index'));

/** Two of them take a segment. */
const body = (i: number) => `${i} `.padEnd(500_000, '.');

/** Messages, two to a segment, so that `count` / 32 files are full; every write is done. */
async function filled(count: number, residentBytes = 3_000_000) {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files, { residentBytes });
  const messages: Placed[] = [];
  for (let i = 0; i < count; i++) {
    messages.push(harness.append(body(i), 1 + (i % 2)));
    await harness.flush();
    await idle();
  }
  return { files, harness, messages };
}

/** Some messages are settled, one in a file after its own. */
async function withSettlements() {
  const { files, harness, messages } = await filled(3 * 32);
  for (const i of [0, 3, 40, 41, 42]) harness.settle(messages[i]!);
  harness.log.delivered(2, 17);
  await harness.flush();
  harness.append(body(96), 1);
  harness.log.counted(1, 12, 3, true);
  harness.log.counted(1, 12, 2, false);
  await harness.flush();
  for (let i = 97; i < 5 * 32; i++) {
    harness.append(body(i), 1);
    await harness.flush();
    await idle();
  }
  await turns(100);
  return files.copy();
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await idle();
}

/** All that recovery tells. */
async function state(files: MemoryFiles) {
  const harness = await LogHarness.open(files.copy());
  const { recovery } = harness;
  const queues = [...recovery.queues].map(([logId, queue]) => ({
    logId,
    places: Array.from({ length: queue.size }, (_, i) => [queue.sequence(i), queue.bodyBytes(i)]),
    next: queue.nextSequence,
    below: queue.deliveredBelow,
    counts: [[...queue.failures], [...queue.returns]],
    lost: queue.lost,
  }));
  const found = await Promise.all([1, 2].map((queue) => harness.foundBodies(queue)));
  const segments = [...harness.table.values()].map((segment) => [
    segment.file?.number,
    segment.fileOffset,
    segment.sizeBytes,
    segment.end,
    segment.references,
    segment.everReferences,
  ]);
  return {
    queues,
    segments,
    starts: found.map((bodies) => bodies.map((text) => text.slice(0, text.indexOf(' ')))),
    contents: [...recovery.contents],
    damage: recovery.damage,
    next: recovery.tail.nextChunkSequence,
    files: recovery.tail.files.map(({ number, liveSegments, end }) => [number, liveSegments, end]),
  };
}

describe('an index is written', () => {
  test('of files that are full and not among the newest two', async () => {
    const { files } = await filled(3 * 32 + 1);
    await turns(50);
    expect(indexesIn(files)).toEqual([indexName(1), indexName(2)]);
  });

  test('not of files that are empty by then', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    for (let i = 0; i < 4 * 32; i++) {
      harness.settle(harness.append(body(i), 1));
      await harness.flush();
      await idle();
    }
    await turns(50);
    expect(indexesIn(files)).toEqual([]);
  });

  test('and goes with its file', async () => {
    const { files, harness, messages } = await filled(3 * 32 + 1);
    await turns(50);
    for (const message of messages.slice(0, 32)) harness.settle(message);
    await harness.flush();
    await turns(5);
    expect(indexesIn(files)).toEqual([indexName(2)]);
    expect(files.contents.has(logPath(1))).toBe(false);
  });

  test('or not, when the disk has no room for it: the log goes on', async () => {
    const { files, harness } = await filled(2 * 32);
    files.holdsPrepares = true;
    for (let i = 0; i < 3; i++) {
      harness.append(body(i), 1);
      await harness.flush();
    }
    await turns(50);
    // The next file of the log, and the index.
    const [prepareNext, prepareIndex, ...others] = files.heldPrepares;
    expect(others).toEqual([]);
    files.holdsPrepares = false;
    prepareNext!();
    files.failNext('prepare', 'ENOSPC');
    prepareIndex!();
    await turns(50);
    expect(harness.failures).toEqual([]);
    expect(indexesIn(files)).toEqual([]);
    await expect(harness.flush()).resolves.toBeUndefined();
  });

  test('after a start, of files that it read', async () => {
    const files = await withSettlements();
    for (const name of indexesIn(files)) files.contents.delete(`${LOG}/${name}`);
    const harness = await LogHarness.open(files);
    for (let i = 0; i < 40; i++) {
      harness.append(body(i), 1);
      await harness.flush();
      await idle();
    }
    await turns(100);
    expect(indexesIn(files).length).toBeGreaterThanOrEqual(4);
    const again = files.copy();
    for (const name of indexesIn(again)) again.contents.delete(`${LOG}/${name}`);
    expect(await state(files)).toEqual(await state(again));
  });
});

describe('a start', () => {
  test('finds the same with indexes as without', async () => {
    const files = await withSettlements();
    expect(indexesIn(files)).toEqual([1, 2, 3].map(indexName));
    const without = files.copy();
    for (const name of indexesIn(without)) without.contents.delete(`${LOG}/${name}`);
    const found = await state(files);
    expect(found).toEqual(await state(without));
    expect(found.queues.map(({ places }) => places.length)).toEqual([109, 46]);
    expect(found.queues[0]?.counts).toEqual([[[12, 3]], [[12, 2]]]);
  });

  test('does not read the file', async () => {
    const files = await withSettlements();
    const expected = await state(files);
    const blank = files.copy();
    blank.bytes(logPath(1)).fill(0, FILE_HEADER_BYTES);
    const harness = await LogHarness.open(blank);
    expect(harness.recovery.damage).toEqual([]);
    expect(harness.queue(1)?.size).toBe(expected.queues[0]!.places.length);
  });

  test.each([
    ['torn', (bytes: Uint8Array) => bytes.fill(0, 100)],
    ['of another file', (bytes: Uint8Array, other: Uint8Array) => bytes.set(other)],
    ['empty', (bytes: Uint8Array) => bytes.fill(0)],
  ])('reads the file when the index is %s, and removes it', async (_, spoil) => {
    const files = await withSettlements();
    const expected = await state(files);
    spoil(
      files.bytes(indexPath(2)),
      files.bytes(indexPath(1)).slice(0, files.bytes(indexPath(2)).length),
    );
    expect(await state(files)).toEqual(expected);
    await LogHarness.open(files);
    expect(files.removed).toContain(indexPath(2));
  });

  test('takes no index of an earlier life of the file', async () => {
    const files = await withSettlements();
    const stale = FileIndex.decode(files.bytes(indexPath(2)))!;
    // The file by that number begins anew.
    const { files: others } = await filled(2 * 32);
    others.contents.set(indexPath(2), files.bytes(indexPath(2)));
    expect(stale.number).toBe(2);
    const { queues } = await state(others);
    expect(queues.map(({ places }) => places.length)).toEqual([32, 32]);
  });

  test('removes an index whose file is gone', async () => {
    const files = await withSettlements();
    files.contents.set(indexPath(77), files.bytes(indexPath(1)).slice());
    await LogHarness.open(files);
    expect(files.removed).toContain(indexPath(77));
  });

  test('reads a file that was cut off since, and tells', async () => {
    const files = await withSettlements();
    const whole = files.bytes(logPath(2));
    files.contents.set(logPath(2), whole.slice(0, whole.length / 2));
    const { damage } = await state(files);
    expect(damage).toHaveLength(1);
  });
});

describe('damage in a file with an index', () => {
  test('is noticed when the message is wanted; the next start tells what is lost', async () => {
    const files = await withSettlements();
    const at = FILE_HEADER_BYTES + 5 * 1024 * 1024 + 1000;
    files.bytes(logPath(1))[at]! ^= 1;
    const harness = await LogHarness.open(files);
    expect(harness.recovery.damage).toEqual([]);
    const segment = [...harness.table.values()].find(
      ({ file, fileOffset, sizeBytes }) =>
        file?.number === 1 && fileOffset <= at && at < fileOffset + sizeBytes,
    )!;
    harness.log.load(segment, () => {
      throw new Error('what is damaged was handed out');
    });
    await turns(5);
    expect(harness.failures.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^0000000001\.log is damaged between bytes 5246976 and \d+; the next start/,
      ),
    ]);
    const next = await LogHarness.open(files.copy());
    expect(next.recovery.damage).toEqual([
      expect.stringMatching(/^1 chunk missing or damaged in 0000000001\.log before byte \d+$/),
    ]);
    expect([1, 2].map((queue) => next.queue(queue)?.lost)).toEqual([1, 0]);
  });

  test('it gets none once damage was found, so that every start tells', async () => {
    const { files } = await filled(2 * 32 + 1);
    await turns(50);
    for (const name of indexesIn(files)) files.contents.delete(`${LOG}/${name}`);
    files.bytes(logPath(1))[FILE_HEADER_BYTES + 1000]! ^= 1;
    const harness = await LogHarness.open(files);
    for (let i = 0; i < 3 * 32; i++) {
      harness.append(body(i), 1);
      await harness.flush();
      await idle();
    }
    await turns(100);
    expect(indexesIn(files)).not.toContain(indexName(1));
    expect(indexesIn(files)).toContain(indexName(2));
    expect((await state(files)).damage).toHaveLength(1);
  });

  test('in the last segment costs no good message at the start after the next', async () => {
    const { files, harness: first } = await filled(2 * 32 + 1);
    await turns(50);
    const last = [...first.table.values()]
      .filter(({ file }) => file?.number === 1)
      .reduce((a, b) => (a.fileOffset > b.fileOffset ? a : b));
    for (const name of indexesIn(files)) files.contents.delete(`${LOG}/${name}`);
    files.bytes(logPath(1))[last.fileOffset + 1000]! ^= 1;
    const harness = await LogHarness.open(files);
    for (let i = 0; i < 3 * 32; i++) {
      harness.append(body(i), 1);
      await harness.flush();
      await idle();
    }
    await turns(100);
    expect(indexesIn(files)).toContain(indexName(2));
    const { queues } = await state(files);
    expect(queues.map(({ places }) => places.length)).toEqual([32 + 3 * 32, 32]);
  });
});
