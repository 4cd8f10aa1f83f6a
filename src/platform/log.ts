// What the broker tells its operator. The process decides where lines go (main.ts); everything below only writes them.

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

export interface Log {
  write(level: LogLevel, message: string): void;
}

export const silentLog: Log = { write: () => {} };
