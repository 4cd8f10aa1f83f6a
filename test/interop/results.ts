/**
 * What a scenario program printed, judged against what it was expected to print. A scenario passes
 * only by its own `ok` line: one that is missing, doubled or followed by a bad exit has failed.
 *
 *     client pika 1.4.4
 *     ok publish-confirm
 *     not ok consume-ack - a 4th message came with prefetch 3
 */
import type { Outcome } from './child.ts';

export interface ScenarioResult {
  readonly scenario: string;
  readonly passed: boolean;
  readonly reason: string;
}

export interface Report {
  /** The client library's own name and version, as the program read it from the library. */
  readonly version: string;
  readonly results: readonly ScenarioResult[];
}

const LINE = /^(not ok|ok|client) (.*)$/;
const STDERR_LINES = 8;

export function judge(expected: readonly string[], outcome: Outcome): Report {
  const seen = new Map<string, ScenarioResult>();
  const stray: ScenarioResult[] = [];
  let version = 'unknown';
  for (const line of outcome.stdout.split('\n')) {
    const match = LINE.exec(line.trimEnd());
    if (match === null) continue;
    const [, verdict, text = ''] = match;
    if (verdict === 'client') {
      version = text;
      continue;
    }
    const [scenario = '', ...rest] = text.split(' - ');
    const result = { scenario, passed: verdict === 'ok', reason: rest.join(' - ') };
    if (!expected.includes(scenario)) stray.push(failed(scenario, 'not in clients.ts'));
    else if (seen.has(scenario)) seen.set(scenario, failed(scenario, 'reported twice'));
    else seen.set(scenario, result);
  }
  const silent = expected.find((scenario) => !seen.has(scenario));
  const results = expected.map((scenario) => {
    const why = scenario === silent ? `did not report: ${ending(outcome)}` : 'did not report';
    return seen.get(scenario) ?? failed(scenario, why);
  });
  results.push(...stray);
  if (outcome.status !== 0 && results.every((result) => result.passed)) {
    results.push(failed('exit', ending(outcome)));
  }
  return { version, results };
}

/** How a program ended, and the last it said on standard error. */
export function ending(outcome: Outcome): string {
  const how = outcome.timedOut
    ? 'ended at its time-out'
    : outcome.status === null
      ? 'could not run or was killed'
      : `exit status ${outcome.status}`;
  const said = outcome.stderr.trim().split('\n').slice(-STDERR_LINES).join('\n');
  return said === '' ? how : `${how}\n${said}`;
}

function failed(scenario: string, reason: string): ScenarioResult {
  return { scenario, passed: false, reason };
}

/** One client's rows: its name on the first, each scenario with its verdict. */
export function table(client: string, report: Report): string {
  const width = Math.max(...report.results.map((result) => result.scenario.length));
  const rows = report.results.map((result) => {
    const verdict = result.passed ? 'passed' : `FAILED  ${indent(result.reason)}`;
    return `  ${result.scenario.padEnd(width)}  ${verdict}`;
  });
  return [`${client} (${report.version})`, ...rows, ''].join('\n');
}

function indent(text: string): string {
  return text.trim().replaceAll('\n', '\n      ');
}
