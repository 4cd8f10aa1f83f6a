// A broker to be measured: one that runs already, or Leveret, started anew for every scenario.
import type { PauseLog } from './pause-log.ts';

export interface Target {
  readonly label: string;
  readonly url: string;
  /** The process whose CPU and memory count; without it those columns stay empty. */
  readonly pid: number | undefined;
  /** Its garbage collector's pauses; only of a broker that was started with `--trace-gc`. */
  readonly pauses?: PauseLog;
}

export interface TargetOption {
  readonly label: string;
  /** Undefined: start Leveret. */
  readonly url: string | undefined;
  readonly pid: number | undefined;
}

/** Reads `label=amqp://...,pid=123`. */
export function parseAgainst(text: string): TargetOption {
  const match = /^([^=]+)=(amqp:\/\/[^,]+)(?:,pid=(\d+))?$/.exec(text);
  if (!match) throw new Error(`--against wants label=amqp://host:port,pid=PID, not '${text}'`);
  return { label: match[1]!, url: match[2]!, pid: match[3] ? Number(match[3]) : undefined };
}
