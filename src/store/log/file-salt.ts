// Chance that is in every chunk of a file: what lies in the file from an earlier life, and what a client has put into the body of
// a message to look like a chunk, was written without knowing it and is never taken for one.
import type { Random } from '../../platform/random.ts';

export interface FileSalt {
  /** The first four bytes of every chunk in the file; never 0. */
  readonly mark: number;
  /** What the chunks' CRCs begin with. */
  readonly seed: number;
}

/** A salt for the next life of a file. */
export function newSalt(random: Random): FileSalt {
  const bytes = random.bytes(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Zeros are what a file is made of.
  return { mark: view.getUint32(0) || 1, seed: view.getUint32(4) };
}
