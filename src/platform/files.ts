// The file system, as far as the broker uses it. Passed in, so that a test can make it fail.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

export interface Files {
  /** Makes the directory and those above it; throws the system's error when that cannot be. */
  makeDirectory(path: string): void;
  writeText(path: string, text: string): void;
  /** Removes a file; one that is not there is fine. */
  remove(path: string): void;
}

export const systemFiles: Files = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true }),
  writeText: (path, text) => writeFileSync(path, text),
  remove: (path) => rmSync(path, { force: true }),
};
