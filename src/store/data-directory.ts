// A directory that one broker at a time keeps its data in.
//
//   leveret.pid            the process that has it
//   definitions.journal    what there is
//   log/                   what is in it
import { join } from 'node:path';
import type { Files } from '../platform/files.ts';
import { StorageError } from './log/found-file.ts';

const LOCK = 'leveret.pid';

/** Directories that this very process has: its number alone does not tell (in a container it may always be the same). */
const held = new Set<string>();

export class DataDirectory {
  readonly files: Files;
  readonly path: string;

  /**
   * Takes the directory, making it if need be.
   * @throws StorageError when another process has it; the system's error when it cannot be written to.
   */
  constructor(
    files: Files,
    path: string,
    processId: number,
    isAlive: (processId: number) => boolean,
  ) {
    this.files = files;
    this.path = path;
    files.makeDirectory(this.logPath);
    const lock = join(path, LOCK);
    if (!files.createText(lock, `${processId}\n`)) {
      const owner = Number(files.readText(lock));
      const isOurs = owner === processId && !held.has(path);
      if (owner > 0 && !isOurs && isAlive(owner)) {
        throw new StorageError(
          `the data directory ${path} is in use by process ${owner}; stop that broker or choose another --data-dir`,
        );
      }
      files.replaceText(lock, `${processId}\n`);
    }
    held.add(path);
  }

  get logPath(): string {
    return join(this.path, 'log');
  }

  get journalPath(): string {
    return join(this.path, 'definitions.journal');
  }

  /** Others may have it now. */
  release(): void {
    held.delete(this.path);
    this.files.remove(join(this.path, LOCK));
  }
}
