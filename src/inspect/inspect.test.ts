import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness } from '../../test/support/log-harness.ts';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import type { Processes } from '../platform/processes.ts';
import { StorageError } from '../store/log/found-file.ts';
import { FILE_BYTES } from '../store/log/log-file.ts';
import { SEGMENT_BYTES } from '../store/segment-table.ts';
import { checkStatus, formatCheck, formatReport } from './format.ts';
import { inspectDirectory } from './inspect.ts';

const PATH = '/data';
const JOURNAL = '/data/definitions.journal';

const nobody: Processes = { own: 1, identity: () => undefined };

const queue = (name: string, logId: number) => ({
  queue: { vhost: '/', name, autoDelete: false, logId, arguments: '' },
});
const exchange = (name: string) => ({ exchange: { vhost: '/', name, type: 'fanout' } });
const binding = (source: string, destination: string, key = '') => ({
  binding: { vhost: '/', source, kind: 'queue', destination, routingKey: key, arguments: '' },
});

/** Jobs, with one message settled and one for both; and a queue without any. */
async function directory(entries: unknown[] = []): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const all = [queue('jobs', 1), queue('mail', 2), exchange('x'), ...entries];
  const harness = await LogHarness.open(files, { entries: all });
  const gone = harness.append('0123456789', 1);
  harness.append('01234', 1);
  await harness.flush();
  harness.append('both', 1, 2);
  harness.settle(gone);
  await harness.flush();
  return files.copy();
}

/** What was there before is there, and nothing else. */
function expectUntouched(files: MemoryFiles, before: MemoryFiles): void {
  expect(files.differences(before)).toEqual([]);
  expect(files.removed).toEqual([]);
  expect(files.writes).toEqual([]);
  expect(files.openFiles).toBe(0);
}

describe('a report', () => {
  test('says what is there, and leaves it as it is', async () => {
    const files = await directory([binding('x', 'jobs'), binding('x', 'mail')]);
    const before = files.copy();
    expect(inspectDirectory(files, PATH, nobody)).toEqual({
      path: PATH,
      delayed: [],
      files: [
        {
          name: '0000000001.log',
          sizeBytes: FILE_BYTES,
          chunks: 2,
          liveBytes: 5 + 4,
          deadBytes: 24 + 17 + 10 + 17 + 5 + (24 + 27 + 4 + 15) - 9,
        },
      ],
      queues: [
        { vhost: '/', name: 'jobs', messages: 2, oldestPlace: 1, nextPlace: 3 },
        { vhost: '/', name: 'mail', messages: 1, oldestPlace: 0, nextPlace: 1 },
      ],
      definitions: { queue: 2, exchange: 1, binding: 2 },
      damage: [],
    });
    expectUntouched(files, before);
  });

  test('shows what is defined in the end', async () => {
    const files = await directory([
      binding('x', 'mail'),
      binding('x', 'mail', 'unbound'),
      { noBinding: binding('x', 'mail', 'unbound').binding },
      queue('deleted', 3),
      binding('x', 'deleted'),
      { noQueue: { vhost: '/', name: 'deleted' } },
      exchange('y'),
      binding('y', 'mail'),
      { noExchange: { vhost: '/', name: 'y' } },
      exchange('x'),
    ]);
    const { definitions, queues } = inspectDirectory(files, PATH, nobody);
    expect(definitions).toEqual({ queue: 2, exchange: 1, binding: 1 });
    expect(queues.map(({ name }) => name)).toEqual(['jobs', 'mail']);
  });

  test('counts what it does not know, too', async () => {
    const { definitions } = inspectDirectory(
      await directory([{ user: { name: 'ann' } }, { user: { name: 'bob' } }]),
      PATH,
      nobody,
    );
    expect(definitions).toMatchObject({ user: 2 });
  });

  test('of a queue without messages', async () => {
    const { queues } = inspectDirectory(await directory([queue('new', 9)]), PATH, nobody);
    expect(queues.at(-1)).toMatchObject({ messages: 0, oldestPlace: undefined, nextPlace: 0 });
  });

  test('counts a file that a start would remove, and removes it not', async () => {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files, { entries: [queue('q', 1)] });
    for (let i = 0; i < 17; i++) {
      harness.log.settle(
        1,
        harness.append(new Uint8Array(SEGMENT_BYTES - 45), 1).places[0]!.sequence,
      );
      await harness.flush();
      await idle();
    }
    const left = files.copy();
    const before = left.copy();
    const report = inspectDirectory(left, PATH, nobody);
    expect(report.files.length).toBeGreaterThan(1);
    for (const { liveBytes, deadBytes } of report.files) {
      expect(liveBytes).toBe(0);
      expect(deadBytes).toBeGreaterThan(0);
    }
    expectUntouched(left, before);
  });
});

describe('damage', () => {
  test('is what a start would tell', async () => {
    const files = await directory([]);
    const log = Buffer.from(files.bytes(`${LOG}/0000000001.log`).buffer);
    log[log.indexOf('01234', 4096 + 60)]! ^= 1;
    const before = files.copy();
    const report = inspectDirectory(files, PATH, nobody);
    expect(report.damage).toEqual([
      expect.stringMatching(/^1 chunk missing or damaged in 0000000001\.log before byte \d+$/),
      // The other one was settled in a chunk that is intact.
      "queue 'jobs' in vhost '/' lost 1 message",
    ]);
    expect(checkStatus(report)).toBe(65);
    expectUntouched(files, before);
  });

  test('of a definition names the queues that are not known any more', async () => {
    const files = await directory([]);
    const journal = Buffer.from(files.bytes(JOURNAL).buffer);
    journal[journal.indexOf('"mail"') + 1]! ^= 1;
    expect(inspectDirectory(files, PATH, nobody).damage).toEqual([
      `${JOURNAL}: line 2 is damaged and was left out`,
      'the log holds messages of queues that are not defined any more: 2',
    ]);
  });

  test('a journal that is missing', async () => {
    const files = await directory([]);
    files.contents.delete(JOURNAL);
    expect(inspectDirectory(files, PATH, nobody).damage).toEqual([
      `${JOURNAL} is missing`,
      'the log holds messages of queues that are not defined any more: 1, 2',
    ]);
  });

  test('is none in a directory that is new', () => {
    const files = new MemoryFiles();
    files.replaceText(JOURNAL, '');
    const report = inspectDirectory(files, PATH, nobody);
    expect(report).toMatchObject({ files: [], queues: [], damage: [] });
    expect(checkStatus(report)).toBe(0);
  });
});

describe('refuses', () => {
  test('a directory that a broker has, by its process', async () => {
    const files = await directory([]);
    files.createText('/data/leveret.pid', '4711\n');
    const look = () =>
      inspectDirectory(files, PATH, { own: 1, identity: (id) => (id === 4711 ? '' : undefined) });
    expect(look).toThrow(StorageError);
    expect(look).toThrow('the data directory /data is in use by process 4711; stop that broker');
    expect(inspectDirectory(files, PATH, nobody).queues).toHaveLength(2);
  });

  test('a directory that is none of ours', () => {
    const files = new MemoryFiles();
    files.list = () => {
      throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    };
    expect(() => inspectDirectory(files, PATH, nobody)).toThrow(
      /\/data is no data directory of Leveret .*; name another/,
    );
  });
});

describe('as text', () => {
  test('in columns', async () => {
    const files = await directory([binding('x', 'jobs')]);
    expect(formatReport(inspectDirectory(files, PATH, nobody))).toMatchInlineSnapshot(`
      "/data: 2 queues, 1 exchange, 1 binding

      file                size  chunks  live   dead
      0000000001.log  16.0 MiB       2   9 B  134 B

      queue  vhost  messages  oldest place  next place
      jobs   /             2             1           3
      mail   /             1             0           1

      no damage
      "
    `);
  });

  test('damage only', async () => {
    const report = inspectDirectory(await directory([]), PATH, nobody);
    expect(formatCheck(report)).toBe('no damage\n');
    expect(formatCheck({ ...report, damage: ['one', 'two'] })).toBe('damaged: one\ndamaged: two\n');
  });
});
