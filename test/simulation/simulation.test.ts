// Thousands of crashes from fixed seeds, with small files and with real ones; and bugs that the simulation must find. Each part
// is a process of its own, since the broker's source is changed as it is loaded. `npm run sim` goes on from any seed.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { mutants } from './changed-source.ts';

const RUNNER = fileURLToPath(new URL('run.ts', import.meta.url));
const TIME_LIMIT_MS = 180_000;

/** Runs the simulation and resolves with what it printed, and whether it was content. */
function run(...args: readonly string[]): Promise<{ isContent: boolean; text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', RUNNER, '--minutes', '2', ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ isContent: !error, text: stdout + stderr }),
    );
  });
}

async function expectContent(...args: readonly string[]): Promise<void> {
  const { isContent, text } = await run(...args);
  if (!isContent) throw new Error(text);
  expect(text).toContain('nothing was lost');
}

/** Seeds shortly before the one that finds a rare bug, to save time; any later one will do as well. */
const BEFORE: Readonly<Record<string, number>> = {
  'a torn write of several chunks counts as damage': 82,
  'a file is used again before what emptied it is on disk': 535,
  'what was delivered is forgotten with an old file': 182,
};

const FLAWS = ['saysDoneEarly', 'recyclesEarly', 'flipsBits', 'replacesInPlace'];

describe.concurrent('what is confirmed is never lost', { timeout: TIME_LIMIT_MS }, () => {
  test('through thousands of crashes', () =>
    expectContent('--seed', '1', '--seeds', '150', '--cycles', '20'));

  test('and thousands more', () =>
    expectContent('--seed', '100001', '--seeds', '150', '--cycles', '20'));

  test('with files as large as the server has them', () =>
    expectContent('--seed', '1', '--seeds', '4', '--cycles', '8', '--size', 'real'));

  test.each(FLAWS)('but by a disk that %s', async (flaw) => {
    const { isContent, text } = await run('--seed', '1', '--seeds', '300', '--flaw', flaw);
    expect(text).toMatch(/^seed \d+, life \d+: /m);
    expect(isContent).toBe(false);
  });

  test.each(Object.keys(mutants))('but when %s', async (mutant) => {
    const seed = String(BEFORE[mutant] ?? 1);
    const { isContent, text } = await run('--seed', seed, '--seeds', '2000', '--mutant', mutant);
    expect(text).toMatch(/^seed \d+, life \d+: /m);
    expect(isContent).toBe(false);
  });
});
