// 20,000 crashes from fixed seeds, in two processes, and three planted bugs that must be found. `npm run sim` goes on from any
// seed; `npm run sim:canaries` plants all the bugs there are.
import { expect, test } from 'vitest';
import { crashesOf, expectContent, expectFound } from './run-process.ts';

const TIME_LIMIT_MS = 600_000;
/** Of 20 crashes each, and those that come during recovery. */
const SEEDS = 370;
const CRASHES = 20_000;

test(`what is confirmed is never lost, through ${CRASHES} crashes`, {
  timeout: TIME_LIMIT_MS,
}, async () => {
  const run = (seed: number) => expectContent('--seed', `${seed}`, '--seeds', `${SEEDS}`);
  const texts = await Promise.all([run(1), run(1 + SEEDS)]);
  const crashes = texts.reduce((sum, text) => sum + crashesOf(text), 0);
  expect(crashes).toBeGreaterThanOrEqual(CRASHES);
});

test('nor with files as large as the server has them', { timeout: TIME_LIMIT_MS }, async () => {
  await expectContent('--seed', '1', '--seeds', '1', '--cycles', '8', '--size', 'real');
});

test('nor what is held back, nor what a key stands for', { timeout: TIME_LIMIT_MS }, async () => {
  await expectContent('--what', 'held', '--seed', '1', '--seeds', '30', '--cycles', '20');
});

test('nor what dies, nor what is counted', { timeout: TIME_LIMIT_MS }, async () => {
  await expectContent('--what', 'letters', '--seed', '1', '--seeds', '30', '--cycles', '20');
});

test.concurrent.each([
  ['a disk that says done too early', ['--seed', '1', '--flaw', 'saysDoneEarly']],
  ['a file that is used again too early', ['--seed', '1', '--flaw', 'recyclesEarly']],
  ['a CRC that is not looked at', ['--seed', '1', '--mutant', 'the CRC is not looked at']],
])('%s is found', { timeout: TIME_LIMIT_MS }, (_, options) => expectFound(...options));
