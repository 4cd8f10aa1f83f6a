// A log file: written to its end, and begun anew when an operator asks for it, a size is reached, or somebody has moved it away.
import { closeSync, existsSync, fstatSync, openSync, renameSync, statSync } from 'node:fs';
import { type LogOutput, writeAll } from './log-output.ts';

export interface LogFileOptions {
  /** Begins a new file when there is this much in it; 0: never. */
  readonly maxBytes: number;
  /** So many old files are kept: `leveret.log.0` is the youngest. */
  readonly keptFiles: number;
}

export class LogFile implements LogOutput {
  readonly path: string;
  readonly #options: LogFileOptions;
  #descriptor: number;
  #bytes: number;

  /** @throws the system's error when the file cannot be written. */
  constructor(path: string, options: LogFileOptions) {
    this.path = path;
    this.#options = options;
    this.#descriptor = openSync(path, 'a');
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  write(lines: string): void {
    const { maxBytes } = this.#options;
    const bytes = Buffer.byteLength(lines);
    if (maxBytes > 0 && this.#bytes > 0 && this.#bytes + bytes > maxBytes) this.rotate();
    writeAll(this.#descriptor, lines);
    this.#bytes += bytes;
  }

  /** Puts the file aside and begins a new one; a file that somebody has moved away already is left where it is. */
  rotate(): void {
    if (this.#isStillThere()) this.#putAside();
    this.reopen();
  }

  /** Goes on in the file of that name, whichever it is now. The old one stays when it cannot be opened. */
  reopen(): void {
    let opened: number;
    try {
      opened = openSync(this.path, 'a');
    } catch {
      return;
    }
    closeSync(this.#descriptor);
    this.#descriptor = opened;
    this.#bytes = fstatSync(opened).size;
  }

  /** Whether the file of that name is the one that is written to. */
  #isStillThere(): boolean {
    const named = statSync(this.path, { throwIfNoEntry: false });
    const open = fstatSync(this.#descriptor);
    return named !== undefined && named.ino === open.ino && named.dev === open.dev;
  }

  #putAside(): void {
    const { keptFiles } = this.#options;
    const old = (at: number) => `${this.path}.${at}`;
    try {
      for (let at = keptFiles - 1; at > 0; at--) {
        if (existsSync(old(at - 1))) renameSync(old(at - 1), old(at));
      }
      renameSync(this.path, old(0));
    } catch {
      // It goes on in the same file, which is better than nowhere.
    }
  }
}
