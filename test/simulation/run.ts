// `npm run sim -- --seed N --cycles M`: simulations from seed N on, of M crashes each, until one finds something or the time is
// over. A failure prints its seed and what happened last; the same seed and number of crashes play it again, exactly.
//
//   --minutes M    how long (default 5)         --seeds K    how many seeds (default: any number)
//   --size real    segments and files as the server has them; by default they are small
import { register } from 'node:module';
import { parseArgs } from 'node:util';

const STEPS_SHOWN = 120;
const REPORT_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    cycles: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '5' },
    seeds: { type: 'string', default: 'Infinity' },
    size: { type: 'string', default: 'small' },
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
if (!isReal) register('./small-files.ts', import.meta.url);

const { newTally, simulate, simulateMany } = await import('./simulation.ts');
const options = isReal ? { cycles, maxBodyBytes: 3 * 1024 * 1024 } : { cycles };

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
  await simulateMany(seeds(), options, tally, () => Date.now() > endAtMs);
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
    await simulate(seed, { ...options, trace: (text) => void steps.push(text) });
    process.stdout.write(`seed ${seed} failed and does not any more: it is not repeatable\n`);
  } catch (error) {
    process.stdout.write(`${steps.slice(-Number(values.steps)).join('\n')}\n`);
    process.stdout.write(`\n${(error as Error).message}\n`);
  }
  const size = isReal ? ' --size real' : '';
  process.stdout.write(
    `again: npm run sim -- --seed ${seed} --cycles ${cycles} --seeds 1${size}\n`,
  );
}
