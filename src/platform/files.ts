// The file system, as far as the broker uses it. Passed in, so that a test can make it fail, and crash.
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';

/** Called once, with the system's error if there was one. */
export type Done = (error: Error | undefined) => void;

/** Whether a file could not grow because the disk, or the user's share of it, is full. */
export function isNoSpace(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** An open file, read and written at positions. */
export interface DataFile {
  /**
   * Writes `parts` one behind the other from `position` on. They must not change until `done`. In a file opened with
   * `durable`, they are on stable storage by then.
   */
  write(position: number, parts: readonly Uint8Array[], done: Done): void;
  /** What was written before is on stable storage when `done` is called. */
  sync(done: Done): void;
  /** Fills `into` from `position` on, with zeros where the file ends before. */
  read(position: number, into: Uint8Array, done: Done): void;
  /** The same at once, for recovery. */
  readNow(position: number, into: Uint8Array): void;
  readonly sizeBytes: number;
  close(): void;
}

/** A file that is wanted at a size before anything is written to it. */
export interface PrepareRequest {
  readonly path: string;
  readonly sizeBytes: number;
  /** So many bytes at its beginning are zeros; the rest may hold anything. */
  readonly zeroBytes: number;
  readonly durable: boolean;
}

export interface Files {
  /** Makes a file of a size, out of `recycled` if that is given. When `done` is called, the file is on disk by its name. */
  prepare(
    request: PrepareRequest,
    recycled: string | undefined,
    done: (error: Error | undefined, file?: DataFile) => void,
  ): void;
  /** Makes the directory and those above it; throws the system's error when that cannot be. */
  makeDirectory(path: string): void;
  /** The names in a directory, in no order. */
  list(path: string): string[];
  /**
   * Opens a file that is there, or with `create` makes it. With `durable` every write is synced before it is done. With
   * `readOnly` the right to read is enough, and nothing can be written.
   */
  open(
    path: string,
    options: { create?: boolean; durable?: boolean; readOnly?: boolean },
  ): DataFile;
  /** The text of a file, undefined when there is none. */
  readText(path: string): string | undefined;
  /** Replaces a file as a whole: after a crash it is the old one or the new one. */
  replaceText(path: string, text: string): void;
  /** Makes a file only if there is none, with its text at once; false when there is. */
  createText(path: string, text: string): boolean;
  rename(from: string, to: string): void;
  /** Removes a file, for good when this returns; one that is not there is fine. */
  remove(path: string): void;
  /** How many bytes this user may still write where `path` is. */
  freeBytes(path: string, done: (error: Error | undefined, bytes?: number) => void): void;
}

class SystemFile implements DataFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  get sizeBytes(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  write(position: number, parts: readonly Uint8Array[], done: Done): void {
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    fs.writev(this.#descriptor, parts, position, (error, written) => {
      if (error || written === wanted) done(error ?? undefined);
      else this.write(position + written, skip(parts, written), done);
    });
  }

  sync(done: Done): void {
    fs.fdatasync(this.#descriptor, (error) => done(error ?? undefined));
  }

  read(position: number, into: Uint8Array, done: Done): void {
    fs.read(this.#descriptor, into, 0, into.length, position, (error, count) => {
      if (error) done(error);
      else if (count > 0 && count < into.length)
        this.read(position + count, into.subarray(count), done);
      else {
        if (count === 0) into.fill(0);
        done(undefined);
      }
    });
  }

  readNow(position: number, into: Uint8Array): void {
    let at = 0;
    while (at < into.length) {
      const count = fs.readSync(this.#descriptor, into, at, into.length - at, position + at);
      if (count === 0) break;
      at += count;
    }
    into.fill(0, at);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** What is left of `parts` after the first `count` bytes. */
function skip(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skipped = count;
  for (const part of parts) {
    if (skipped < part.length) left.push(part.subarray(skipped));
    skipped = Math.max(0, skipped - part.length);
  }
  return left;
}

function syncDirectoryOf(path: string): void {
  const descriptor = fs.openSync(join(path, '..'), 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

const ZEROS = new Uint8Array(1024 * 1024);

async function writeZeros(handle: fs.promises.FileHandle, from: number, to: number): Promise<void> {
  for (let at = from; at < to; ) {
    const { bytesWritten } = await handle.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at);
    at += bytesWritten;
  }
}

async function prepare(
  { path, sizeBytes, zeroBytes, durable }: PrepareRequest,
  recycled: string | undefined,
): Promise<DataFile> {
  const { open, rename } = fs.promises;
  // It must not come back by an earlier name, without what it held: a process before this one may have been killed in between.
  if (recycled) await syncNames(path);
  const handle = await open(recycled ?? path, recycled ? 'r+' : 'w', 0o600);
  try {
    await writeZeros(handle, 0, recycled ? zeroBytes : sizeBytes);
    // One that is used again may have been cut short by a disk that was full.
    if (recycled) await writeZeros(handle, (await handle.stat()).size, sizeBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (recycled) await rename(recycled, path);
  await syncNames(path);
  return systemFiles.open(path, { durable });
}

async function syncNames(path: string): Promise<void> {
  const directory = await fs.promises.open(join(path, '..'), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Gives a file a second name, which must be free. Some file systems know only one: there it is made for a moment without text. */
function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}

/** Level by level: Node's own recursion does not end where the system refuses without saying why, as in /proc. */
function makeDirectory(path: string): void {
  if (fs.existsSync(path) && fs.statSync(path).isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path && !fs.existsSync(parent)) makeDirectory(parent);
  fs.mkdirSync(path);
}

export const systemFiles: Files = {
  prepare(request, recycled, done) {
    prepare(request, recycled).then((file) => done(undefined, file), done);
  },
  makeDirectory,
  list: (path) => fs.readdirSync(path),
  open(path, { create = false, durable = false, readOnly = false }) {
    const { O_RDONLY, O_RDWR, O_CREAT, O_DSYNC } = fs.constants;
    const access = readOnly ? O_RDONLY : O_RDWR;
    const flags = access | (create ? O_CREAT : 0) | (durable ? O_DSYNC : 0);
    const isNew = create && !fs.existsSync(path);
    const file = new SystemFile(fs.openSync(path, flags, 0o600));
    if (isNew) syncDirectoryOf(path);
    return file;
  },
  readText: (path) => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined),
  replaceText(path, text) {
    const temporary = `${path}.new`;
    const descriptor = fs.openSync(temporary, 'w', 0o600);
    try {
      // Not `writeSync`, which on a disk that is nearly full writes a part and does not mind.
      fs.writeFileSync(descriptor, text);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(temporary, path);
    syncDirectoryOf(path);
  },
  createText(path, text) {
    const temporary = `${path}.${process.pid}`;
    try {
      fs.writeFileSync(temporary, text, { mode: 0o600 });
      linkOrCopy(temporary, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      fs.rmSync(temporary, { force: true });
    }
  },
  rename(from, to) {
    fs.renameSync(from, to);
    syncDirectoryOf(to);
  },
  remove(path) {
    fs.rmSync(path, { force: true });
    syncDirectoryOf(path);
  },
  freeBytes(path, done) {
    fs.statfs(path, (error, found) => {
      if (error) done(error);
      else done(undefined, found.bavail * found.bsize);
    });
  },
};
