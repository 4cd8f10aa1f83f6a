// Puts one batch at a time on disk: the journal's new lines, then the log's chunks. When there is no space left it keeps the
// batch, of which nothing was confirmed, and does all of it over when it is asked to: the same bytes at the same places, from
// memory, each write synced by itself. So it does not matter how much of the failed attempt is on disk.
//
// Any other error is told and not retried: after a failed sync the system may have forgotten what it could not write. Where
// writes are not synced by themselves, that goes for a lack of space as well: it may be about an earlier write, which was
// confirmed and is no longer in memory.
import { isNoSpace } from '../../platform/files.ts';
import type { Journal } from '../journal.ts';
import { type PendingChunk, writeBatch } from './write-batch.ts';

export interface LogWriterOptions {
  readonly journal: Journal;
  /** Whether a write of the log is done only when it is on stable storage. */
  readonly durable: boolean;
  /** There is no space; `retry` should follow when there may be. */
  onNoSpace(): void;
  onFailed(error: Error): void;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  #again: (() => void) | undefined;
  #isOutOfSpace = false;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** Whether a batch waits for space; until it is written. */
  get isOutOfSpace(): boolean {
    return this.#isOutOfSpace;
  }

  /** Calls `written` when all is written. */
  write(batch: readonly PendingChunk[], written: () => void): void {
    const { journal, durable, onFailed, onNoSpace } = this.#options;
    const failed = (error: Error, isDurable: boolean) => {
      if (!isDurable || !isNoSpace(error)) {
        onFailed(error);
        return;
      }
      this.#again = () => this.write(batch, written);
      this.#isOutOfSpace = true;
      onNoSpace();
    };
    const succeeded = () => {
      this.#isOutOfSpace = false;
      written();
    };
    // What there is comes before what is in it: a message's queue must be known when it is read.
    journal.flush((error) => {
      if (error) failed(error, journal.durable);
      else writeBatch(batch, (worse) => (worse ? failed(worse, durable) : succeeded()));
    });
  }

  /** Does what is waiting for space once more. */
  retry(): void {
    const again = this.#again;
    this.#again = undefined;
    again?.();
  }

  /** Forgets what waits for space; true if anything did. */
  giveUp(): boolean {
    const hadAny = this.#again !== undefined;
    this.#again = undefined;
    return hadAny;
  }
}
