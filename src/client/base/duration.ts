// Spans of time as users write them: a number is seconds, as in Kombu; a string says its unit.
import { InvalidArgument } from './errors.ts';
import { warn } from './warning.ts';

/** A number is seconds, as in Kombu. A string says its unit: `'500ms'`, `'20s'`, `'30m'`, `'24h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const unitsMs: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

/** A number above this many seconds is more likely to be milliseconds. */
const WEEK_SECONDS = 7 * 86_400;

let hasWarned = false;

/** What `value` comes to in milliseconds, which need not be whole. `argument` is the option's name, for the error. */
export function durationMs(value: Duration, argument: string): number {
  if (typeof value === 'number') {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw invalid(argument, value);
    if (value > WEEK_SECONDS) warnOnce(argument, value);
    return value * 1000;
  }
  const match = typeof value === 'string' ? /^(\d+\.?\d*|\.\d+)(ms|[smhd])$/.exec(value) : null;
  const ms = match ? Number(match[1]) * unitsMs[match[2]!]! : Number.NaN;
  if (!Number.isFinite(ms)) throw invalid(argument, value);
  return ms;
}

function invalid(argument: string, value: unknown): InvalidArgument {
  const shown = typeof value === 'string' ? `'${value}'` : String(value);
  return new InvalidArgument(
    argument,
    `must be a number of seconds, or a text with a unit such as '500ms', '20s', '30m', '24h' or '7d', not ${shown}`,
  );
}

/** People who come from other clients write milliseconds. One sentence per process is enough. */
function warnOnce(argument: string, seconds: number): void {
  if (hasWarned) return;
  hasWarned = true;
  const days = Math.round(seconds / 86_400);
  warn(
    `${argument}: ${seconds} is in seconds, which makes ${days} days; did you mean '${seconds}ms'? A text such as '${days}d' says what is meant, and is never warned about`,
  );
}
