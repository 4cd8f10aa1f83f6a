// The processes of this machine, as far as one can tell.
import { readFileSync } from 'node:fs';

export interface Processes {
  /** The number of this one. */
  readonly own: number;
  /**
   * What tells a process from any other that had or will have its number; empty where the system does not say. Undefined when
   * there is none of that number.
   */
  identity(processId: number): string | undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isListed(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // It is there and another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What follows the name of the command, which may hold spaces and parentheses, in the system's list. */
function fieldsOf(processId: number): string[] | undefined {
  const line = read(`/proc/${processId}/stat`);
  return line?.slice(line.lastIndexOf(')') + 2).split(' ');
}

const STATE = 0;
const STARTED_AT = 19;
const ZOMBIE = 'Z';

export const systemProcesses: Processes = {
  own: process.pid,
  identity(processId) {
    if (!isListed(processId)) return undefined;
    const fields = fieldsOf(processId);
    // One that was killed and not yet waited for is listed, and is not there.
    if (fields?.[STATE] === ZOMBIE) return undefined;
    const boot = read('/proc/sys/kernel/random/boot_id')?.trim();
    const startedAt = fields?.[STARTED_AT];
    return boot && startedAt ? `${boot} ${startedAt}` : '';
  },
};
