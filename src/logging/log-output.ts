// Where lines of the log end up: a file, a terminal, or a pipe. Only the pipe can make somebody wait, since its reader may have
// stopped reading: there lines wait within a bound, and beyond it they are dropped and counted.
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

export interface LogOutput {
  /** Takes whole lines, each with its end. */
  write(lines: string): void;
}

const STANDARD_OUTPUT = 1;

/** Standard output; `onRoom` hears how many writes were dropped, when the reader of a pipe reads again. */
export function standardOutput(onRoom: (dropped: number) => void): LogOutput {
  const stat = fstatSync(STANDARD_OUTPUT);
  // Node would write to these with the whole process waiting.
  if (stat.isFIFO() || stat.isSocket()) {
    return new PipeOutput(new Socket({ fd: STANDARD_OUTPUT, readable: false }), onRoom);
  }
  return { write: (lines) => writeAll(STANDARD_OUTPUT, lines) };
}

/** Writes at once; a disk that is full, or a terminal that has gone, loses lines and stops nothing. */
export function writeAll(descriptor: number, lines: string): void {
  try {
    const bytes = Buffer.from(lines);
    let at = 0;
    while (at < bytes.length) at += writeSync(descriptor, bytes, at);
  } catch {
    // There is nobody to tell.
  }
}

/** What may wait for the reader of a pipe. */
export const MAX_WAITING_BYTES = 1024 * 1024;

/** What of a socket it takes. */
export interface LogPipe {
  readonly writableLength: number;
  write(text: string): boolean;
  on(event: 'error' | 'drain', listener: () => void): unknown;
  unref?(): unknown;
}

export class PipeOutput implements LogOutput {
  readonly #pipe: LogPipe;
  #dropped = 0;
  #isGone = false;

  constructor(pipe: LogPipe, onRoom: (dropped: number) => void) {
    this.#pipe = pipe;
    // A pipe alone keeps no process alive.
    pipe.unref?.();
    // The reader is gone, for good: the broker goes on without it.
    pipe.on('error', () => {
      this.#isGone = true;
    });
    pipe.on('drain', () => {
      const dropped = this.#dropped;
      this.#dropped = 0;
      if (dropped > 0) onRoom(dropped);
    });
  }

  write(lines: string): void {
    if (this.#isGone) return;
    if (this.#pipe.writableLength > MAX_WAITING_BYTES) this.#dropped += 1;
    else this.#pipe.write(lines);
  }
}
