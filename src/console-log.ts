// The process's log: one readable line per event on standard output, or JSON where a machine reads it.
import { type Level, pino } from 'pino';
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

export function consoleLog(level: LogLevel, format: 'text' | 'json'): Log {
  const options = { level: pinoLevels[level], base: null };
  const logger = format === 'json' ? pino(options) : pino(options, readable());
  return { write: (at, message) => logger[pinoLevels[at]](message) };
}

function readable() {
  return pretty({
    colorize: process.stdout.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    sync: true,
  });
}
