// Names nobody else uses, remembered so that a shared broker can be left as it was found.
import { randomBytes } from 'node:crypto';

const run = randomBytes(4).toString('hex');
const used: string[] = [];

/** A queue or exchange name that no other test, file or run uses. */
export function fresh(kind: string): string {
  const name = `wire-${kind}-${run}-${used.length + 1}`;
  used.push(name);
  return name;
}

export function usedNames(): readonly string[] {
  return used;
}
