// The real file system, in a directory of its own.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataFile, systemFiles as files, isNoSpace, type PrepareRequest } from './files.ts';

let directory: string;
let opened: DataFile[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-files-'));
  opened = [];
});

afterEach(() => {
  for (const file of opened) file.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);

function open(name: string, options: { create?: boolean; durable?: boolean } = {}): DataFile {
  const file = files.open(at(name), options);
  opened.push(file);
  return file;
}

function done(start: (done: (error: Error | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });
}

function prepare(request: Partial<PrepareRequest> & { path: string }, recycled?: string) {
  const whole = { sizeBytes: 10_000, zeroBytes: 4096, durable: true, ...request };
  return new Promise<DataFile>((resolve, reject) => {
    files.prepare(whole, recycled, (error, file) => {
      if (error || !file) {
        reject(error);
        return;
      }
      opened.push(file);
      resolve(file);
    });
  });
}

describe.each([true, false])('a file, durable: %s', (durable) => {
  test('is written in parts, at a position', async () => {
    const file = open('f', { create: true, durable });
    const parts = ['one ', '', 'two ', 'three'].map((text) => Buffer.from(text));
    await done((callback) => file.write(3, parts, callback));
    expect(readFileSync(at('f'), 'latin1')).toBe('\0\0\0one two three');
    expect(file.sizeBytes).toBe(16);
    await done((callback) => file.sync(callback));
  });

  test('takes more parts at once than the system does', async () => {
    const file = open('f', { create: true, durable });
    const parts = Array.from({ length: 5000 }, (_, i) => Buffer.alloc(10 + (i % 7), i & 0xff));
    await done((callback) => file.write(0, parts, callback));
    expect(readFileSync(at('f')).equals(Buffer.concat(parts))).toBe(true);
  });

  test('is read at a position, with zeros behind its end', async () => {
    const file = open('f', { create: true, durable });
    await done((callback) => file.write(0, [Buffer.from('0123456789')], callback));
    for (const [position, expected] of [
      [0, '01234567'],
      [6, '6789\0\0\0\0'],
      [50, '\0\0\0\0\0\0\0\0'],
    ] as const) {
      const into = new Uint8Array(8).fill(0xff);
      await done((callback) => file.read(position, into, callback));
      expect(Buffer.from(into).toString('latin1')).toBe(expected);
      const now = new Uint8Array(8).fill(0xff);
      file.readNow(position, now);
      expect(now).toEqual(into);
    }
  });
});

describe('opening', () => {
  test('a file that is not there is an error, unless it is to be made', () => {
    expect(() => open('none')).toThrow(/ENOENT/);
    expect(open('none', { create: true }).sizeBytes).toBe(0);
    expect(statSync(at('none')).mode & 0o777).toBe(0o600);
  });

  test('what is in a file stays', () => {
    writeFileSync(at('f'), 'kept');
    expect(open('f', { create: true }).sizeBytes).toBe(4);
  });

  test('an error of a write is told', async () => {
    const file = files.open('/dev/full', {});
    opened.push(file);
    const write = done((callback) => file.write(0, [Buffer.from('x')], callback));
    await expect(write).rejects.toThrow(/ENOSPC/);
    await expect(write).rejects.toSatisfy(isNoSpace);
  });
});

test('free space is what the system says', async () => {
  const free = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      files.freeBytes(path, (error, bytes) => (error ? reject(error) : resolve(bytes)));
    });
  expect(await free(at('.'))).toBeGreaterThan(0);
  await expect(free(at('none'))).rejects.toThrow(/ENOENT/);
});

test('a file is made by one of many, and nobody sees it without its text', () => {
  expect(files.createText(at('lock'), 'first')).toBe(true);
  expect(files.createText(at('lock'), 'second')).toBe(false);
  expect(readFileSync(at('lock'), 'utf8')).toBe('first');
  expect(statSync(at('lock')).mode & 0o777).toBe(0o600);
  expect(files.list(at('.'))).toEqual(['lock']);
});

describe('preparing', () => {
  test('makes a file of that size, all zeros', async () => {
    const file = await prepare({ path: at('f'), sizeBytes: 2_500_000 });
    expect(file.sizeBytes).toBe(2_500_000);
    expect(readFileSync(at('f')).every((octet) => octet === 0)).toBe(true);
    // Its blocks are there, too.
    expect(statSync(at('f')).blocks * 512).toBeGreaterThanOrEqual(2_500_000);
    await done((callback) => file.write(5, [Buffer.from('x')], callback));
    expect(readFileSync(at('f'))[5]).toBe(120);
  });

  test('out of another: its beginning is zeros, its old name is gone', async () => {
    writeFileSync(at('old'), Buffer.alloc(10_000, 7));
    const file = await prepare({ path: at('new') }, at('old'));
    expect(existsSync(at('old'))).toBe(false);
    const bytes = readFileSync(at('new'));
    expect(file.sizeBytes).toBe(10_000);
    expect(bytes.subarray(0, 4096).every((octet) => octet === 0)).toBe(true);
    expect(bytes.subarray(4096).every((octet) => octet === 7)).toBe(true);
  });

  test('out of one that is too short: it gets its size', async () => {
    writeFileSync(at('old'), 'short');
    expect((await prepare({ path: at('new') }, at('old'))).sizeBytes).toBe(10_000);
  });

  test('where that cannot be is told', async () => {
    await expect(prepare({ path: at('none/f') })).rejects.toThrow(/ENOENT/);
    await expect(prepare({ path: at('f') }, at('none'))).rejects.toThrow(/ENOENT/);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('texts', () => {
  test('one that is not there is undefined', () => {
    expect(files.readText(at('none'))).toBeUndefined();
  });

  test('are replaced as a whole', () => {
    files.replaceText(at('f'), 'a longer text');
    files.replaceText(at('f'), 'ü');
    expect(files.readText(at('f'))).toBe('ü');
    expect(readdirSync(directory)).toEqual(['f']);
    expect(statSync(at('f')).mode & 0o777).toBe(0o600);
  });

  test('large ones, too', () => {
    const text = 'line of text\n'.repeat(500_000);
    files.replaceText(at('f'), text);
    expect(files.readText(at('f')) === text).toBe(true);
  });

  test('what a crash left half replaced is no hindrance', () => {
    files.replaceText(at('f'), 'old');
    writeFileSync(at('f.new'), 'half a te');
    expect(files.readText(at('f'))).toBe('old');
    files.replaceText(at('f'), 'new');
    expect(files.readText(at('f'))).toBe('new');
  });

  test('are made only where there is none', () => {
    expect(files.createText(at('f'), 'mine')).toBe(true);
    expect(files.createText(at('f'), 'yours')).toBe(false);
    expect(files.readText(at('f'))).toBe('mine');
    expect(() => files.createText(at('none/f'), 'x')).toThrow(/ENOENT/);
  });
});

test('directories are made with those above them, and listed', () => {
  files.makeDirectory(at('a/b/c'));
  files.makeDirectory(at('a/b/c'));
  files.createText(at('a/b/f'), '');
  expect(files.list(at('a/b')).sort()).toEqual(['c', 'f']);
  writeFileSync(at('file'), '');
  expect(() => files.makeDirectory(at('file/below'))).toThrow(/ENOTDIR/);
});

test('files are renamed and removed; one that is not there is fine', () => {
  writeFileSync(at('a'), 'content');
  files.rename(at('a'), at('b'));
  expect(readdirSync(directory)).toEqual(['b']);
  files.remove(at('b'));
  files.remove(at('b'));
  expect(readdirSync(directory)).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)('without rights: the error of the system', () => {
  chmodSync(directory, 0o555);
  expect(() => files.createText(at('f'), '')).toThrow(/EACCES/);
});
