// A short crash test, and proof that it can fail. `npm run crash-test` is the long one.
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { crashTest } from './crash-test.ts';
import { fullDiskTest } from './full-disk.ts';

function dataDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'leveret-crash-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('three kills lose nothing', { timeout: 240_000 }, async () => {
  const report = await crashTest({ dataDir: dataDir(), kills: 3 });
  expect(report.problems).toEqual([]);
  expect(report.summary.confirmed).toBeGreaterThan(100);
  expect(report.summary.acked).toBeGreaterThan(100);
});

test('a disk that forgets is noticed', { timeout: 240_000 }, async () => {
  const forget = (path: string) => {
    const log = join(path, 'log');
    if (!existsSync(log)) return;
    for (const name of readdirSync(log)) truncateSync(join(log, name), 4096);
  };
  const report = await crashTest({ dataDir: dataDir(), kills: 2, whileDead: forget });
  expect(report.problems.join('\n')).toContain('lost');
});

test('a disk that fills up loses nothing', { timeout: 240_000 }, async (context) => {
  const report = await fullDiskTest(() => {});
  if (typeof report === 'string') return context.skip(report);
  expect(report.problems).toEqual([]);
});
