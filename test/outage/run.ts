// `npm run outage-test -- [--rounds 3]`: the client through every kind of outage, so many times. Ends with status 1 when anything
// was lost, out of order or left unsettled.
import { parseArgs } from 'node:util';
import { FAULTS, outageTest } from './outage-test.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });

const faults = Array.from({ length: Number(values.rounds) }, () => FAULTS).flat();
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { problems, seconds, ...counts } = await outageTest({ faults, say });
const figures = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
say(`${faults.length} outages in ${Math.round(seconds)} s: ${figures.join(', ')}`);
for (const problem of problems.slice(0, 20)) say(`  ${problem}`);
say(
  problems.length === 0
    ? 'nothing lost, nothing out of order, nothing unsettled'
    : `${problems.length} PROBLEMS`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
