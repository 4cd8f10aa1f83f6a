// A few hundred crashes from fixed seeds, with small files and with real ones. `npm run sim` goes on from any seed, and
// `npm run sim:canaries` shows with planted bugs that the simulation can fail.
import { expect, test } from 'vitest';
import { expectContent, runSimulation } from './run-process.ts';

const TIME_LIMIT_MS = 120_000;

test(
  'what is confirmed is never lost, through hundreds of crashes',
  { timeout: TIME_LIMIT_MS },
  () => expectContent('--seed', '1', '--seeds', '40', '--cycles', '20'),
);

test('nor with files as large as the server has them', { timeout: TIME_LIMIT_MS }, () =>
  expectContent('--seed', '1', '--seeds', '1', '--cycles', '8', '--size', 'real'),
);

test('nor what is held back, nor what a key stands for', { timeout: TIME_LIMIT_MS }, () =>
  expectContent('--what', 'held', '--seed', '1', '--seeds', '30', '--cycles', '20'),
);

test('but by a disk that says done too early', { timeout: TIME_LIMIT_MS }, async () => {
  const { isContent, text } = await runSimulation('--seed', '1', '--flaw', 'saysDoneEarly');
  expect(text).toMatch(/^seed \d+, life \d+: /m);
  expect(isContent).toBe(false);
});
