// The bench's command line: chooses brokers and scenarios, runs them in turn, prints the tables.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Ceiling, measureCeilings } from './ceiling.ts';
import { Connection } from './load/connection.ts';
import { formatCeilings, formatResult, type Result, toJson } from './report.ts';
import type { Sample, Scenario, Settings } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { buildIfMissing, type StartedBroker, startLeveret } from './target/leveret.ts';
import { parseAgainst, type Target, type TargetOption } from './target/target.ts';

const USAGE = `npm run bench -- [scenario ...] [options]

  --list              name the scenarios and end
  --url URL           measure this broker instead of starting Leveret
  --pid PID           its process, for CPU and memory
  --label NAME        its name in the tables
  --against LABEL=URL,pid=PID
                      measure this broker beside the first one; may be repeated
  --runs N            runs of each scenario (5; scenarios that take long have their own number)
  --seconds N         measured interval of each run (4)
  --backlog N         messages that wait, in the scenarios of a backlog or a restart
  --no-ceiling        leave out the load generator's own ceiling
  --json FILE         write all figures to this file as well`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    help: { type: 'boolean' },
    url: { type: 'string' },
    pid: { type: 'string' },
    label: { type: 'string' },
    against: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    backlog: { type: 'string' },
    'no-ceiling': { type: 'boolean' },
    json: { type: 'string' },
  },
});

const DEFAULT_RUNS = 5;
const WARM_UP_SECONDS = 1;

async function main(): Promise<void> {
  // Through process.exit, so that started brokers are stopped as well.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  if (flags.list) {
    for (const { name, summary } of scenarios) console.log(`${name.padEnd(24)}${summary}`);
    return;
  }
  const chosen = chooseScenarios(positionals);
  const targets = chooseTargets();
  for (const { url } of targets) if (url === undefined) buildIfMissing();
  await printBrokers(targets);
  const ceilings = flags['no-ceiling'] ? [] : await measureCeilings();
  if (ceilings.length > 0) console.log(`\n${formatCeilings(ceilings)}`);
  const results: Result[] = [];
  let failed = false;
  for (const scenario of chosen) {
    try {
      const result = await runScenario(scenario, targets);
      if (result.samples.size === 0) continue;
      console.log(`\n${formatResult(result)}`);
      results.push(result);
      if (flags.json) await writeJson(flags.json, ceilings, results);
    } catch (error) {
      failed = true;
      console.error(`\n${scenario.name}: FAILED: ${(error as Error).stack}`);
    }
  }
  process.exit(failed ? 1 : 0);
}

function chooseScenarios(names: readonly string[]): readonly Scenario[] {
  if (names.length === 0) return scenarios;
  return names.map((name) => {
    const scenario = scenarios.find((each) => each.name === name);
    if (!scenario) throw new Error(`no scenario '${name}'; --list names them`);
    return scenario;
  });
}

function chooseTargets(): TargetOption[] {
  const pid = flags.pid === undefined ? undefined : Number(flags.pid);
  const label = flags.label ?? (flags.url ? 'broker' : 'leveret');
  const targets = [{ label, url: flags.url, pid }, ...flags.against.map(parseAgainst)];
  if (new Set(targets.map((each) => each.label)).size < targets.length) {
    throw new Error('every broker needs a label of its own');
  }
  return targets;
}

async function printBrokers(targets: readonly TargetOption[]): Promise<void> {
  const { length, 0: first } = cpus();
  console.log(`${new Date().toISOString()}, ${length} x ${first?.model}, Node ${process.version}`);
  for (const { label, url, pid } of targets) {
    if (url === undefined) {
      console.log(`${label}: started by the bench for each scenario`);
      continue;
    }
    const connection = await Connection.open(url);
    console.log(
      `${label}: ${connection.server}, pid ${pid ?? 'unknown: no CPU and memory figures'}`,
    );
    await connection.close();
  }
}

/** The brokers take turns, so that a noisy minute of the machine hits them alike. */
async function runScenario(scenario: Scenario, brokers: readonly TargetOption[]): Promise<Result> {
  const chosen = scenario.startsBroker ? brokers.filter((each) => !each.url) : brokers;
  const samples = new Map<string, Sample[]>();
  const started = new Map<string, StartedBroker>();
  const runs = flags.runs ? Number(flags.runs) : (scenario.runs ?? DEFAULT_RUNS);
  try {
    for (let run = 0; run < runs; run++) {
      for (const broker of chosen) {
        const target = await reachTarget(scenario, broker, started);
        const sample = await scenario.run(target, newSettings());
        samples.set(broker.label, [...(samples.get(broker.label) ?? []), sample]);
      }
    }
  } finally {
    for (const broker of started.values()) await broker.stop();
  }
  return { scenario, samples };
}

/** The broker to measure; Leveret is started if it does not run yet or has to be a fresh one. */
async function reachTarget(
  scenario: Scenario,
  { label, url, pid }: TargetOption,
  started: Map<string, StartedBroker>,
): Promise<Target> {
  if (url !== undefined) return { label, url, pid };
  if (scenario.startsBroker) return { label, url: '', pid: undefined };
  const running = started.get(label);
  if (running && !scenario.freshBroker) return running.target;
  await running?.stop();
  const broker = await startLeveret(label, scenario.nodeFlags);
  started.set(label, broker);
  return broker.target;
}

function newSettings(): Settings {
  return {
    seconds: Number(flags.seconds),
    warmUpSeconds: WARM_UP_SECONDS,
    runId: randomBytes(2).toString('hex'),
    backlogMessages: flags.backlog === undefined ? undefined : Number(flags.backlog),
  };
}

async function writeJson(
  file: string,
  ceilings: readonly Ceiling[],
  results: readonly Result[],
): Promise<void> {
  const host = { cpus: cpus().map((each) => each.model), node: process.version };
  const report = { at: new Date().toISOString(), host, ceilings, results: results.map(toJson) };
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
