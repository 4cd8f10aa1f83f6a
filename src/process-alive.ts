// Whether a process is there, as far as this one can tell.
import { existsSync, readFileSync } from 'node:fs';

export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    // One that was killed and not yet waited for is still listed, where the system lists processes.
    const status = `/proc/${processId}/stat`;
    return !existsSync(status) || !/^\d+ \(.*\) Z/s.test(readFileSync(status, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
