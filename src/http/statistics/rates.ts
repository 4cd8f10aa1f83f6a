// Counters with their rates, as RabbitMQ puts them into its answers:
//
//   "publish": 5, "publish_details": { "rate": 0.4 }
//
// With `lengths_age` and `lengths_incr` (depths) or `msg_rates_age` and `msg_rates_incr`, `data_rates_…`, `node_stats_…` in
// the query, details also hold `samples`, newest first, `avg` and `avg_rate`.
import type { Query } from '../list.ts';
import type { CounterHistory } from './counter-history.ts';
import { MESSAGE_NAMES } from './kinds.ts';
import type { Series } from './series.ts';

export interface RateDetails {
  readonly rate: number;
  readonly avg?: number;
  readonly avg_rate?: number;
  readonly samples?: readonly { readonly sample: number; readonly timestamp: number }[];
}

export type Rated = Record<string, number | RateDetails>;

export interface Window {
  readonly ageSeconds: number;
  readonly incrementSeconds: number;
}

export type WindowName = 'lengths' | 'msg_rates' | 'data_rates' | 'node_stats';

/** What the query asks to see of the past. */
export function windowOf(query: Query, name: WindowName): Window | undefined {
  const ageSeconds = Number(query[`${name}_age`]);
  const incrementSeconds = Number(query[`${name}_incr`]);
  if (!(ageSeconds > 0) || !(incrementSeconds > 0)) return undefined;
  return { ageSeconds, incrementSeconds };
}

/** A counter's rate and, if a window was asked for, its samples. */
export function detailsOf(
  history: CounterHistory | undefined,
  counter: number,
  window?: Window,
): RateDetails {
  const rate = round(history?.rate(counter) ?? 0);
  if (!window || !history) return { rate };
  const samples: { sample: number; timestamp: number }[] = [];
  const newestMs = history.timeMs(0);
  let dueMs = newestMs;
  for (let age = 0; age < history.sampleCount; age++) {
    const timeMs = history.timeMs(age);
    if (newestMs - timeMs > window.ageSeconds * 1000) break;
    if (timeMs > dueMs) continue;
    samples.push({ sample: history.value(counter, age), timestamp: timeMs });
    dueMs = timeMs - window.incrementSeconds * 1000;
  }
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const seconds = (first.timestamp - last.timestamp) / 1000;
  return {
    rate,
    avg: round(samples.reduce((sum, { sample }) => sum + sample, 0) / samples.length),
    avg_rate: seconds > 0 ? round((first.sample - last.sample) / seconds) : 0,
    samples,
  };
}

const round = (value: number) => Math.round(value * 100) / 100;

/** The counters called `names`, with the values `values` has now, each followed by its details. */
export function rated<T extends object>(
  series: Series<T>,
  object: T,
  names: readonly string[],
  current: (counter: number) => number,
  window?: Window,
): Rated {
  const history = series.history(object);
  const stats: Rated = {};
  for (const name of names) {
    const counter = series.kind.names.indexOf(name);
    stats[name] = current(counter);
    stats[`${name}_details`] = detailsOf(history, counter, window);
  }
  return stats;
}

/** The same with the values read from the object. */
export function ratedNow<T extends object>(
  series: Series<T>,
  object: T,
  names: readonly string[],
  window?: Window,
): Rated {
  const values = new Float64Array(series.kind.names.length);
  series.kind.read(object, values);
  return rated(series, object, names, (counter) => values[counter]!, window);
}

const PUBLISHING = ['publish', 'confirm', 'return_unroutable', 'drop_unroutable'];
const TAKING = MESSAGE_NAMES.filter((name) => !PUBLISHING.includes(name));

/** `message_stats`: what the object has to do with; undefined when nothing ever happened to it. */
export function messageStats<T extends object>(
  series: Series<T>,
  object: T,
  publishing: readonly string[],
  window?: Window,
): Rated | undefined {
  const values = new Float64Array(series.kind.names.length);
  series.kind.read(object, values);
  const current = (counter: number) => values[counter]!;
  const happened = (names: readonly string[]) =>
    names.some((name) => current(series.kind.names.indexOf(name)) > 0);
  const names = [...(happened(publishing) ? publishing : []), ...(happened(TAKING) ? TAKING : [])];
  return names.length > 0 ? rated(series, object, names, current, window) : undefined;
}

/** What a channel publishes, and what arrives in a queue. */
export const CHANNEL_PUBLISHING = PUBLISHING;
export const QUEUE_PUBLISHING = ['publish'];
