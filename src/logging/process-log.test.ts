import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LogFileSink, ProcessLog } from './process-log.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-log-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const pathIn = (name: string) => join(directory, name);
const textOf = (name = 'l.log') => readFileSync(pathIn(name), 'utf8');

function logTo(sink: Partial<LogFileSink> = {}, categories = {}): ProcessLog {
  const file = { path: pathIn('l.log'), level: 'info', format: 'text', maxBytes: 0, keptFiles: 3 };
  return new ProcessLog({
    console: undefined,
    file: { ...file, ...sink } as LogFileSink,
    categories,
  });
}

describe('levels', () => {
  test('a category may say more or less than the rest', () => {
    const log = logTo({}, { connection: 'error', channel: 'debug', queue: 'none' });
    log.write('debug', 'a');
    log.write('info', 'b');
    log.write('warning', 'c', 'connection');
    log.write('error', 'd', 'connection');
    log.write('debug', 'e', 'channel');
    log.write('error', 'f', 'queue');
    const said = [...textOf().matchAll(/([A-Z]+): (\w)\n/g)].map(([, level, text]) => [
      level,
      text,
    ]);
    expect(said).toEqual([
      ['INFO', 'b'],
      ['ERROR', 'd'],
      ['DEBUG', 'e'],
    ]);
    expect(log.levels()).toMatchObject({ default: 'info', connection: 'error', queue: 'none' });
  });

  test('change while it runs: of one category, then of all', () => {
    const log = logTo({ level: 'error' });
    log.setLevel('debug', 'http');
    log.write('debug', 'a', 'http');
    log.write('warning', 'b');
    log.setLevel('warning');
    log.write('debug', 'c', 'http');
    log.write('warning', 'd');
    expect(textOf().match(/: \w\n/g)).toEqual([': a\n', ': d\n']);
  });
});

test('JSON has the category', () => {
  const log = logTo({ format: 'json' });
  log.write('warning', 'two\nlines', 'http');
  expect(JSON.parse(textOf())).toMatchObject({
    level: 40,
    category: 'http',
    msg: 'two\nlines',
    time: expect.any(Number) as number,
  });
});

describe('a log file', () => {
  test('is put aside and begun anew', () => {
    const log = logTo();
    for (const line of ['one', 'two', 'three', 'four', 'five']) {
      log.write('info', line);
      log.rotate();
    }
    expect(textOf()).toBe('');
    expect(readdirSync(directory).sort()).toEqual(['l.log', 'l.log.0', 'l.log.1', 'l.log.2']);
    expect([textOf('l.log.0'), textOf('l.log.2')]).toEqual([
      expect.stringMatching(/five\n$/),
      expect.stringMatching(/three\n$/),
    ]);
  });

  test('that somebody has moved away is left there', () => {
    const log = logTo();
    log.write('info', 'one');
    renameSync(pathIn('l.log'), pathIn('moved'));
    log.write('info', 'two');
    log.rotate();
    log.write('info', 'three');
    expect(textOf('moved')).toMatch(/one\n.*two\n$/);
    expect(textOf()).toMatch(/^[^\n]*three\n$/);
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test('does not grow beyond its size', () => {
    const log = logTo({ maxBytes: 200 });
    for (let i = 0; i < 20; i++) log.write('info', `line ${i}`);
    expect(textOf().length).toBeLessThanOrEqual(200);
    expect(textOf('l.log.0') + textOf()).toMatch(/line 18\n.*line 19\n$/);
  });
});

test('the last lines are kept, with their numbers', () => {
  const log = logTo();
  for (let i = 0; i < 1100; i++) log.write('info', `line ${i}`);
  const last = log.recent(2);
  expect(last.map(({ text }) => text.slice(-9))).toEqual(['line 1098', 'line 1099']);
  log.write('info', 'one more');
  expect(log.recent(10, last[1]!.sequence)).toHaveLength(1);
  expect(log.recent(5000)).toHaveLength(1000);
  expect(log.recent(0)).toEqual([]);
});
