// Planted bugs that the simulation must find: disks that lie, and a broker whose source is changed as it is loaded. Takes
// minutes, so it has a command of its own: npm run sim:canaries.
import { describe, test } from 'vitest';
import { mutants } from './changed-source.ts';
import { expectFound } from './run-process.ts';

const TIME_LIMIT_MS = 600_000;

/** Seeds shortly before the one that finds a rare bug, to save time; any later one will do as well. */
const BEFORE: Readonly<Record<string, number>> = {
  'a key is written apart from its message': 74,
  'a torn write of several chunks counts as damage': 82,
  'a file is used again before what emptied it is on disk': 30,
  'what was delivered is forgotten with an old file': 182,
};

/** Mutants that are looked for by another simulation than that of clients. */
const OTHERS: Readonly<Record<string, 'held' | 'letters'>> = {
  'a key is written apart from its message': 'held',
  'what is held back is due anew after a restart': 'held',
  // A dead letter empties the file that its source was in, and is not on disk yet.
  'a file is used again before what emptied it is on disk': 'letters',
  'a deadline is forgotten at a restart': 'letters',
  'a deadline is counted anew from a restart': 'letters',
  "a dead letter's source is settled before its copy is written": 'letters',
  'the length of a queue is forgotten at a restart': 'letters',
  'counts of deliveries are forgotten with an old file': 'letters',
  'counts of deliveries are not written': 'letters',
  'priorities are forgotten at a restart': 'letters',
};

const FLAWS = ['saysDoneEarly', 'recyclesEarly', 'flipsBits', 'replacesInPlace'];

describe.concurrent('the simulation fails', { timeout: TIME_LIMIT_MS }, () => {
  test.each(FLAWS)('with a disk that %s', async (flaw) => {
    await expectFound('--seed', '1', '--seeds', '300', '--flaw', flaw);
  });

  test.each(Object.keys(mutants))('when %s', async (mutant) => {
    const seed = String(BEFORE[mutant] ?? 1);
    const what = OTHERS[mutant] ?? 'clients';
    const options = ['--seed', seed, '--seeds', '2000', '--mutant', mutant, '--what', what];
    await expectFound(...options);
  });
});
