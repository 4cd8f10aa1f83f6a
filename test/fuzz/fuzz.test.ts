// Thousands of bad clients, each from a seed. `npm run fuzz -- --seed N` goes on from any seed for as long as you like.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caseOf, type Kind, kinds } from './cases.ts';
import { Harness } from './harness.ts';

const MEMORY_CASES = 3000;
const TCP_CASES = 250;
const TIME_LIMIT_MS = 120_000;
const FAILURES_SHOWN = 5;

const harness = new Harness();
beforeAll(() => harness.start());
afterAll(() => harness.stop());

/** Plays them all, and only then says which failed. */
async function runAll(
  on: Harness,
  first: number,
  count: number,
  transport: 'memory' | 'tcp',
): Promise<void> {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    await on.run(caseOf(seed), transport).catch((error: Error) => failures.push(error.message));
  }
  if (failures.length === 0) return;
  const shown = failures.slice(0, FAILURES_SHOWN).join('\n');
  throw new Error(`${failures.length} of ${count} cases did harm:\n${shown}`);
}

test('every kind of case comes up', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= MEMORY_CASES; seed++) seen.add(caseOf(seed).kind);
  expect([...seen].sort()).toEqual((Object.keys(kinds) as Kind[]).sort());
});

test(`${MEMORY_CASES} bad clients leave no trace`, { timeout: TIME_LIMIT_MS }, () =>
  runAll(harness, 1, MEMORY_CASES, 'memory'),
);

test(`${TCP_CASES} bad clients over TCP leave no trace`, { timeout: TIME_LIMIT_MS }, () =>
  runAll(harness, 1_000_000, TCP_CASES, 'tcp'),
);

test('a planted bug is found: exclusive queues that stay', async () => {
  const broken = new Harness((vhost) => {
    vhost.deleteQueuesOf = () => {};
  });
  await broken.start();
  await expect(runAll(broken, 1, 200, 'memory')).rejects.toThrow(/exclusive queue '.*' is left/);
  await broken.stop();
});
