// Has the next file of the log ready before it is needed: made, its blocks written with zeros, its name on disk. Files that
// are done with are kept aside for that, as many as make sense. When there is no space for it, it is tried again when the
// owner says so; nothing was written to it yet, so that is safe.
import { basename, join } from 'node:path';
import { type DataFile, type Files, isNoSpace } from '../../platform/files.ts';
import type { Random } from '../../platform/random.ts';
import { indexName } from './file-index.ts';
import { newSalt } from './file-salt.ts';
import { FILE_BYTES, FILE_HEADER_BYTES, fileName, LogFile } from './log-file.ts';

/** Files kept aside; more than that are removed. */
const KEPT_FILES = 4;

const SPARE_PREFIX = 'spare-';

/** Whether a file is one that was kept aside. */
export function isSpare(name: string): boolean {
  return /^spare-\d+$/.test(name);
}

export interface PreparerOptions {
  readonly files: Files;
  readonly random: Random;
  readonly directory: string;
  readonly durable: boolean;
  /** There is no space for the next file; `retry` should follow when there may be. */
  onNoSpace(): void;
  onFailed(error: Error): void;
}

export class FilePreparer {
  readonly #options: PreparerOptions;
  readonly #onReady: () => void;
  readonly #spares: string[];
  #nextNumber: number;
  #ready: LogFile | undefined;
  #isPreparing = false;
  #isOutOfSpace = false;
  #onStopped: (() => void) | undefined;

  /** Begins to prepare the file `nextNumber`; `onReady` is called when a file is ready. */
  constructor(
    options: PreparerOptions,
    nextNumber: number,
    spares: readonly string[],
    onReady: () => void,
  ) {
    this.#options = options;
    this.#spares = [...spares];
    this.#nextNumber = nextNumber;
    this.#onReady = onReady;
    this.#prepare();
  }

  get isPreparing(): boolean {
    return this.#isPreparing;
  }

  /** Whether the next file waits for space; until it is there. */
  get isOutOfSpace(): boolean {
    return this.#isOutOfSpace;
  }

  /** Gives back the space of files that are kept aside. */
  removeSpares(): void {
    for (const spare of this.#spares.splice(0)) this.#options.files.remove(spare);
  }

  /** Tries again what there was no space for. */
  retry(): void {
    if (this.#isOutOfSpace) this.#prepare();
  }

  /** The next file, if it is ready; begins to prepare the one after it. */
  take(): LogFile | undefined {
    const file = this.#ready;
    this.#ready = undefined;
    if (!this.#isOutOfSpace) this.#prepare();
    return file;
  }

  /** A file whose content is needed no more. */
  recycle({ number, file, isIndexed }: LogFile): void {
    const { files, directory } = this.#options;
    file.close();
    if (isIndexed) files.remove(join(directory, indexName(number)));
    const path = join(directory, fileName(number));
    if (this.#spares.length >= KEPT_FILES) {
      files.remove(path);
      return;
    }
    const spare = join(directory, `${SPARE_PREFIX}${number}`);
    files.rename(path, spare);
    this.#spares.push(spare);
  }

  /** Prepares nothing more; calls `stopped` when nothing is under way, so that the directory may be another's. */
  stop(stopped: () => void): void {
    this.#onStopped = stopped;
    this.#ready?.file.close();
    this.#ready = undefined;
    if (!this.#isPreparing) stopped();
  }

  #prepare(): void {
    if (this.#isPreparing || this.#ready || this.#onStopped) return;
    this.#isPreparing = true;
    const number = this.#nextNumber;
    const { files, random, directory, durable } = this.#options;
    const path = join(directory, fileName(number));
    const request = { path, sizeBytes: FILE_BYTES, zeroBytes: FILE_HEADER_BYTES, durable };
    const recycled = this.#spares.pop();
    files.prepare(request, recycled, (error, file?: DataFile) => {
      this.#isPreparing = false;
      if (error && isNoSpace(error)) {
        this.#clearAway(path, recycled);
      } else if (error || !file) {
        this.#options.onFailed(error ?? new Error(`cannot prepare ${path}`));
      } else {
        this.#isOutOfSpace = false;
        this.#nextNumber = number + 1;
        if (this.#onStopped) file.close();
        else this.#ready = new LogFile(number, file, newSalt(random));
      }
      if (this.#onStopped) this.#onStopped();
      else if (this.#ready) this.#onReady();
    });
  }

  /** What was made of a file for which there was no space goes, since others need the space meanwhile. */
  #clearAway(path: string, recycled: string | undefined): void {
    const { files, directory, onFailed, onNoSpace } = this.#options;
    try {
      files.remove(path);
      // Unless it had its new name already.
      if (recycled && files.list(directory).includes(basename(recycled))) {
        this.#spares.push(recycled);
      }
    } catch (error) {
      onFailed(error as Error);
      return;
    }
    this.#isOutOfSpace = true;
    onNoSpace();
  }
}
