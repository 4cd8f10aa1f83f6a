// `npm run fuzz -- --seed N --minutes M`: bad clients from seed N on, until one does harm or the time is over. A failure
// prints its seed; `--seed N --cases 1` plays that case again.
import { parseArgs } from 'node:util';
import { caseOf } from './cases.ts';
import { Harness } from './harness.ts';

/** One case in so many goes over a real socket. */
const TCP_EVERY = 20;
const REPORT_EVERY = 5000;
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    minutes: { type: 'string', default: '5' },
    cases: { type: 'string', default: 'Infinity' },
    transport: { type: 'string' },
  },
});
const first = Number(values.seed);
const last = first + Number(values.cases);
const endAtMs = Date.now() + Number(values.minutes) * 60_000;
if (Number.isNaN(first + last + endAtMs)) {
  throw new Error('use --seed, --minutes and --cases with numbers, --transport with memory or tcp');
}

function transportOf(seed: number): 'memory' | 'tcp' {
  if (values.transport !== undefined) return values.transport === 'tcp' ? 'tcp' : 'memory';
  return seed % TCP_EVERY === 0 ? 'tcp' : 'memory';
}

const harness = new Harness();
await harness.start();
process.stdout.write(`from seed ${first}\n`);
let seed = first;
try {
  for (; seed < last && Date.now() < endAtMs; seed++) {
    await harness.run(caseOf(seed), transportOf(seed));
    if ((seed - first) % REPORT_EVERY === REPORT_EVERY - 1) {
      const { heapUsed, external } = process.memoryUsage();
      const memory = Math.round((heapUsed + external) / MIB);
      process.stdout.write(`${seed - first + 1} cases, ${memory} MiB\n`);
    }
  }
  process.stdout.write(`${seed - first} cases did no harm\n`);
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
  const again = `--seed ${seed} --cases 1 --transport ${transportOf(seed)}`;
  process.stdout.write(`again: npm run fuzz -- ${again}\n`);
  process.exitCode = 1;
}
await harness.stop();
// Reset sockets may take their time; nothing depends on them any more.
process.exit();
