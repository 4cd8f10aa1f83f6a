// `npm run bench:clients`: clients beside each other against one Leveret, each run in a fresh process, in turn, so that a noisy
// minute hits all alike. Prints medians: messages per second, and CPU time of the client's process per message.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildIfMissing, startLeveret } from '../target/leveret.ts';

const CLIENTS = ['leveret', 'leveret-channel', 'amqplib', 'rabbitmq-client', 'amqp-client.js'];
const SCENARIOS = ['publish', 'confirm', 'consume'];
const SIZES = [16, 1024];
const MEASURE = fileURLToPath(new URL('measure.ts', import.meta.url));

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return process.argv[at + 1] !== undefined && at > 0 ? process.argv[at + 1]! : otherwise;
};
const runs = Number(option('runs', '3'));
const count = Number(option('messages', '100000'));
const clients = option('clients', CLIENTS.join(',')).split(',');
const scenarios = option('scenarios', SCENARIOS.join(',')).split(',');

interface Sample {
  readonly cpuUs: number;
  readonly perSecond: number;
}

/** A run that takes longer than this has hung: the machine is slow, but not that slow. */
const RUN_LIMIT_MS = 60_000;

/** @returns undefined when the client did not get through. Not synchronous: the broker's log has to be read meanwhile. */
async function measure(
  client: string,
  scenario: string,
  size: number,
  url: string,
): Promise<Sample | undefined> {
  const args = ['--import', 'tsx', MEASURE, client, scenario, String(size), url, String(count)];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: RUN_LIMIT_MS });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Sample;
  } catch {
    return undefined;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

buildIfMissing();
const broker = await startLeveret('leveret');
try {
  for (const scenario of scenarios) {
    for (const size of SIZES) {
      const samples = new Map<string, Sample[]>(clients.map((client) => [client, []]));
      for (let run = 0; run < runs; run++) {
        for (const client of clients) {
          const sample = await measure(client, scenario, size, broker.target.url);
          if (sample) samples.get(client)!.push(sample);
        }
      }
      for (const [client, taken] of samples) {
        if (taken.length === 0) {
          console.log(`${scenario} ${size} B ${client}: did not get through`);
          continue;
        }
        const cpuUs = median(taken.map((sample) => sample.cpuUs));
        const perSecond = median(taken.map((sample) => sample.perSecond));
        const hung = taken.length < runs ? ` (${runs - taken.length} of ${runs} hung)` : '';
        const figures = `${cpuUs.toFixed(2)} µs ${Math.round(perSecond).toLocaleString('en')}/s`;
        console.log(`${scenario} ${size} B ${client}: ${figures}${hung}`);
      }
    }
  }
} finally {
  await broker.stop();
}
