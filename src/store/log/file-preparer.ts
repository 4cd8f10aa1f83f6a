// Has the next file of the log ready before it is needed: made, its blocks written with zeros, its name on disk. Files that
// are done with are kept aside for that, as many as make sense.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
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
  onFailed(error: Error): void;
}

export class FilePreparer {
  readonly #options: PreparerOptions;
  readonly #onReady: () => void;
  readonly #spares: string[];
  #nextNumber: number;
  #ready: LogFile | undefined;
  #isPreparing = false;
  #isStopped = false;

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

  /** The next file, if it is ready; begins to prepare the one after it. */
  take(): LogFile | undefined {
    const file = this.#ready;
    this.#ready = undefined;
    this.#prepare();
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

  stop(): void {
    this.#isStopped = true;
    this.#ready?.file.close();
    this.#ready = undefined;
  }

  #prepare(): void {
    if (this.#isPreparing || this.#ready || this.#isStopped) return;
    this.#isPreparing = true;
    const number = this.#nextNumber++;
    const { files, random, directory, durable } = this.#options;
    const path = join(directory, fileName(number));
    const request = { path, sizeBytes: FILE_BYTES, zeroBytes: FILE_HEADER_BYTES, durable };
    files.prepare(request, this.#spares.pop(), (error, file?: DataFile) => {
      this.#isPreparing = false;
      if (error || !file) {
        this.#options.onFailed(error ?? new Error(`cannot prepare ${path}`));
      } else if (this.#isStopped) {
        file.close();
      } else {
        this.#ready = new LogFile(number, file, newSalt(random));
        this.#onReady();
      }
    });
  }
}
