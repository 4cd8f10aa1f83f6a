// A directory that one broker at a time keeps its data in.
//
//   leveret.pid            the process that has it: its number, and what tells it from others that had that number
//   leveret.pid.takeover   the process that is about to replace one that is gone
//   definitions.journal    what there is
//   log/                   what is in it
import { join } from 'node:path';
import type { Files } from '../platform/files.ts';
import type { Processes } from '../platform/processes.ts';
import { StorageError } from './log/found-file.ts';
import { fileNumber } from './log/log-file.ts';

const LOCK = 'leveret.pid';

const JOURNAL = 'definitions.journal';
const LOG = 'log';

/** Directories that this very process has: its number alone does not tell (in a container it may always be the same). */
const held = new Set<string>();

function ownerOf(text: string | undefined, path: string, processes: Processes): number | undefined {
  const [number, identity] = (text ?? '').split('\n');
  const owner = Number(number);
  if (!(Number.isInteger(owner) && owner > 0)) return undefined;
  if (owner === processes.own && !held.has(path)) return undefined;
  const found = processes.identity(owner);
  // Another process has got the number since, after a restart of the machine for instance.
  const isAnother = identity !== '' && found !== '' && identity !== undefined && identity !== found;
  return found === undefined || isAnother ? undefined : owner;
}

/** The number of the process that has the data directory at `path`, if there is one. */
export function ownerOfDirectory(
  files: Files,
  path: string,
  processes: Processes,
): number | undefined {
  return ownerOf(files.readText(join(path, LOCK)), path, processes);
}

/** The names in a directory, none where there is no directory. */
function namesIn(files: Files, path: string): string[] {
  try {
    return files.list(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export class DataDirectory {
  readonly files: Files;
  readonly path: string;
  readonly #claim: string;
  readonly #lock: string;

  /**
   * Takes the directory, making it if need be.
   * @throws StorageError when another process has it; the system's error when it cannot be written to.
   */
  constructor(files: Files, path: string, processes: Processes) {
    this.files = files;
    this.path = path;
    this.#lock = join(path, LOCK);
    this.#claim = `${processes.own}\n${processes.identity(processes.own) ?? ''}\n`;
    this.#refuseForeign();
    files.makeDirectory(this.logPath);
    if (!files.createText(this.#lock, this.#claim)) {
      const owner = ownerOfDirectory(files, path, processes) ?? this.#takeOver(processes);
      if (owner !== undefined) {
        throw new StorageError(
          `the data directory ${path} is in use by process ${owner}; stop that broker or choose another --data-dir`,
        );
      }
    }
    held.add(path);
  }

  /** What somebody else keeps is not to be mixed with ours; an empty directory is fine, and so is one that is just a mount. */
  #refuseForeign(): void {
    const names = namesIn(this.files, this.path).filter((name) => !/^\.|^lost\+found$/.test(name));
    const isOurs = names.some((name) => name === JOURNAL || name.startsWith(LOCK));
    const others = names.filter((name) => name !== LOG);
    const inLog = namesIn(this.files, this.logPath);
    const isOurLog = inLog.length === 0 || inLog.some((name) => fileNumber(name) !== undefined);
    if (isOurs || (others.length === 0 && isOurLog)) return;
    const found = [...others, ...(isOurLog ? [] : inLog.map((name) => `${LOG}/${name}`))];
    const some = found.slice(0, 3).join(', ') + (found.length > 3 ? ' …' : '');
    throw new StorageError(
      `${this.path} holds what is not Leveret's (${some}); choose an empty directory with --data-dir`,
    );
  }

  /** Replaces an owner that is gone. Of several that try at once one may; the others get the number of one that does. */
  #takeOver(processes: Processes): number | undefined {
    const { files, path } = this;
    const takeover = `${this.#lock}.takeover`;
    if (!files.createText(takeover, this.#claim)) {
      const other = ownerOf(files.readText(takeover), path, processes);
      if (other !== undefined) return other;
      // Whoever was at it was killed in the middle.
      files.remove(takeover);
      if (!files.createText(takeover, this.#claim)) {
        return ownerOf(files.readText(takeover), path, processes) ?? processes.own;
      }
    }
    try {
      // Somebody may have been quicker, and be done with it.
      const owner = ownerOfDirectory(files, path, processes);
      if (owner === undefined) files.replaceText(this.#lock, this.#claim);
      return owner;
    } finally {
      files.remove(takeover);
    }
  }

  get logPath(): string {
    return join(this.path, LOG);
  }

  get journalPath(): string {
    return join(this.path, JOURNAL);
  }

  /** What is wrong, in a sentence, when the directory is not this broker's any more. */
  problem(): string | undefined {
    const text = this.files.readText(this.#lock);
    if (text === this.#claim) return undefined;
    if (text === undefined) return `the data directory ${this.path}, or ${LOCK} in it, was removed`;
    return `the data directory ${this.path} was taken by process ${text.split('\n')[0]}`;
  }

  /** Removes everything that a broker has kept here. What has the directory open must be closed. */
  erase(): void {
    // Definitions first: messages without a journal are refused, and so not mistaken for something.
    this.files.remove(this.journalPath);
    for (const name of namesIn(this.files, this.logPath)) {
      this.files.remove(join(this.logPath, name));
    }
  }

  /** Others may have it now. */
  release(): void {
    held.delete(this.path);
    if (this.problem() === undefined) this.files.remove(this.#lock);
  }
}
