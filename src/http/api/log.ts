// /log: what the process's log says and where, its levels, its files. RabbitMQ keeps that to its own nodes (rabbitmqctl).
import type { LogCategory, LogControl, LoggedLine, LogThreshold } from '../../platform/log.ts';
import { logCategories, logLevels } from '../../platform/log.ts';
import { objectOf, textIn } from '../body.ts';
import { badRequest } from '../http-error.ts';
import { type Call, noContent, type Route } from '../route.ts';

export interface LogItem {
  /** Paths, or `<stdout>`. */
  readonly places: readonly string[];
  readonly levels: Readonly<Record<LogCategory, LogThreshold>>;
}

export interface LogLinesAnswer {
  readonly lines: readonly LoggedLine[];
}

const MAX_LINES = 1_000;
const DEFAULT_LINES = 50;

/** @throws HttpError 400 for a broker inside another program, which has no log of its own. */
function controlIn({ context }: Call): LogControl {
  if (context.logControl) return context.logControl;
  throw badRequest('the log is the affair of the program that this broker is in');
}

function naturalIn({ query }: Call, name: string, otherwise: number): number {
  const text = query[name] ?? String(otherwise);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`${name} is a number`);
}

function setLevel(call: Call) {
  const control = controlIn(call);
  const body = objectOf(call.body);
  const thresholds: readonly LogThreshold[] = [...logLevels, 'none'];
  const level = thresholds.find((one) => one === textIn(body, 'level'));
  if (!level) throw badRequest(`level is one of ${thresholds.join(', ')}`);
  if (body.category === undefined) {
    control.setLevel(level);
    return noContent;
  }
  const category = logCategories.find((one) => one === body.category);
  if (!category) throw badRequest(`category is one of ${logCategories.join(', ')}`);
  control.setLevel(level, category);
  return noContent;
}

export const logRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/log',
    gate: 'administrator',
    summary: 'Where the log goes, and what is written of which category',
    run(call): LogItem {
      const control = controlIn(call);
      return { places: control.places, levels: control.levels() };
    },
  },
  {
    method: 'GET',
    path: '/log/lines',
    gate: 'administrator',
    summary: 'The last lines of the log: ?count, ?after (a sequence number)',
    run(call): LogLinesAnswer {
      const count = Math.min(naturalIn(call, 'count', DEFAULT_LINES), MAX_LINES);
      return { lines: controlIn(call).recent(count, naturalIn(call, 'after', 0)) };
    },
  },
  {
    method: 'PUT',
    path: '/log/level',
    gate: 'administrator',
    summary: 'What is written from now on: level, category (without it: of all)',
    run: setLevel,
  },
  {
    method: 'POST',
    path: '/log/rotate',
    gate: 'administrator',
    summary: 'Begins log files anew',
    run(call) {
      controlIn(call).rotate();
      return noContent;
    },
  },
];
