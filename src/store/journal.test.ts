import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idle } from '../../test/support/log-harness.ts';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { Journal, readJournal } from './journal.ts';

const PATH = '/data/definitions.journal';

const line = (entry: unknown) => {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
};

function filesWith(text: string): MemoryFiles {
  const files = new MemoryFiles();
  files.contents.set(PATH, new TextEncoder().encode(text));
  return files;
}

function flushed(journal: Journal): Promise<Error | undefined> {
  return new Promise((resolve) => journal.flush(resolve));
}

/** What a broker that comes now would read. */
const entriesOf = (files: MemoryFiles) => {
  const { entries, damage } = readJournal(files, PATH);
  expect(damage).toEqual([]);
  return entries;
};

describe('reading', () => {
  test('a journal that is not there', () => {
    const content = readJournal(new MemoryFiles(), PATH);
    expect(content).toEqual({ exists: false, entries: [], damage: [] });
  });

  test('an empty one', () => {
    expect(readJournal(filesWith(''), PATH)).toEqual({ exists: true, entries: [], damage: [] });
  });

  test('lines as documented', () => {
    const text = 'd5be1119 {"queue":"q"}\n';
    expect(line({ queue: 'q' })).toBe(text);
    expect(readJournal(filesWith(text), PATH).entries).toEqual([{ queue: 'q' }]);
  });

  test('a last line that was cut off is left out, wherever that was, and is no damage', () => {
    const last = line({ third: 'ä' });
    const bytes = new TextEncoder().encode(line({ first: 1 }) + line({ second: 2 }) + last);
    for (let cut = 1; cut <= new TextEncoder().encode(last).length; cut++) {
      for (const zeros of [0, 7]) {
        const files = new MemoryFiles();
        const torn = new Uint8Array(bytes.length - cut + zeros);
        torn.set(bytes.subarray(0, bytes.length - cut));
        files.contents.set(PATH, torn);
        expect(readJournal(files, PATH), `${cut} cut, ${zeros} zeros`).toEqual({
          exists: true,
          entries: [{ first: 1 }, { second: 2 }],
          damage: [],
        });
      }
    }
  });

  test('a damaged line in the middle is left out and told', () => {
    const text = line({ first: 1 }) + line({ second: 2 }).replace('2', '3') + line({ third: 3 });
    expect(readJournal(filesWith(text), PATH)).toEqual({
      exists: true,
      entries: [{ first: 1 }, { third: 3 }],
      damage: [`${PATH}: line 2 is damaged and was left out`],
    });
  });

  test('any flipped bit: the other lines stay, and none is invented', () => {
    const entries = [{ a: 'one' }, { b: ['two', { c: 'ü' }] }, { d: 3 }];
    const bytes = new TextEncoder().encode(entries.map(line).join(''));
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const files = new MemoryFiles();
        files.contents.set(PATH, flipped);
        const found = readJournal(files, PATH);
        const known = entries.map((entry) => JSON.stringify(entry));
        for (const entry of found.entries) expect(known).toContain(JSON.stringify(entry));
        // A line break that is gone, or new, makes two lines bad.
        expect(found.entries.length).toBeGreaterThanOrEqual(1);
        expect(found.entries.length).toBeLessThan(3);
      }),
      { numRuns: 500 },
    );
  });
});

describe('writing', () => {
  test('starts with what is true, and appends', async () => {
    const files = filesWith(line({ outdated: true }));
    const journal = new Journal(files, PATH, true, () => [{ first: 1 }]);
    expect(entriesOf(files)).toEqual([{ first: 1 }]);
    expect(journal.isDirty).toBe(false);
    journal.append({ second: 2 });
    journal.append({ third: 3 });
    expect(journal.isDirty).toBe(true);
    expect(entriesOf(files)).toEqual([{ first: 1 }]);
    expect(await flushed(journal)).toBeUndefined();
    expect(journal.isDirty).toBe(false);
    expect(files.writes).toHaveLength(1);
    expect(entriesOf(files)).toEqual([{ first: 1 }, { second: 2 }, { third: 3 }]);
  });

  test('nothing to write is done at once', async () => {
    const files = new MemoryFiles();
    const journal = new Journal(files, PATH, true, () => []);
    expect(await flushed(journal)).toBeUndefined();
    expect(files.writes).toEqual([]);
  });

  test('what is appended during a write comes with the next', async () => {
    const files = new MemoryFiles();
    const journal = new Journal(files, PATH, true, () => []);
    files.holdsWrites = true;
    journal.append({ first: 'ä€😀' });
    const first = flushed(journal);
    journal.append({ second: 2 });
    expect(journal.isDirty).toBe(true);
    files.held.shift()!.finish();
    await first;
    const second = flushed(journal);
    files.held.shift()!.finish();
    await second;
    expect(entriesOf(files)).toEqual([{ first: 'ä€😀' }, { second: 2 }]);
  });

  test('an error is told', async () => {
    const files = new MemoryFiles();
    const journal = new Journal(files, PATH, true, () => []);
    journal.append({});
    files.failNext('write', 'ENOSPC');
    expect((await flushed(journal))?.message).toBe('ENOSPC');
  });
});

describe('when most of it is outdated', () => {
  async function outdated(files: MemoryFiles) {
    let current: unknown[] = [{ only: 0 }];
    const journal = new Journal(files, PATH, true, () => current);
    for (let i = 1; i <= 1010; i++) {
      current = [{ only: i }];
      journal.append({ only: i });
      if (i % 10 === 0) await flushed(journal);
    }
    return { journal, set: (entries: unknown[]) => (current = entries) };
  }

  test('it is replaced by what is true now, and goes on', async () => {
    const files = new MemoryFiles();
    const { journal, set } = await outdated(files);
    expect(entriesOf(files)).toEqual([{ only: 1010 }]);
    set([{ only: 1010 }, { next: 1 }]);
    journal.append({ next: 1 });
    await flushed(journal);
    expect(entriesOf(files)).toEqual([{ only: 1010 }, { next: 1 }]);
    journal.close(() => {});
    expect(files.openFiles).toBe(0);
  });

  test('it is not while all of it is true', async () => {
    const files = new MemoryFiles();
    const current: unknown[] = [];
    const journal = new Journal(files, PATH, true, () => current);
    for (let i = 0; i < 3000; i++) {
      current.push({ i });
      journal.append({ i });
      await flushed(journal);
    }
    expect(files.writes).toHaveLength(3000);
    expect(entriesOf(files)).toHaveLength(3000);
  });

  test('an error on the way is told, and the old one is still there', async () => {
    const files = new MemoryFiles();
    const { journal } = await outdated(files);
    const before = files.readText(PATH);
    for (let i = 0; i < 1010; i++) journal.append({ only: i });
    files.failNext('replace', 'ENOSPC');
    expect((await flushed(journal))?.message).toBe('ENOSPC');
    expect(files.readText(PATH)).toBe(before);
    await idle();
    journal.close(() => {});
    expect(files.openFiles).toBe(0);
  });
});
