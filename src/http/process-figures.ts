// What the process takes of its machine, as far as the system says.
import { readdirSync, readFileSync, statfsSync } from 'node:fs';

/** Undefined where the system does not say (only Linux does). */
export function descriptors(): { readonly used: number; readonly total: number } | undefined {
  try {
    const used = readdirSync('/proc/self/fd').length;
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? undefined : { used, total: Number(soft) };
  } catch {
    return undefined;
  }
}

export function diskFreeBytes(directory: string | undefined): number | undefined {
  if (directory === undefined) return undefined;
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
