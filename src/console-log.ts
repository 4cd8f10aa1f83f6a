// The process's log: one readable line per event on standard output, or JSON where a machine reads it.
import { type DestinationStream, destination, type Level, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Log, LogLevel } from './platform/log.ts';

/** From the most to the least that is written. */
export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];

const pinoLevels: Record<LogLevel, Level> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

export interface ConsoleLog extends Log {
  /** Begins the log file anew, after somebody has moved it away; nothing happens where there is none. */
  reopen(): void;
}

/** To standard output or, with `file`, to the end of a file. */
export function consoleLog(level: LogLevel, format: 'text' | 'json', file?: string): ConsoleLog {
  const options = { level: pinoLevels[level], base: null };
  const target = destination({ dest: file ?? 1, sync: true, append: true });
  const logger = pino(options, format === 'json' ? target : readable(target, file !== undefined));
  return {
    write: (at, message) => logger[pinoLevels[at]](message),
    reopen() {
      if (file !== undefined) target.reopen();
    },
  };
}

function readable(target: DestinationStream, isFile: boolean) {
  return pretty({
    colorize: !isFile && process.stdout.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    destination: target,
    sync: true,
  });
}
