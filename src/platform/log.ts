// What the broker tells its operator. The process decides where lines go (logging/); everything below only writes them.

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** What a line is about, so that an operator may hear more of the one and less of the other. */
export type LogCategory = 'default' | 'connection' | 'channel' | 'queue' | 'http' | 'storage';

export interface Log {
  /** The category is `default` where none is given. */
  write(level: LogLevel, message: string, category?: LogCategory): void;
}

export const silentLog: Log = { write: () => {} };

/** From the most to the least that is written. */
export const logLevels = ['debug', 'info', 'warning', 'error'] as const;
/** The least important lines that are written; `none`: not even errors. */
export type LogThreshold = LogLevel | 'none';

export const logCategories: readonly LogCategory[] = [
  'default',
  'connection',
  'channel',
  'queue',
  'http',
  'storage',
];

export interface LoggedLine {
  /** Goes up by one from line to line. */
  readonly sequence: number;
  readonly text: string;
}

/** What an operator may do to a log while the broker runs. */
export interface LogControl {
  /** Where lines go: paths, or `<stdout>`. */
  readonly places: readonly string[];
  /** What is written of each category. */
  levels(): Readonly<Record<LogCategory, LogThreshold>>;
  /** For one category; without, for all of them. */
  setLevel(level: LogThreshold, category?: LogCategory): void;
  /** Begins log files anew: what is there is put aside, unless somebody has moved it away. */
  rotate(): void;
  /** The last lines, no more than `count`, of those behind `after`. */
  recent(count: number, after?: number): readonly LoggedLine[];
}
