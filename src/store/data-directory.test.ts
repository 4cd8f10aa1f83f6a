import { describe, expect, test } from 'vitest';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { DataDirectory } from './data-directory.ts';
import { StorageError } from './log/found-file.ts';

let unique = 0;

/** The class remembers which paths this process has, so every test has its own. */
function place() {
  unique += 1;
  const path = `/data-${unique}`;
  const files = new MemoryFiles();
  const lock = `${path}/leveret.pid`;
  const take = (processId: number, ...alive: number[]) =>
    new DataDirectory(files, path, {
      own: processId,
      identity: (id) => (alive.includes(id) || id === processId ? `boot ${id}` : undefined),
    });
  return { path, files, lock, take };
}

describe('taking a directory', () => {
  test('makes it, and says who has it', () => {
    const { files, path, lock, take } = place();
    const directory = take(100);
    expect(files.directories.has(`${path}/log`)).toBe(true);
    expect(files.readText(lock)).toBe('100\nboot 100\n');
    expect(directory.logPath).toBe(`${path}/log`);
    expect(directory.journalPath).toBe(`${path}/definitions.journal`);
  });

  test('is refused while another process has it, and says which', () => {
    const { files, path, lock, take } = place();
    files.createText(lock, '100\n');
    expect(() => take(200, 100, 200)).toThrow(StorageError);
    expect(() => take(200, 100, 200)).toThrow(
      `the data directory ${path} is in use by process 100; stop that broker or choose another --data-dir`,
    );
    expect(files.readText(lock)).toBe('100\n');
  });

  test('is refused to the same process a second time', () => {
    const { take } = place();
    take(100, 100);
    expect(() => take(100, 100)).toThrow(/in use by process 100/);
  });

  test('is granted when the process that had it is gone', () => {
    const { files, lock, take } = place();
    files.createText(lock, '100\n');
    take(200, 200);
    expect(files.readText(lock)).toBe('200\nboot 200\n');
  });

  test('is granted when the one that had it had our number, as in a container', () => {
    const { files, lock, take } = place();
    files.createText(lock, '1\n');
    take(1, 1);
    expect(() => take(1, 1)).toThrow(/in use by process 1/);
  });

  test.each(['', 'nonsense\n', '-5\n', '0\n'])('is granted over a pid file with %j', (content) => {
    const { files, lock, take } = place();
    files.createText(lock, content);
    take(200, 200);
    expect(files.readText(lock)).toBe('200\nboot 200\n');
  });

  test('is granted when the number has gone to another process since', () => {
    const { files, lock, take } = place();
    files.createText(lock, '100\nan earlier boot\n');
    take(200, 100);
    expect(files.readText(lock)).toBe('200\nboot 200\n');
  });

  test('is granted over a takeover that was cut off, and that goes', () => {
    const { files, lock, take } = place();
    files.createText(lock, '100\nboot 100\n');
    files.createText(`${lock}.takeover`, '150\nboot 150\n');
    take(200);
    expect(files.readText(lock)).toBe('200\nboot 200\n');
    expect(files.contents.has(`${lock}.takeover`)).toBe(false);
  });

  test('is refused while another is taking it over', () => {
    const { files, lock, take } = place();
    files.createText(lock, '100\nboot 100\n');
    files.createText(`${lock}.takeover`, '150\nboot 150\n');
    expect(() => take(200, 150)).toThrow(/in use by process 150/);
    expect(files.readText(lock)).toBe('100\nboot 100\n');
    expect(files.contents.has(`${lock}.takeover`)).toBe(true);
  });

  test('is refused when another was quicker to take it over', () => {
    const { files, lock, take } = place();
    files.createText(lock, '100\nboot 100\n');
    const { createText } = files;
    files.createText = (path, text) => {
      const isMade = createText.call(files, path, text);
      if (path.endsWith('.takeover')) files.replaceText(lock, '150\nboot 150\n');
      return isMade;
    };
    expect(() => take(200, 150)).toThrow(/in use by process 150/);
    expect(files.readText(lock)).toBe('150\nboot 150\n');
    expect(files.contents.has(`${lock}.takeover`)).toBe(false);
  });

  test.each([
    [['ibdata1', 'mysql.ibd'], 'ibdata1, mysql.ibd'],
    [['a', 'b', 'c', 'd'], 'a, b, c …'],
    [['log/access.log'], 'log/access.log'],
  ])('is refused where others keep theirs, and nothing is touched: %s', (names, some) => {
    const { files, path, take } = place();
    for (const name of names) files.contents.set(`${path}/${name}`, new Uint8Array(1));
    const before = files.copy();
    expect(() => take(100)).toThrow(
      `${path} holds what is not Leveret's (${some}); choose an empty directory with --data-dir`,
    );
    expect(files.differences(before)).toEqual([]);
    expect(files.directories).toEqual(before.directories);
  });

  test.each(['.keep', 'lost+found', 'definitions.journal', 'log/0000000001.log'])(
    'is granted where there is %s',
    (name) => {
      const { files, path, take } = place();
      files.contents.set(`${path}/${name}`, new Uint8Array(1));
      take(100);
    },
  );

  test('below a file, or without rights: the error of the system', () => {
    const { files, take } = place();
    files.makeDirectory = () => {
      throw Object.assign(new Error('ENOTDIR: not a directory'), { code: 'ENOTDIR' });
    };
    expect(() => take(100)).toThrow(/ENOTDIR/);
  });

  test('that failed leaves it to the next', () => {
    const { files, take } = place();
    files.failNext('replace', 'ENOSPC');
    expect(() => take(100, 100)).toThrow(/ENOSPC/);
    take(100, 100);
  });
});

test('giving it back lets others have it', () => {
  const { files, lock, take } = place();
  const directory = take(100, 100);
  directory.release();
  expect(files.contents.has(lock)).toBe(false);
  take(100, 100).release();
  take(200, 100, 200);
});

describe('while it is ours', () => {
  test('there is no problem until it is removed, or another takes it', () => {
    const { files, path, lock, take } = place();
    const directory = take(100);
    expect(directory.problem()).toBeUndefined();
    files.replaceText(lock, '200\nboot 200\n');
    expect(directory.problem()).toBe(`the data directory ${path} was taken by process 200`);
    directory.release();
    expect(files.readText(lock)).toBe('200\nboot 200\n');
    files.contents.delete(lock);
    expect(directory.problem()).toBe(
      `the data directory ${path}, or leveret.pid in it, was removed`,
    );
    directory.release();
  });
});
