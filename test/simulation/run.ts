// `npm run sim -- --seed N --cycles M`: simulations from seed N on, of M crashes each, until one finds something or the time is
// over. A failure prints its seed and what happened last; the same seed and number of crashes play it again, exactly.
//
//   --minutes M    how long (default 5)         --seeds K    how many seeds (default: any number)
//   --what held     delayed messages and deduplication (held-simulation.ts), rather than clients of queues
//   --what letters  queues with rules: time to live, dead letters, priorities, counts, lengths (letters-simulation.ts)
//   --size real    segments and files as the server has them; by default they are small
//   --flaw F       with a disk that is broken in a way of sim-disk.ts     --mutant M  with a bug of changed-source.ts
import { register } from 'node:module';
import { parseArgs } from 'node:util';
import { mutants } from './changed-source.ts';

const STEPS_SHOWN = 120;
const REPORT_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    cycles: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '5' },
    seeds: { type: 'string', default: 'Infinity' },
    size: { type: 'string', default: 'small' },
    what: { type: 'string', default: 'clients' },
    flaw: { type: 'string' },
    mutant: { type: 'string' },
    steps: { type: 'string', default: String(STEPS_SHOWN) },
  },
});
const first = Number(values.seed);
const cycles = Number(values.cycles);
const last = first + Number(values.seeds);
const startedAtMs = Date.now();
const endAtMs = startedAtMs + Number(values.minutes) * 60_000;
if (Number.isNaN(first + cycles + last + endAtMs)) throw new Error('numbers, please');
const isReal = values.size === 'real';
const { mutant } = values;
if (mutant !== undefined && !(mutant in mutants)) throw new Error(`no mutant '${mutant}'`);
register('./changed-source.ts', {
  parentURL: import.meta.url,
  data: { isSmall: !isReal, mutant },
});

const { newTally, simulate: simulateClients, simulateMany } = await import('./simulation.ts');
const { simulateHeld } = await import('./held-simulation.ts');
const { simulateLetters } = await import('./letters-simulation.ts');
const kinds = { clients: simulateClients, held: simulateHeld, letters: simulateLetters };
const simulate = kinds[values.what as keyof typeof kinds];
if (simulate === undefined) throw new Error(`no simulation of '${values.what}'`);
const flaws = values.flaw === undefined ? {} : { [values.flaw]: true };
const options = { cycles, flaws, maxBodyBytes: isReal ? 3 * 1024 * 1024 : 40_000 };

function* seeds(): Iterable<number> {
  let reportAtMs = startedAtMs + REPORT_EVERY_MS;
  for (let seed = first; seed < last; seed++) {
    yield seed;
    if (Date.now() < reportAtMs) continue;
    reportAtMs += REPORT_EVERY_MS;
    process.stdout.write(`${seed - first} seeds, ${JSON.stringify(tally)}\n`);
  }
}

const tally = newTally();
process.stdout.write(`from seed ${first}, ${cycles} crashes each\n`);
try {
  await simulateMany(seeds(), options, tally, () => Date.now() > endAtMs, simulate);
  const seconds = (Date.now() - startedAtMs) / 1000;
  process.stdout.write(`${JSON.stringify(tally)}\n`);
  process.stdout.write(
    `${Math.round(tally.crashes / seconds)} crashes per second, and nothing was lost\n`,
  );
} catch (error) {
  const [, seed] = /^seed (\d+)/.exec((error as Error).message) ?? [];
  process.exitCode = 1;
  if (seed === undefined) throw error;
  await replay(Number(seed));
}

/** Plays a seed again, and shows the end of it. */
async function replay(seed: number): Promise<void> {
  const steps: string[] = [];
  try {
    const trace = (text: string) => void steps.push(text);
    await simulate(seed, { ...options, trace }, newTally());
    process.stdout.write(`seed ${seed} failed and does not any more: it is not repeatable\n`);
  } catch (error) {
    process.stdout.write(`${steps.slice(-Number(values.steps)).join('\n')}\n`);
    process.stdout.write(`\n${(error as Error).message}\n`);
  }
  const same = Object.entries({ what: values.what, size: values.size, flaw: values.flaw, mutant });
  const others = same.map(([name, value]) => (value === undefined ? '' : ` --${name} '${value}'`));
  process.stdout.write(
    `again: npm run sim -- --seed ${seed} --cycles ${cycles} --seeds 1${others.join('')}\n`,
  );
}
