import { describe, expect, test } from 'vitest';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { systemRandom } from '../../platform/random.ts';
import { FilePreparer, isSpare } from './file-preparer.ts';
import { FILE_BYTES, fileName, LogFile, SMALL_FILE_BYTES } from './log-file.ts';

const DIRECTORY = '/log';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function preparer(files: MemoryFiles, nextNumber = 1, spares: string[] = []) {
  const failures: Error[] = [];
  const state = { ready: 0, noSpace: 0, failures };
  const options = {
    files,
    random: systemRandom,
    directory: DIRECTORY,
    durable: true,
    onNoSpace: () => {
      state.noSpace += 1;
    },
    onFailed: (error: Error) => failures.push(error),
  };
  const made = new FilePreparer(options, nextNumber, spares, () => {
    state.ready += 1;
  });
  return { preparer: made, state };
}

/** A file in use, with content of its own. */
function used(files: MemoryFiles, number: number): LogFile {
  const path = `${DIRECTORY}/${fileName(number)}`;
  files.contents.set(path, new Uint8Array(FILE_BYTES).fill(number));
  return new LogFile(number, files.open(path), { mark: 1, seed: 2 });
}

describe('the next file', () => {
  test('is made ahead, and the one after it as soon as it is taken', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead, state } = preparer(files, 5);
    expect(ahead.take()).toBeUndefined();
    await settled();
    expect(state.ready).toBe(1);
    const file = ahead.take();
    expect(file).toMatchObject({ number: 5, isFull: false, liveSegments: 0, end: 4096 });
    expect(file?.file.sizeBytes).toBe(FILE_BYTES);
    expect(ahead.take()).toBeUndefined();
    await settled();
    expect(ahead.take()?.number).toBe(6);
    expect(files.names(DIRECTORY)).toEqual([fileName(5), fileName(6)]);
  });

  test('that cannot be made is told, once', async () => {
    const files = new MemoryFiles();
    files.failNext('prepare', 'EIO');
    const { preparer: ahead, state } = preparer(files);
    await settled();
    expect(state.failures.map(({ message }) => message)).toEqual(['EIO']);
    expect(state).toMatchObject({ ready: 0, noSpace: 0 });
    expect(ahead.take()).toBeUndefined();
  });

  test('for which there is no space at all is told, cleared away, and made when it is tried again', async () => {
    const files = new MemoryFiles();
    // First neither a file of full size nor a small one, then a small one.
    files.failNext('prepare', 'ENOSPC', 3);
    const { preparer: ahead, state } = preparer(files, 5);
    files.contents.set(`${DIRECTORY}/${fileName(5)}`, new Uint8Array(1000));
    await settled();
    expect(state).toEqual({ ready: 0, noSpace: 2, failures: [] });
    expect([ahead.isOutOfSpace, ahead.isPreparing]).toEqual([true, false]);
    expect(files.names(DIRECTORY)).toEqual([]);
    expect(ahead.take()).toBeUndefined();
    await settled();
    ahead.retry(undefined);
    expect([ahead.isOutOfSpace, ahead.isPreparing]).toEqual([true, true]);
    await settled();
    expect(state).toEqual({ ready: 1, noSpace: 3, failures: [] });
    expect(ahead.isOutOfSpace).toBe(true);
    expect(ahead.take()).toMatchObject({ number: 5, madeBytes: SMALL_FILE_BYTES });
  });

  test('is a small one while there is no space for more, and one of full size as soon as there is', async () => {
    const files = new MemoryFiles();
    files.failNext('prepare', 'ENOSPC');
    const { preparer: ahead, state } = preparer(files, 5);
    await settled();
    expect(state).toEqual({ ready: 1, noSpace: 1, failures: [] });
    expect([ahead.isOutOfSpace, ahead.isReady]).toEqual([true, true]);
    expect(files.bytes(`${DIRECTORY}/${fileName(5)}`)).toHaveLength(SMALL_FILE_BYTES);
    ahead.retry(FILE_BYTES - 1);
    expect(ahead.isPreparing).toBe(false);
    ahead.retry(FILE_BYTES);
    await settled();
    expect(ahead.isOutOfSpace).toBe(false);
    expect(ahead.take()).toMatchObject({ number: 5, madeBytes: SMALL_FILE_BYTES });
    expect(ahead.take()).toMatchObject({ number: 6, madeBytes: FILE_BYTES });
  });

  test('small ones follow one another', async () => {
    const files = new MemoryFiles();
    files.failNext('prepare', 'ENOSPC');
    const { preparer: ahead } = preparer(files, 5);
    for (const number of [5, 6, 7]) {
      await settled();
      expect(ahead.take()).toMatchObject({ number, madeBytes: SMALL_FILE_BYTES });
    }
    expect(ahead.isOutOfSpace).toBe(true);
  });

  test('a file that was to be used again is kept for it', async () => {
    const files = new MemoryFiles();
    const spare = `${DIRECTORY}/spare-1`;
    files.contents.set(spare, new Uint8Array(FILE_BYTES));
    files.failNext('prepare', 'EDQUOT', 2);
    const { preparer: ahead } = preparer(files, 2, [spare]);
    await settled();
    expect(files.names(DIRECTORY)).toEqual(['spare-1']);
    ahead.retry(0);
    await settled();
    expect(files.recycled.get(`${DIRECTORY}/${fileName(2)}`)).toBe(spare);
    expect(ahead.isOutOfSpace).toBe(false);
  });

  test('nothing is tried again that was not tried', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead, state } = preparer(files);
    await settled();
    ahead.retry(undefined);
    await settled();
    expect(state.ready).toBe(1);
    expect(files.names(DIRECTORY)).toEqual([fileName(1)]);
  });

  test('is closed when it comes after the end', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead, state } = preparer(files);
    let isStopped = false;
    ahead.stop(() => {
      isStopped = true;
    });
    expect(isStopped).toBe(false);
    await settled();
    expect(isStopped).toBe(true);
    expect(state.ready).toBe(0);
    expect(files.openFiles).toBe(0);
  });

  test('that was ready is closed at the end', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead } = preparer(files);
    await settled();
    expect(files.openFiles).toBe(1);
    ahead.stop(() => {});
    expect(files.openFiles).toBe(0);
    expect(ahead.take()).toBeUndefined();
  });
});

describe('files that are done with', () => {
  test('become the next ones, with a clean header', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead } = preparer(files, 3);
    await settled();
    ahead.recycle(used(files, 1));
    expect(files.names(DIRECTORY)).toEqual([fileName(3), 'spare-1']);
    ahead.take();
    await settled();
    const next = ahead.take();
    expect(next?.number).toBe(4);
    expect(files.recycled.get(`${DIRECTORY}/${fileName(4)}`)).toBe(`${DIRECTORY}/spare-1`);
    const header = new Uint8Array(4097);
    next?.file.readNow(0, header);
    expect(header.subarray(0, 4096).every((octet) => octet === 0)).toBe(true);
    expect(header[4096]).toBe(1);
  });

  test('are kept up to four, the others removed', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead } = preparer(files, 10);
    await settled();
    for (let number = 1; number <= 6; number++) ahead.recycle(used(files, number));
    expect(files.names(DIRECTORY)).toEqual([
      fileName(10),
      'spare-1',
      'spare-2',
      'spare-3',
      'spare-4',
    ]);
    expect(files.removed).toEqual([5, 6].map((number) => `${DIRECTORY}/${fileName(number)}`));
    expect(files.openFiles).toBe(1);
  });

  test('are given back when space is short', async () => {
    const files = new MemoryFiles();
    const { preparer: ahead } = preparer(files, 10);
    await settled();
    for (const number of [1, 2]) ahead.recycle(used(files, number));
    ahead.removeSpares();
    expect(files.names(DIRECTORY)).toEqual([fileName(10)]);
    ahead.take();
    await settled();
    expect(files.recycled.size).toBe(0);
  });

  test('that a broker before has left are used, too', async () => {
    const files = new MemoryFiles();
    const spare = `${DIRECTORY}/spare-8`;
    files.contents.set(spare, new Uint8Array(FILE_BYTES));
    preparer(files, 9, [spare]);
    await settled();
    expect(files.names(DIRECTORY)).toEqual([fileName(9)]);
  });
});

test.each([
  ['spare-1', true],
  ['spare-123456', true],
  ['spare-', false],
  ['spare-parts.txt', false],
  ['my-spare-1', false],
  ['spare-1.log', false],
])('%s is a spare: %s', (name, expected) => expect(isSpare(name)).toBe(expected));
