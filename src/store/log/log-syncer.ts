// Where writes are not synced by themselves: which files of the log have been written to since they were synced, and their
// sync. One at a time; who asks meanwhile waits for another, since the one under way began before he had written.
import type { DataFile } from '../../platform/files.ts';

export class LogSyncer {
  readonly #onFailed: (error: Error) => void;
  #unsynced = new Set<DataFile>();
  #waiting: (() => void)[] = [];
  #isSyncing = false;
  #hasFailed = false;

  constructor(onFailed: (error: Error) => void) {
    this.#onFailed = onFailed;
  }

  /** Whether anything was written that is not synced. */
  get isDirty(): boolean {
    return this.#isSyncing || this.#unsynced.size > 0;
  }

  wrote(file: DataFile): void {
    this.#unsynced.add(file);
  }

  /** Calls `synced` when everything that was written so far is on stable storage; never if that fails. */
  sync(synced: () => void): void {
    if (this.#hasFailed) return;
    this.#waiting.push(synced);
    if (!this.#isSyncing) this.#begin();
  }

  #begin(): void {
    const files = [...this.#unsynced];
    const waiting = this.#waiting;
    this.#unsynced = new Set();
    this.#waiting = [];
    this.#isSyncing = true;
    this.#syncFrom(files, 0, () => {
      this.#isSyncing = false;
      for (const synced of waiting) synced();
      if (this.#waiting.length > 0) this.#begin();
    });
  }

  #syncFrom(files: readonly DataFile[], index: number, done: () => void): void {
    const file = files[index];
    if (!file) {
      done();
      return;
    }
    file.sync((error) => {
      if (!error) {
        this.#syncFrom(files, index + 1, done);
        return;
      }
      this.#hasFailed = true;
      this.#isSyncing = false;
      this.#unsynced.clear();
      this.#onFailed(error);
    });
  }
}
