/**
 * `npm run interop`: other people's clients against this broker, or any other.
 *
 *     npm run interop                                    Leveret, started for the purpose
 *     npm run interop -- --url amqp://guest:guest@host/  a broker that already runs
 *     npm run interop -- --only pika,go                  some of the clients
 *     npm run interop -- --list                          what there is
 *
 * Clients run one after the other. The exit status is 0 only when every scenario passed and every
 * client could be installed; `--allow-missing` forgives the second.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAll, run } from './child.ts';
import { CLIENTS, type Client } from './clients.ts';
import type { Place } from './install.ts';
import { type Leveret, startLeveret } from './leveret.ts';
import { judge, table } from './results.ts';

const HERE = import.meta.dirname;
const REPOSITORY = join(HERE, '..', '..');
const CACHE = join(tmpdir(), 'leveret-interop');
/** How much of the broker's log is shown when it ended during the run. */
const LOG_LINES = 30;

interface Missing {
  readonly client: Client;
  readonly why: string;
}

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    'allow-missing': { type: 'boolean', default: false },
  },
});

const chosen = choose(options.only);
if (options.list) {
  for (const client of chosen) console.log(`${client.name}: ${client.scenarios.join(', ')}`);
} else {
  process.exitCode = await interop(options.url, options['allow-missing']);
}

function choose(only: string | undefined): readonly Client[] {
  if (only === undefined) return CLIENTS;
  const names = only.split(',');
  const unknown = names.filter((name) => !CLIENTS.some((client) => client.name === name));
  if (unknown.length > 0) {
    const known = CLIENTS.map((client) => client.name).join(', ');
    console.error(`no client is called '${unknown.join("', '")}'; there are ${known}`);
    process.exit(2);
  }
  return CLIENTS.filter((client) => names.includes(client.name));
}

async function interop(url: string | undefined, allowMissing: boolean): Promise<number> {
  const leveret = url === undefined ? await startLeveret(REPOSITORY) : undefined;
  const stop = async (): Promise<void> => {
    await endAll();
    await leveret?.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().then(() => process.exit(1)));
  }
  try {
    return await runClients(url ?? leveret?.url ?? '', leveret, allowMissing);
  } finally {
    await stop();
  }
}

async function runClients(
  url: string,
  leveret: Leveret | undefined,
  allowMissing: boolean,
): Promise<number> {
  const missing: Missing[] = [];
  let passed = 0;
  let failed = 0;
  console.log(`${chosen.length} clients against ${leveret ? 'Leveret at ' : ''}${hostOf(url)}\n`);
  for (const client of chosen) {
    const place = { source: join(HERE, client.folder), cache: join(CACHE, client.name) };
    const why = await install(client, place);
    if (why !== undefined) {
      missing.push({ client, why });
      continue;
    }
    const outcome = await run(client.command(place), {
      cwd: HERE,
      env: {
        AMQP_URL: url,
        INTEROP_RUN: randomBytes(4).toString('hex'),
        PYTHONPATH: join(HERE, 'python'),
      },
      timeoutMs: client.timeoutMs,
    });
    const report = judge(client.scenarios, outcome);
    const good = report.results.filter((result) => result.passed).length;
    passed += good;
    failed += report.results.length - good;
    console.log(table(client.name, report));
    const death = leveret?.died();
    if (leveret && death !== undefined) {
      failed += 1;
      const log = (await leveret.log()).trim().split('\n').slice(-LOG_LINES).join('\n');
      console.log(`Leveret ended by itself (${death}):\n${log}\n`);
      break;
    }
  }
  const skipped = missing.reduce((sum, { client }) => sum + client.scenarios.length, 0);
  if (missing.length > 0) console.log(missingSection(missing));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 || passed === 0 || (missing.length > 0 && !allowMissing) ? 1 : 0;
}

/** Why the client could not be installed, or undefined once it is in place. */
async function install(client: Client, place: Place): Promise<string | undefined> {
  try {
    await client.install(place);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function missingSection(missing: readonly Missing[]): string {
  const rows = missing.map(
    ({ client, why }) => `  ${client.name}: ${why.replaceAll('\n', '\n    ')}`,
  );
  return ['Could not be installed, so not tested:', ...rows, ''].join('\n');
}

/** The address without its password, for the heading. */
function hostOf(url: string): string {
  return new URL(url).host;
}
