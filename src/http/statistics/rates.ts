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

/** A counter of a kind: where it is, and what it and its details are called. */
interface Field {
  readonly name: string;
  readonly details: string;
  readonly counter: number;
}

const fieldsByKind = new WeakMap<object, Map<readonly string[], readonly Field[]>>();

/** Found once for each list of names: ten thousand queues ask for the same ones. */
function fieldsOf(kind: { readonly names: readonly string[] }, names: readonly string[]) {
  let byNames = fieldsByKind.get(kind);
  if (!byNames) {
    byNames = new Map();
    fieldsByKind.set(kind, byNames);
  }
  let fields = byNames.get(names);
  if (!fields) {
    fields = names.map((name) => ({
      name,
      details: `${name}_details`,
      counter: kind.names.indexOf(name),
    }));
    byNames.set(names, fields);
  }
  return fields;
}

/** More than any kind has. */
const scratch = new Float64Array(64);

function addRated(
  into: Rated,
  history: CounterHistory | undefined,
  fields: readonly Field[],
  window: Window | undefined,
): void {
  for (const { name, details, counter } of fields) {
    into[name] = scratch[counter]!;
    into[details] = detailsOf(history, counter, window);
  }
}

/** The counters called `names`, as they are now, each followed by its details. `names` should be a constant. */
export function ratedNow<T extends object>(
  series: Series<T>,
  object: T,
  names: readonly string[],
  window?: Window,
): Rated {
  series.kind.read(object, scratch);
  const stats: Rated = {};
  addRated(stats, series.history(object), fieldsOf(series.kind, names), window);
  return stats;
}

const PUBLISHING = ['publish', 'confirm', 'return_unroutable', 'drop_unroutable'];
const TAKING = MESSAGE_NAMES.filter((name) => !PUBLISHING.includes(name));

const happened = (fields: readonly Field[]) => fields.some(({ counter }) => scratch[counter]! > 0);

/** `message_stats`: what the object has to do with; undefined when nothing ever happened to it. */
export function messageStats<T extends object>(
  series: Series<T>,
  object: T,
  publishing: readonly string[],
  window?: Window,
): Rated | undefined {
  const { kind } = series;
  kind.read(object, scratch);
  const publishes = fieldsOf(kind, publishing);
  const takes = fieldsOf(kind, TAKING);
  const [hasPublished, hasTaken] = [happened(publishes), happened(takes)];
  if (!hasPublished && !hasTaken) return undefined;
  const history = series.history(object);
  const stats: Rated = {};
  if (hasPublished) addRated(stats, history, publishes, window);
  if (hasTaken) addRated(stats, history, takes, window);
  return stats;
}

/** What a channel publishes, and what arrives in a queue. */
export const CHANNEL_PUBLISHING = PUBLISHING;
export const QUEUE_PUBLISHING = ['publish'];
