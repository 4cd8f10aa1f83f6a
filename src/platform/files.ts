// The file system, as far as the broker uses it. Passed in, so that a test can make it fail.
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Files {
  /** Makes the directory and those above it; throws the system's error when that cannot be. */
  makeDirectory(path: string): void;
  writeText(path: string, text: string): void;
  /** Removes a file; one that is not there is fine. */
  remove(path: string): void;
}

/** Level by level: Node's own recursion does not end where the system refuses without saying why, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) makeDirectory(parent);
  mkdirSync(path);
}

export const systemFiles: Files = {
  makeDirectory,
  writeText: (path, text) => writeFileSync(path, text),
  remove: (path) => rmSync(path, { force: true }),
};
