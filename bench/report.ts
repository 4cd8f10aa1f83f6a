// Medians with their spread, side by side for every broker measured, for people and for machines.
import type { Ceiling } from './ceiling.ts';
import type { Metric, Sample, Scenario } from './scenario.ts';

export interface Result {
  readonly scenario: Scenario;
  /** Samples per broker label, in the order in which the brokers were named. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function formatCeilings(ceilings: readonly Ceiling[]): string {
  const rows = ceilings.map((each) => [
    each.name,
    formatNumber(each.messagesPerSecond, 0),
    formatNumber(each.generatorCpuMicros, 3),
  ]);
  return alignColumns([['generator ceiling', 'messages/s', 'CPU µs/message'], ...rows]);
}

export function formatResult({ scenario, samples }: Result): string {
  const labels = [...samples.keys()];
  const head = ['', 'goal', ...labels.flatMap((label, i) => columnsOf(label, i))];
  const rows = scenario.metrics.map((metric) => formatRow(metric, samples));
  const runs = [...samples.values()].map((each) => each.length).join('/');
  const title = `${scenario.name}: ${scenario.summary} (runs: ${runs})`;
  return `${title}\n${alignColumns([head, ...rows])}`;
}

export function toJson(result: Result): object {
  const { scenario, samples } = result;
  const brokers = [...samples].map(([label, list]) => ({
    label,
    runs: list.length,
    metrics: Object.fromEntries(
      scenario.metrics.map(({ key }) => [
        key,
        { ...summarize(list, key), values: pluck(list, key) },
      ]),
    ),
  }));
  return { scenario: scenario.name, summary: scenario.summary, brokers };
}

function columnsOf(label: string, index: number): string[] {
  return index === 0 ? [label, 'min-max'] : [label, 'min-max', 'ratio'];
}

function formatRow(metric: Metric, samples: ReadonlyMap<string, readonly Sample[]>): string[] {
  const row = [metric.title, formatGoal(metric)];
  let first: number | undefined;
  for (const list of samples.values()) {
    const { median, min, max } = summarize(list, metric.key);
    const number = (value: number) => formatNumber(value, metric.digits);
    row.push(number(median), list.length > 1 ? `${number(min)}-${number(max)}` : '');
    if (first === undefined) first = median;
    else row.push(formatRatio(metric, first, median));
  }
  return row;
}

function formatGoal({ goal, better, digits }: Metric): string {
  if (goal === undefined) return '';
  return `${better === 'less' ? '<=' : '>='} ${formatNumber(goal, Math.min(digits, 1))}`;
}

/** How many times better the first broker is. */
function formatRatio({ better }: Metric, first: number, other: number): string {
  if (better === 'neither') return '';
  const ratio = better === 'less' ? other / first : first / other;
  return Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 1)}x` : '-';
}

function summarize(list: readonly Sample[], key: string): Summary {
  const sorted = pluck(list, key).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

function pluck(list: readonly Sample[], key: string): number[] {
  return list.map((sample) => sample[key] ?? Number.NaN);
}

function formatNumber(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString('en', format);
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
    )
    .map((cells) => `  ${cells.join('  ')}`.trimEnd())
    .join('\n');
}
