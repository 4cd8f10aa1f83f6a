// The process's log: lines for people, or JSON where a machine reads them, on standard output, in a file or both; how much is
// written of which category can be changed while it runs, and the last lines are kept for `leveretctl log_tail`.
import { type Level, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type {
  Log,
  LogCategory,
  LogControl,
  LoggedLine,
  LogLevel,
  LogThreshold,
} from '../platform/log.ts';
import { logCategories, logLevels } from '../platform/log.ts';
import { LogFile } from './log-file.ts';
import { type LogOutput, standardOutput } from './log-output.ts';

export type LogFormat = 'text' | 'json';

export interface LogSink {
  /** What is written where a category says nothing of its own. */
  readonly level: LogThreshold;
  readonly format: LogFormat;
}

export interface LogFileSink extends LogSink {
  readonly path: string;
  readonly maxBytes: number;
  readonly keptFiles: number;
}

export interface ProcessLogOptions {
  /** Undefined: nothing on standard output. */
  readonly console: LogSink | undefined;
  readonly file: LogFileSink | undefined;
  readonly categories: Readonly<Partial<Record<LogCategory, LogThreshold>>>;
}

const pinoLevels: Record<LogLevel, Level> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

/** What `log_tail` can show at most. */
const MAX_KEPT_LINES = 1_000;
const MAX_KEPT_CHARACTERS = 2_000;

const rankOf = (level: LogThreshold): number =>
  level === 'none' ? logLevels.length : logLevels.indexOf(level);

interface Sink {
  level: LogThreshold;
  readonly output: LogOutput;
  readonly say: (level: LogLevel, message: string, category: LogCategory) => void;
}

export class ProcessLog implements Log, LogControl {
  readonly places: readonly string[];
  readonly #sinks: Sink[] = [];
  readonly #file: LogFile | undefined;
  readonly #categories: Partial<Record<LogCategory, LogThreshold>>;
  readonly #kept: LoggedLine[] = [];
  readonly #keep: Sink['say'];
  #nextSequence = 1;

  /** @throws the system's error when the file cannot be written. */
  constructor({ console, file, categories }: ProcessLogOptions) {
    this.#categories = { ...categories };
    if (console) {
      const output = standardOutput((dropped) => this.#tellDropped(dropped));
      this.#sinks.push(sinkOf(console, output, process.stdout.isTTY === true));
    }
    if (file) {
      this.#file = new LogFile(file.path, file);
      this.#sinks.push(sinkOf(file, this.#file, false));
    }
    this.places = [...(console ? ['<stdout>'] : []), ...(file ? [file.path] : [])];
    this.#keep = sayer('text', { write: (line) => this.#keepLine(line) }, false);
  }

  write(level: LogLevel, message: string, category: LogCategory = 'default'): void {
    const rank = rankOf(level);
    const own = this.#categories[category];
    let isWritten = false;
    for (const sink of this.#sinks) {
      if (rank < rankOf(own ?? sink.level)) continue;
      sink.say(level, message, category);
      isWritten = true;
    }
    if (isWritten) this.#keep(level, message, category);
  }

  /** Text for people who look at the terminal, which is no line of the log. */
  print(text: string): void {
    for (const { output } of this.#sinks) if (output !== this.#file) output.write(text);
  }

  levels(): Record<LogCategory, LogThreshold> {
    const usual = this.#sinks
      .map(({ level }) => level)
      .reduce((a, b) => (rankOf(a) < rankOf(b) ? a : b), 'none');
    const entries = logCategories.map((name) => [name, this.#categories[name] ?? usual]);
    return Object.fromEntries(entries) as Record<LogCategory, LogThreshold>;
  }

  setLevel(level: LogThreshold, category?: LogCategory): void {
    if (category !== undefined) {
      this.#categories[category] = level;
      return;
    }
    for (const name of logCategories) delete this.#categories[name];
    for (const sink of this.#sinks) sink.level = level;
  }

  rotate(): void {
    this.#file?.rotate();
  }

  /** Goes on in the file of that name, after somebody has moved the old one away. */
  reopen(): void {
    this.#file?.reopen();
  }

  recent(count: number, after = 0): readonly LoggedLine[] {
    const behind = this.#kept.filter(({ sequence }) => sequence > after);
    return count === 0 ? [] : behind.slice(-count);
  }

  #keepLine(line: string): void {
    const text = line.trimEnd().slice(0, MAX_KEPT_CHARACTERS);
    this.#kept.push({ sequence: this.#nextSequence++, text });
    if (this.#kept.length > MAX_KEPT_LINES) this.#kept.shift();
  }

  #tellDropped(count: number): void {
    const lines = count === 1 ? 'line was' : 'lines were';
    this.write('warning', `${count} log ${lines} dropped: nobody had read standard output`);
  }
}

function sinkOf({ level, format }: LogSink, output: LogOutput, withColours: boolean): Sink {
  return { level, output, say: sayer(format, output, withColours) };
}

function sayer(format: LogFormat, output: LogOutput, withColours: boolean): Sink['say'] {
  const readable = prettyFactory({
    colorize: withColours,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    ignore: 'category',
  });
  const destination =
    format === 'json' ? output : { write: (line: string) => output.write(readable(line)) };
  const logger = pino({ level: 'debug', base: null }, destination);
  return (level, message, category) => logger[pinoLevels[level]]({ category }, message);
}
