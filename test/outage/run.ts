// `npm run outage-test -- [--rounds 3] [--rabbitmq]`: the client through every kind of outage, so many times, with Leveret or with
// RabbitMQ at the other end. Ends with status 1 when anything was lost, out of order or left unsettled.
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { findRabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { FAULTS, type OutageReport, outagesOf, outageTest } from './outage-test.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    rabbitmq: { type: 'boolean', default: false },
  },
});

const faults = Array.from({ length: Number(values.rounds) }, () => FAULTS).flat();
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { problems, seconds, ...counts } = await (values.rabbitmq
  ? withRabbitmq()
  : outageTest({ faults, say }));
const figures = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
say(`${faults.length} outages in ${Math.round(seconds)} s: ${figures.join(', ')}`);
for (const problem of problems.slice(0, 20)) say(`  ${problem}`);
say(
  problems.length === 0
    ? 'nothing lost, nothing out of order, nothing unsettled'
    : `${problems.length} PROBLEMS`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Its application is stopped and started again, as in an upgrade; its process is not frozen. */
async function withRabbitmq(): Promise<OutageReport> {
  const scripts = findRabbitmq();
  if (scripts === undefined) throw new Error('rabbitmq-server is not installed');
  const rabbitmq = await startRabbitmq(scripts);
  const [command = '', ...first] = rabbitmq.ctl;
  const ctl = (...words: string[]) => promisify(execFile)(command, [...first, ...words]);
  try {
    return await outagesOf(
      { faults, say },
      {
        port: Number(new URL(rabbitmq.url).port),
        async restart() {
          await ctl('stop_app');
          await ctl('start_app');
        },
      },
    );
  } finally {
    await rabbitmq.stop();
  }
}
