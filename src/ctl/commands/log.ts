// The broker's log: where it goes, what it says, how much of it.
import { setTimeout } from 'node:timers/promises';
import type { LogItem, LogLinesAnswer } from '../../http/api/log.ts';
import type { Command, Ctl } from '../command.ts';
import { unavailable, usageError } from '../ctl-error.ts';
import { cellText } from '../erlang-text.ts';
import { nodeName } from './health.ts';

const GROUP = 'Configuration and Environment';
const DIAGNOSTICS = 'Monitoring, observability and health checks';

/** RabbitMQ's levels, of which some are one for us. */
const LEVELS: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warning: 'warning',
  error: 'error',
  critical: 'error',
  alert: 'error',
  emergency: 'error',
  none: 'none',
};

const setLogLevel: Command = {
  name: 'set_log_level',
  group: GROUP,
  description: 'Sets how much is logged from now on, of one category (connection …) or of all',
  args: '<level> [category]',
  async run(ctl, { args: [given = '', category] }) {
    const level = Object.hasOwn(LEVELS, given) ? LEVELS[given] : undefined;
    if (level === undefined) {
      const known = Object.keys(LEVELS).join(', ');
      throw unavailable(`level ${given} is not supported. Try one of ${known}`);
    }
    const of = category === undefined ? '' : ` of ${category}`;
    ctl.say(`Setting log level${of} to "${given}" ...`);
    await ctl.api.put('log/level', { level, ...(category === undefined ? {} : { category }) });
  },
};

const rotateLogs: Command = {
  name: 'rotate_logs',
  group: 'Nodes',
  description: 'Begins log files anew; the old ones are put aside, unless they were moved already',
  async run(ctl) {
    ctl.say(`Rotating logs for node ${await nodeName(ctl)} ...`);
    await ctl.api.post('log/rotate');
  },
};

const logLocation = (name: string): Command => ({
  name,
  group: DIAGNOSTICS,
  description: 'Shows where the log goes',
  options: [{ flags: '-a, --all', description: 'accepted; it shows all in any case' }],
  async run(ctl) {
    ctl.say(`Log file location(s) on node ${await nodeName(ctl)} ...`);
    const { places } = await ctl.api.get<LogItem>('log');
    ctl.print(places.join('\n'));
  },
});

const logLevels: Command = {
  name: 'log_levels',
  group: DIAGNOSTICS,
  description: 'Shows what is logged of each category',
  async run(ctl) {
    ctl.say(`Log levels on node ${await nodeName(ctl)} ...`);
    const { levels } = await ctl.api.get<LogItem>('log');
    const rows = Object.entries(levels).map(([category, level]) => ({ category, level }));
    ctl.table(['category', 'level'], rows);
  },
};

function numberIn(text: string | boolean | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw usageError(`'${text}' is no number`);
}

/** Each line of an entry by itself, so that nothing in it speaks to the terminal. */
function printLines(ctl: Ctl, { lines }: LogLinesAnswer): void {
  for (const { text } of lines) ctl.print(text.split('\n').map(cellText).join('\n'));
}

const logTail: Command = {
  name: 'log_tail',
  group: DIAGNOSTICS,
  description: 'Shows the last lines of the log, wherever it goes',
  options: [{ flags: '-N, --number <lines>', description: 'how many (default: 50, at most 1000)' }],
  async run(ctl, { options }) {
    const count = numberIn(options.number, 50);
    ctl.say(`Last ${count} log lines on node ${await nodeName(ctl)} ...`);
    printLines(ctl, await ctl.api.get<LogLinesAnswer>(`log/lines?count=${count}`));
  },
};

const POLL_MS = 250;
const LINES_PER_POLL = 1_000;

const logTailStream: Command = {
  name: 'log_tail_stream',
  group: DIAGNOSTICS,
  description: 'Shows what is logged from now on, until Ctrl-C',
  options: [{ flags: '-d, --duration <seconds>', description: 'ends after so long' }],
  async run(ctl, { options }) {
    const untilMs = Date.now() + numberIn(options.duration, Number.MAX_SAFE_INTEGER / 1e4) * 1000;
    ctl.say(`Streaming logs from node ${await nodeName(ctl)} ...`);
    let { lines } = await ctl.api.get<LogLinesAnswer>('log/lines?count=1');
    let after = lines.at(-1)?.sequence ?? 0;
    while (Date.now() < untilMs) {
      const path = `log/lines?count=${LINES_PER_POLL}&after=${after}`;
      const answer = await ctl.api.get<LogLinesAnswer>(path);
      printLines(ctl, answer);
      lines = answer.lines;
      after = lines.at(-1)?.sequence ?? after;
      await setTimeout(Math.min(POLL_MS, Math.max(0, untilMs - Date.now())));
    }
  },
};

export const logCommands: readonly Command[] = [
  setLogLevel,
  rotateLogs,
  logLocation('log_location'),
  logLocation('log_locations'),
  logLevels,
  logTail,
  logTailStream,
];
