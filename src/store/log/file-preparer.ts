// Has the next file of the log ready before it is needed: made, its blocks written with zeros, its name on disk. Files that
// are done with are kept aside for that, as many as make sense.
//
// When there is no space for it, it is tried again when the owner says so; nothing was written to it yet, so that is safe. Until
// then a small one has to do: who starts on a full disk could else not even note what consumers take, which is what makes room.
import { basename, join } from 'node:path';
import { type DataFile, type Files, isNoSpace } from '../../platform/files.ts';
import type { Random } from '../../platform/random.ts';
import { indexName } from './file-index.ts';
import { newSalt } from './file-salt.ts';
import { FILE_BYTES, FILE_HEADER_BYTES, fileName, LogFile, SMALL_FILE_BYTES } from './log-file.ts';

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
  /** At most one of full size, and that is the last. */
  readonly #ready: LogFile[] = [];
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
    this.#prepare(FILE_BYTES);
  }

  get isPreparing(): boolean {
    return this.#isPreparing;
  }

  /** Whether there is a file to take. */
  get isReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Whether there was no space for a file of full size; until there is one. */
  get isOutOfSpace(): boolean {
    return this.#isOutOfSpace;
  }

  /** Gives back the space of files that are kept aside. */
  removeSpares(): void {
    for (const spare of this.#spares.splice(0)) this.#options.files.remove(spare);
  }

  /** Tries again what there was no space for, unless it is known that there still is none. */
  retry(freeBytes: number | undefined): void {
    const isHopeless = freeBytes !== undefined && freeBytes < FILE_BYTES;
    if (!this.#isOutOfSpace || (isHopeless && this.#spares.length === 0)) return;
    this.#prepare(FILE_BYTES);
  }

  /** The next file, if it is ready; begins to prepare the one after it. */
  take(): LogFile | undefined {
    const file = this.#ready.shift();
    if (!this.#isOutOfSpace) this.#prepare(FILE_BYTES);
    else if (file && !this.isReady)
      this.#prepare(this.#spares.length > 0 ? FILE_BYTES : SMALL_FILE_BYTES);
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
    for (const { file } of this.#ready.splice(0)) file.close();
    if (!this.#isPreparing) stopped();
  }

  #prepare(sizeBytes: number): void {
    const hasFull = this.#ready.some(({ madeBytes }) => madeBytes === FILE_BYTES);
    if (this.#isPreparing || hasFull || this.#onStopped) return;
    this.#isPreparing = true;
    const number = this.#nextNumber;
    const { files, directory, durable } = this.#options;
    const path = join(directory, fileName(number));
    const request = { path, sizeBytes, zeroBytes: FILE_HEADER_BYTES, durable };
    const recycled = this.#spares.pop();
    files.prepare(request, recycled, (error, file?: DataFile) => {
      this.#isPreparing = false;
      if (error && isNoSpace(error)) {
        this.#noSpace(path, recycled, sizeBytes);
      } else if (error || !file) {
        this.#options.onFailed(error ?? new Error(`cannot prepare ${path}`));
      } else {
        this.#prepared(number, file, sizeBytes);
      }
      if (this.#onStopped && !this.#isPreparing) this.#onStopped();
    });
  }

  #prepared(number: number, file: DataFile, sizeBytes: number): void {
    if (sizeBytes === FILE_BYTES) this.#isOutOfSpace = false;
    this.#nextNumber = number + 1;
    if (this.#onStopped) {
      file.close();
      return;
    }
    this.#ready.push(new LogFile(number, file, newSalt(this.#options.random), sizeBytes));
    this.#onReady();
  }

  #noSpace(path: string, recycled: string | undefined, sizeBytes: number): void {
    const { files, directory, onFailed, onNoSpace } = this.#options;
    this.#isOutOfSpace = true;
    try {
      // What was made of it goes, since others need the space meanwhile.
      files.remove(path);
      // Unless it had its new name already.
      if (recycled && files.list(directory).includes(basename(recycled))) {
        this.#spares.push(recycled);
      }
    } catch (error) {
      onFailed(error as Error);
      return;
    }
    if (sizeBytes === FILE_BYTES && !this.isReady) this.#prepare(SMALL_FILE_BYTES);
    onNoSpace();
  }
}
