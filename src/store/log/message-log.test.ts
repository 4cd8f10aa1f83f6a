import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness, type Placed } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES } from './chunk.ts';
import { FILE_BYTES, FILE_HEADER_BYTES, fileName } from './log-file.ts';

const logPath = (number: number) => `${LOG}/${fileName(number)}`;

/** The writes to the log, without the journal's. */
const logWrites = (files: MemoryFiles) => files.writes.filter(({ path }) => path.endsWith('.log'));

/** What a broker that comes now would find. */
async function reopened({ files }: LogHarness): Promise<LogHarness> {
  const copy = await LogHarness.open(files.copy());
  expect(copy.recovery.damage).toEqual([]);
  return copy;
}

const half = (text: string) => text.repeat(SEGMENT_BYTES / 2 / text.length);

/** Messages that fill a file, one for each segment. */
function fillFile(harness: LogHarness, queue: number, count = 16): Placed[] {
  const body = new Uint8Array(SEGMENT_BYTES - 45);
  return Array.from({ length: count }, () => harness.append(body, queue));
}

describe('an append', () => {
  test('is on disk when its generation is synced', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    const { log } = harness;
    expect([log.isDirty, log.syncedGeneration]).toEqual([false, 0]);
    const message = harness.append('hello', 1);
    const { generation } = log;
    expect(log.isDirty).toBe(true);
    expect(log.syncedGeneration).toBeLessThan(generation);
    await harness.flush();
    expect(log.isDirty).toBe(false);
    expect(log.syncedGeneration).toBeGreaterThanOrEqual(generation);
    expect(log.generation).toBeGreaterThan(generation);
    expect(harness.body(message)).toBe('hello');
    expect(await (await reopened(harness)).found(1)).toEqual([{ sequence: 0, body: 'hello' }]);
  });

  test('is announced once until it is written', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    harness.append('a', 1);
    harness.append('b', 1);
    expect(harness.events.filter((event) => event === 'dirty')).toHaveLength(1);
    await harness.flush();
    harness.append('c', 1);
    expect(harness.events.filter((event) => event === 'dirty')).toHaveLength(2);
  });

  test('for many queues is written once', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    harness.append('x'.repeat(1000), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    await harness.flush();
    const [write] = logWrites(harness.files);
    expect(write!.sizeBytes - FILE_HEADER_BYTES).toBeLessThan(1300);
    const next = await reopened(harness);
    for (let queue = 1; queue <= 10; queue++) {
      expect(await next.foundBodies(queue)).toEqual(['x'.repeat(1000)]);
    }
  });

  test('leaves queues out that are not durable, and counts them as holders', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    const { segment } = harness.append('both', 1, 0);
    const before = segment.references;
    harness.log.release(segment);
    harness.log.release(segment);
    expect(before - segment.references).toBe(2);
    await harness.flush();
    expect([...(await reopened(harness)).recovery.queues.keys()]).toEqual([1]);
  });

  test('of no bytes', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    harness.append('', 1);
    await harness.flush();
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['']);
  });
});

describe('while a write is under way', () => {
  test('what comes forms one next write, and is not synced before it', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    files.holdsWrites = true;
    const { log } = harness;
    harness.append('a', 1);
    const first = log.generation;
    log.flush();
    expect(files.held).toHaveLength(1);
    for (const body of ['b', 'c', 'd']) {
      harness.append(body, 1);
      log.flush();
    }
    const second = log.generation;
    expect(files.held).toHaveLength(1);
    expect(log.syncedGeneration).toBeLessThan(first);

    files.held.shift()!.finish();
    expect(log.syncedGeneration).toBe(first);
    expect(files.held).toHaveLength(1);
    harness.append('e', 1);
    files.held.shift()!.finish();
    expect(log.syncedGeneration).toBe(second);
    expect(logWrites(files)).toHaveLength(3);
    files.held.shift()!.finish();
    expect(harness.events.filter((event) => event === 'synced')).toHaveLength(3);
    files.holdsWrites = false;
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a settlement goes with the next', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    files.holdsWrites = true;
    const message = harness.append('a', 1);
    harness.log.flush();
    harness.settle(message);
    harness.append('b', 1);
    files.held.shift()!.finish();
    files.held.shift()!.finish();
    files.holdsWrites = false;
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['b']);
  });
});

describe('settlements', () => {
  test('of neighbours are one record, and nobody is waiting for them', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    const messages = Array.from({ length: 100 }, (_, i) => harness.append(`${i}`, 1));
    await harness.flush();
    harness.events.length = 0;
    for (const message of messages) harness.settle(message);
    expect(harness.events).toEqual(['settled']);
    await harness.flush();
    expect(files.writes.at(-1)?.sizeBytes).toBe(CHUNK_HEADER_BYTES + 15);
    expect(await (await reopened(harness)).found(1)).toEqual([]);
  });

  test('in any order', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    const messages = Array.from({ length: 10 }, (_, i) => harness.append(`${i}`, 1, 2));
    for (const at of [9, 0, 1, 5, 4, 3]) harness.settle(messages[at]!);
    await harness.flush();
    const next = await reopened(harness);
    expect(await next.foundBodies(1)).toEqual(['2', '6', '7', '8']);
    expect(await next.foundBodies(2)).toEqual(['2', '6', '7', '8']);
    expect(next.queue(1)?.nextSequence).toBe(10);
  });

  test('are waited for by whoever asks', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    const message = harness.append('a', 1);
    await harness.flush();
    harness.settle(message);
    let isSynced = false;
    harness.log.whenSynced(() => {
      isSynced = true;
    });
    expect(harness.events.at(-1)).toBe('dirty');
    expect(isSynced).toBe(false);
    await harness.flush();
    expect(isSynced).toBe(true);
  });
});

describe('segments and files', () => {
  test('a record that does not fit begins the next segment, and both are one write', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    const first = harness.append(half('ab'), 1);
    const second = harness.append(half('cd'), 1);
    expect(second.segment).not.toBe(first.segment);
    await harness.flush();
    expect(logWrites(files)).toHaveLength(1);
    expect(second.segment.fileOffset).toBe(FILE_HEADER_BYTES + SEGMENT_BYTES);
    expect(await (await reopened(harness)).foundBodies(1)).toEqual([half('ab'), half('cd')]);
  });

  test('writes go on in a segment where they ended', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    for (const body of ['a', 'b', 'c']) {
      harness.append(body, 1);
      await harness.flush();
    }
    const writes = logWrites(files);
    expect(writes.map(({ position }) => position)).toEqual([
      0,
      writes[0]!.sizeBytes,
      writes[0]!.sizeBytes + writes[1]!.sizeBytes,
    ]);
  });

  test('a full file is followed by the next', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    fillFile(harness, 1);
    harness.append('in the next', 1);
    await harness.flush();
    await idle();
    expect(harness.log.files.map(({ number }) => number)).toEqual([1, 2]);
    expect(files.bytes(logPath(1))).toHaveLength(FILE_BYTES);
    const next = await reopened(harness);
    expect(next.queue(1)?.size).toBe(17);
    expect((await next.foundBodies(1)).at(-1)).toBe('in the next');
  });

  test('nothing is written before the next file is ready, and then all', async () => {
    const files = new MemoryFiles();
    files.holdsPrepares = true;
    const harness = new LogHarness(files);
    harness.append('early', 1);
    await harness.flush();
    harness.append('later', 1);
    await harness.flush();
    expect(harness.log.syncedGeneration).toBe(0);
    expect(files.writes).toEqual([]);
    files.heldPrepares.shift()!();
    await idle();
    expect(harness.log.isDirty).toBe(false);
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['early', 'later']);
  });

  test.each([
    SEGMENT_BYTES - CHUNK_HEADER_BYTES - 17,
    SEGMENT_BYTES - CHUNK_HEADER_BYTES - 16,
    SEGMENT_BYTES,
    3 * SEGMENT_BYTES + 5,
    20 * SEGMENT_BYTES,
  ])('a record of %i bytes, and what comes after it', async (sizeBytes) => {
    const harness = await LogHarness.open(new MemoryFiles());
    const body = 'x'.repeat(sizeBytes);
    harness.append('before', 1);
    harness.append(body, 1);
    harness.append('after', 1);
    await harness.flush();
    await harness.flush();
    const bodies = await (await reopened(harness)).foundBodies(1);
    expect(bodies.map(({ length }) => length)).toEqual([6, sizeBytes, 5]);
    expect(bodies[1] === body).toBe(true);
  });
});

describe('space comes back', () => {
  test('from the oldest file on, and from no other', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    const messages: Placed[] = [];
    for (let i = 0; i < 3; i++) {
      messages.push(...fillFile(harness, 1));
      await harness.flush();
      await idle();
    }
    const numbers = () => harness.log.files.map(({ number }) => number);
    harness.append('tail', 2);
    await harness.flush();
    expect(numbers()).toEqual([1, 2, 3, 4]);
    for (const message of messages.slice(16)) harness.settle(message);
    await harness.flush();
    expect(numbers()).toEqual([1, 2, 3, 4]);
    for (const message of messages.slice(1, 16)) harness.settle(message);
    await harness.flush();
    expect(numbers()).toEqual([1, 2, 3, 4]);
    harness.settle(messages[0]!);
    await harness.flush();
    expect(numbers()).toEqual([4]);
    expect(files.contents.has(logPath(1))).toBe(false);
    const next = await reopened(harness);
    expect(await next.foundBodies(1)).toEqual([]);
    expect(await next.foundBodies(2)).toEqual(['tail']);
  });

  test('a file that is still being filled stays', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    harness.settle(harness.append('a', 1));
    await harness.flush();
    expect(harness.log.files).toHaveLength(1);
  });

  test('what a file held before it was used again does not come back', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    for (let round = 0; round < 12; round++) {
      for (const message of fillFile(harness, 1, 17)) harness.settle(message);
      await harness.flush();
      await idle();
    }
    expect(files.recycled.size).toBeGreaterThan(3);
    harness.append('new', 1);
    await harness.flush();
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['new']);
    // Files in use, the next one, and those kept aside.
    expect(files.names(LOG).length).toBeLessThanOrEqual(9);
  });

  test('memory of segments that nobody needs is given back', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    for (let round = 0; round < 5; round++) {
      for (const message of fillFile(harness, 1)) harness.settle(message);
      await harness.flush();
      await idle();
    }
    expect(harness.table.usedBytes).toBeLessThanOrEqual(2 * SEGMENT_BYTES);
  });
});

describe('memory', () => {
  const residentBytes = 4 * SEGMENT_BYTES;

  async function backlog(files: MemoryFiles, count: number) {
    const harness = await LogHarness.open(files, { residentBytes });
    const messages: Placed[] = [];
    for (let i = 0; i < count; i++) {
      messages.push(harness.append(half(`${i % 8}.`), 1));
      await harness.flush();
      await idle();
    }
    return { harness, messages };
  }

  test('of what is written is given back above the limit', async () => {
    const { harness } = await backlog(new MemoryFiles(), 40);
    expect(harness.table.usedBytes).toBeLessThanOrEqual(residentBytes + SEGMENT_BYTES);
  });

  test('comes back with what it held, and others go for it', async () => {
    const { harness, messages } = await backlog(new MemoryFiles(), 40);
    for (const [i, message] of messages.entries()) {
      if (!message.segment.isResident) {
        await new Promise<void>((done) => harness.log.load(message.segment, done));
      }
      expect(harness.body(message) === half(`${i % 8}.`), `message ${i}`).toBe(true);
      expect(harness.table.usedBytes).toBeLessThanOrEqual(residentBytes + SEGMENT_BYTES);
    }
  });

  test('is read once for all who wait for it', async () => {
    const files = new MemoryFiles();
    const { harness, messages } = await backlog(files, 20);
    const { segment } = messages.find((message) => !message.segment.isResident)!;
    files.holdsReads = true;
    let done = 0;
    for (let i = 0; i < 3; i++)
      harness.log.load(segment, () => {
        done += 1;
      });
    expect(files.heldReads).toHaveLength(1);
    expect(done).toBe(0);
    files.heldReads.shift()!();
    expect(done).toBe(3);
  });

  test('of a segment whose last message goes while it is read is given back', async () => {
    const files = new MemoryFiles();
    const { harness, messages } = await backlog(files, 20);
    const message = messages.find(({ segment }) => !segment.isResident)!;
    files.holdsReads = true;
    harness.log.load(message.segment, () => {});
    harness.settle(message);
    const other = harness.append('not in its slot', 1);
    expect(other.segment.slot).not.toBe(message.segment.slot);
    files.heldReads.shift()!();
    expect([...harness.table.values()]).not.toContain(message.segment);
    expect(harness.table.usedBytes).toBeLessThanOrEqual(residentBytes + SEGMENT_BYTES);
  });

  test('that cannot be read is a failure', async () => {
    const files = new MemoryFiles();
    const { harness, messages } = await backlog(files, 20);
    const { segment } = messages.find((message) => !message.segment.isResident)!;
    files.failNext('read', 'EIO');
    let isLoaded = false;
    harness.log.load(segment, () => {
      isLoaded = true;
    });
    await idle();
    expect(harness.failures.map(({ message }) => message)).toEqual(['EIO']);
    expect(isLoaded).toBe(false);
  });
});

test('what is to be written while a write is under way follows it, though nobody waits', async () => {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files);
  const first = harness.append('a', 1);
  files.holdsWrites = true;
  harness.log.flush();
  harness.settle(first);
  harness.log.flush();
  expect(files.held).toHaveLength(1);
  files.held.shift()!.finish();
  expect(files.held).toHaveLength(1);
  files.held.shift()!.finish();
  expect(harness.log.isDirty).toBe(false);
});

test('who waits when nothing is to be written is called, and nothing else is held up', async () => {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files);
  harness.append('a', 1);
  await harness.flush();
  let isSynced = false;
  harness.log.whenSynced(() => {
    isSynced = true;
  });
  let isSyncedToo = false;
  harness.log.whenSynced(() => {
    harness.append('b', 1);
    harness.log.whenSynced(() => {
      isSyncedToo = true;
    });
  });
  harness.events.length = 0;
  harness.log.flushAwaited();
  expect([isSynced, isSyncedToo]).toEqual([true, false]);
  expect(harness.events).toEqual(['dirty']);
  await harness.flush();
  expect(isSyncedToo).toBe(true);
});

describe('when a write fails', () => {
  test('nothing is synced after it, and it is told once', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    await harness.flush();
    const { syncedGeneration } = harness.log;
    harness.append('b', 1);
    files.failNext('write', 'EIO');
    await harness.flush();
    expect(harness.failures.map(({ message }) => message)).toEqual(['EIO']);
    const writes = files.writes.length;
    let isSynced = false;
    harness.append('c', 1);
    harness.log.whenSynced(() => {
      isSynced = true;
    });
    await harness.flush();
    await harness.flush();
    expect(harness.log.syncedGeneration).toBe(syncedGeneration);
    expect(isSynced).toBe(false);
    expect(files.writes).toHaveLength(writes);
    expect(harness.failures).toHaveLength(1);
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['a']);
  });

  test('of the journal, the log is not written either', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.journal.append({ queue: 'q' });
    harness.append('a', 1);
    files.failNext('write', 'EIO');
    await harness.flush();
    expect(harness.failures.map(({ message }) => message)).toEqual(['EIO']);
    expect(logWrites(files)).toEqual([]);
    expect(harness.log.syncedGeneration).toBe(0);
  });

  test('no file can be prepared: told, and nothing is synced', async () => {
    const files = new MemoryFiles();
    files.failNext('prepare', 'EIO', Number.POSITIVE_INFINITY);
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    await harness.flush();
    expect(new Set(harness.failures.map(({ message }) => message))).toEqual(new Set(['EIO']));
    expect(harness.log.syncedGeneration).toBe(0);
  });

  test('closing still ends', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    files.failNext('write', 'EIO');
    await harness.flush();
    await harness.close();
    expect(files.openFiles).toBe(0);
  });
});

describe('when the disk is full', () => {
  test('what is flushed meanwhile does not keep later appends from being announced', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.journal.append({ queue: 'q' });
    files.failNext('write', 'ENOSPC');
    await harness.flush();
    await harness.flush();
    harness.log.retry();
    await idle();
    harness.events.length = 0;
    harness.append('a', 1);
    expect(harness.events).toEqual(['dirty']);
  });

  const noSpace = ({ events }: LogHarness) => events.filter((event) => event === 'no space').length;

  test.each(['journal', 'log'])('what the %s had no room for is written later', async (which) => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    if (which === 'journal') harness.journal.append({ queue: 'q' });
    harness.append('a', 1);
    files.failNext('write', 'ENOSPC', 2);
    await harness.flush();
    expect([noSpace(harness), harness.failures]).toEqual([1, []]);
    expect(harness.log.isOutOfSpace).toBe(true);
    // What comes meanwhile waits behind it.
    harness.append('b', 1);
    if (which === 'journal') harness.journal.append({ queue: 'r' });
    await harness.flush();
    expect(harness.log.syncedGeneration).toBe(0);
    harness.log.retry();
    await idle();
    expect([noSpace(harness), harness.log.syncedGeneration]).toEqual([2, 0]);
    expect(harness.log.isOutOfSpace).toBe(true);
    harness.log.retry();
    await idle();
    await harness.flush();
    expect(harness.log.isOutOfSpace).toBe(false);
    expect(harness.log.isDirty).toBe(false);
    expect(harness.failures).toEqual([]);
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['a', 'b']);
  });

  test('without a next file everything waits, and is written when there is one', async () => {
    const files = new MemoryFiles();
    files.failNext('prepare', 'ENOSPC', 6);
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    await harness.flush();
    expect([noSpace(harness), harness.log.syncedGeneration]).toEqual([2, 0]);
    for (let i = 0; i < 3; i++) {
      expect(harness.log.isOutOfSpace).toBe(true);
      harness.log.retry();
      await idle();
    }
    expect(harness.log.isOutOfSpace).toBe(false);
    expect(harness.failures).toEqual([]);
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['a']);
  });

  test.each(['write', 'prepare'] as const)('closing does not wait for space: %s', async (what) => {
    const files = new MemoryFiles();
    if (what === 'prepare') files.failNext('prepare', 'ENOSPC', Number.POSITIVE_INFINITY);
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    if (what === 'write') files.failNext('write', 'ENOSPC', 9);
    await harness.flush();
    await harness.close();
    expect([files.openFiles, harness.failures]).toEqual([0, []]);
    expect(harness.log.syncedGeneration).toBe(0);
  });

  test('closing tries once more', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    files.failNext('write', 'ENOSPC');
    await harness.flush();
    await harness.close();
    expect(await (await reopened(harness)).foundBodies(1)).toEqual(['a']);
  });

  test('where writes are not synced by themselves, it is a failure: it may be about an earlier one', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files, { durable: false });
    harness.append('a', 1);
    files.failNext('write', 'ENOSPC');
    await harness.flush();
    expect(harness.failures.map(({ message }) => message)).toEqual(['ENOSPC']);
  });
});

describe('where writes are not synced by themselves', () => {
  test('a sync is of the files that were written to, and closing waits for one', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files, { durable: false });
    harness.append('a', 1);
    await harness.flush();
    expect(harness.log.syncedGeneration).toBeGreaterThan(0);
    expect(files.syncs).toEqual([]);
    harness.log.sync();
    await idle();
    harness.log.sync();
    await idle();
    expect(files.syncs).toEqual([logPath(1)]);
    harness.append('b', 1);
    await harness.close();
    expect(files.syncs).toEqual([logPath(1), logPath(1)]);
    expect([files.openFiles, harness.failures]).toEqual([0, []]);
  });

  test('a file is used again only when what emptied it is synced', async () => {
    const files = new MemoryFiles();
    files.holdsSyncs = true;
    const harness = await LogHarness.open(files, { durable: false });
    const large = () => harness.append(new Uint8Array(SEGMENT_BYTES - 100), 1);
    for (let i = 0; i < 17; i++) {
      harness.settle(large());
      await harness.flush();
    }
    await harness.flush();
    expect(files.names(LOG)).toContain('0000000001.log');
    files.heldSyncs.shift()!();
    await idle();
    while (files.heldSyncs.length > 0) {
      files.heldSyncs.shift()!();
      await idle();
    }
    expect(files.names(LOG)).not.toContain('0000000001.log');
    expect(harness.failures).toEqual([]);
  });

  test('a sync that fails is told, and nothing is used again after it', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files, { durable: false });
    harness.append('a', 1);
    await harness.flush();
    files.failNext('sync', 'EIO');
    harness.log.sync();
    await idle();
    expect(harness.failures.map(({ message }) => message)).toEqual(['EIO']);
    await harness.close();
    expect(files.openFiles).toBe(0);
  });
});

describe('with the journal', () => {
  test('definitions are on disk before the messages of the same write', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    harness.append('a', 1);
    harness.journal.append({ queue: 'q' });
    files.holdsWrites = true;
    harness.log.flush();
    expect(files.held.map(({ path }) => path)).toEqual(['/data/definitions.journal']);
    files.held.shift()!.finish();
    expect(files.held.map(({ path }) => path)).toEqual([logPath(1)]);
    expect(harness.log.syncedGeneration).toBe(0);
    files.held.shift()!.finish();
    expect(harness.log.syncedGeneration).toBeGreaterThanOrEqual(1);
  });

  test('a definition alone is a generation, too', async () => {
    const harness = await LogHarness.open(new MemoryFiles());
    harness.journal.append({ queue: 'q' });
    harness.log.announce();
    const { generation } = harness.log;
    await harness.flush();
    expect(harness.log.syncedGeneration).toBeGreaterThanOrEqual(generation);
    expect(logWrites(harness.files)).toEqual([]);
  });
});

describe('closing', () => {
  test('writes what is left and closes all files', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    const message = harness.append('a', 1);
    harness.append('b', 1);
    await harness.flush();
    harness.settle(message);
    harness.append('c', 1);
    await harness.close();
    await idle();
    expect(files.openFiles).toBe(0);
    expect(await (await LogHarness.open(files)).foundBodies(1)).toEqual(['b', 'c']);
  });

  test('waits for the write that is under way', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    files.holdsWrites = true;
    harness.append('a', 1);
    harness.log.flush();
    harness.append('b', 1);
    let isClosed = false;
    void harness.close().then(() => {
      isClosed = true;
    });
    await idle();
    expect(isClosed).toBe(false);
    files.held.shift()!.finish();
    await idle();
    expect(isClosed).toBe(false);
    files.held.shift()!.finish();
    await idle();
    expect(isClosed).toBe(true);
  });

  test('before the first file is ready', async () => {
    const files = new MemoryFiles();
    const harness = new LogHarness(files);
    harness.append('a', 1);
    await harness.close();
    await idle();
    expect(files.openFiles).toBe(0);
    expect(await (await LogHarness.open(files)).foundBodies(1)).toEqual(['a']);
  });
});

describe('against plain arrays', () => {
  type Step =
    | { type: 'append'; queues: number[]; sizeBytes: number }
    | { type: 'settle'; at: number }
    | { type: 'flush' }
    | { type: 'reopen'; inOrder: boolean };

  const sizes = fc.oneof(
    { weight: 8, arbitrary: fc.nat(2000) },
    { weight: 2, arbitrary: fc.nat(600_000) },
    { weight: 1, arbitrary: fc.nat(3_000_000) },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('append' as const),
        queues: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
        sizeBytes: sizes,
      }),
    },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('settle' as const), at: fc.nat() }) },
    { weight: 2, arbitrary: fc.constant({ type: 'flush' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('reopen' as const), inOrder: fc.boolean() }),
    },
  );

  test('what was flushed is there, in its place, until it is settled', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const residentBytes = 3 * SEGMENT_BYTES;
        let harness = await LogHarness.open(new MemoryFiles(), { residentBytes });
        /** What is in the queues, and what of it this log can settle. */
        let expected: { queue: number; sequence: number; body: string }[] = [];
        let open: Placed[] = [];
        let next = 0;
        const check = async () => {
          for (let queue = 1; queue <= 4; queue++) {
            const wanted = expected
              .filter((entry) => entry.queue === queue)
              .map(({ sequence, body }) => ({ sequence, body }));
            const found = await harness.found(queue);
            const short = (entries: { sequence: number; body: string }[]) =>
              entries.map(({ sequence, body }) => `${sequence} ${body.slice(0, 8)} ${body.length}`);
            expect(short(found)).toEqual(short(wanted));
          }
        };
        for (const step of [...steps, { type: 'reopen', inOrder: true } as const]) {
          if (step.type === 'append') {
            const body = `${next++}/`.padEnd(step.sizeBytes, 'x');
            const placed = harness.append(body, ...step.queues);
            open.push(placed);
            for (const place of placed.places) expected.push({ ...place, body });
          } else if (step.type === 'settle' && open.length > 0) {
            const [settled] = open.splice(step.at % open.length, 1);
            harness.settle(settled!);
            expected = expected.filter(
              (entry) =>
                !settled!.places.some(
                  ({ queue, sequence }) => queue === entry.queue && sequence === entry.sequence,
                ),
            );
          } else if (step.type === 'flush') {
            await harness.flush();
            await idle();
          } else if (step.type === 'reopen') {
            if (step.inOrder) await harness.close();
            else await harness.flush();
            await idle();
            harness = await LogHarness.open(harness.files.copy(), { residentBytes });
            expect(harness.recovery.damage).toEqual([]);
            await check();
            open = [];
          }
        }
        expect(harness.failures).toEqual([]);
      }),
      { numRuns: 60 },
    ),
  );
});

describe('a disk that is slower than what comes', () => {
  test('is behind while more than 16 MiB of messages wait for it', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    files.holdsWrites = true;
    const megabyte = new Uint8Array(1024 * 1024);
    for (let i = 0; i < 8; i++) harness.append(megabyte, 1);
    harness.log.flush();
    for (let i = 0; i < 8; i++) harness.append(megabyte, 1);
    expect(harness.log.isBehind).toBe(false);
    harness.append(megabyte, 1);
    expect(harness.log.isBehind).toBe(true);
    files.held.shift()!.finish();
    await idle();
    expect(harness.log.isBehind).toBe(false);
  });
});

test('what a new file says again is in its first write', async () => {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files, {
    onNewFile: (log) => log.delivered(1, 7),
  });
  files.holdsWrites = true;
  harness.append('first', 1);
  harness.log.flush();
  files.held.shift()!.finish();
  await idle();
  expect(harness.log.syncedGeneration).toBeGreaterThan(0);
  const next = await LogHarness.open(files.copy());
  expect(await next.foundBodies(1)).toEqual(['first']);
  expect(next.queue(1)?.deliveredBelow).toBe(7);
});
