// A file system in memory whose writes are done when the test says so, and that can be made to fail. What is written is there
// at once: crashes are test/simulation's subject.
import { dirname } from 'node:path';
import type { DataFile, Done, Files, PrepareRequest } from '../../src/platform/files.ts';

/** A write that is under way. */
export interface HeldWrite {
  readonly path: string;
  readonly position: number;
  readonly sizeBytes: number;
  /** Lets it succeed, or fail with `error`. */
  finish(error?: Error): void;
}

type Operation = 'prepare' | 'write' | 'sync' | 'read' | 'replace' | 'statfs';

export class MemoryFiles implements Files {
  readonly contents = new Map<string, Uint8Array>();
  readonly directories = new Set<string>();
  /** Every write there was. */
  readonly writes: { path: string; position: number; sizeBytes: number }[] = [];
  /** Writes and reads wait until they are finished by hand. */
  holdsWrites = false;
  holdsReads = false;
  readonly held: HeldWrite[] = [];
  readonly heldReads: (() => void)[] = [];
  /** The paths that were synced. */
  readonly syncs: string[] = [];
  holdsSyncs = false;
  readonly heldSyncs: (() => void)[] = [];
  /** Preparations wait here when `holdsPrepares` is set. */
  holdsPrepares = false;
  readonly heldPrepares: (() => void)[] = [];
  #failure: { operation: Operation; error: Error; times: number } | undefined;
  /** What is said to be free. */
  free = 2 ** 40;
  openFiles = 0;
  /** The paths that were made out of another, and that. */
  readonly recycled = new Map<string, string>();
  readonly removed: string[] = [];

  /** What there is now, for a broker that comes after. */
  copy(): MemoryFiles {
    const copy = new MemoryFiles();
    for (const [path, bytes] of this.contents) copy.contents.set(path, bytes.slice());
    for (const path of this.directories) copy.directories.add(path);
    return copy;
  }

  /** The paths at which there is not the same in both. */
  differences(other: MemoryFiles): string[] {
    const paths = new Set([...this.contents.keys(), ...other.contents.keys()]);
    return [...paths].filter((path) => {
      const [mine, its] = [this.contents.get(path), other.contents.get(path)];
      return !mine || !its || Buffer.compare(mine, its) !== 0;
    });
  }

  bytes(path: string): Uint8Array {
    const bytes = this.contents.get(path);
    if (!bytes) throw missing(path);
    return bytes;
  }

  names(path: string): string[] {
    return this.list(path).sort();
  }

  /** The next operations of that kind fail. */
  failNext(operation: Operation, code: string, times = 1): void {
    this.#failure = { operation, error: Object.assign(new Error(code), { code }), times };
  }

  takeError(operation: Operation): Error | undefined {
    if (this.#failure?.operation !== operation) return undefined;
    const { error } = this.#failure;
    this.#failure.times -= 1;
    if (this.#failure.times === 0) this.#failure = undefined;
    return error;
  }

  prepare(
    { path, sizeBytes, zeroBytes }: PrepareRequest,
    recycled: string | undefined,
    done: (error: Error | undefined, file?: DataFile) => void,
  ): void {
    const finish = () => {
      const error = this.takeError('prepare');
      if (error) {
        done(error);
        return;
      }
      const bytes = recycled ? this.bytes(recycled) : new Uint8Array(sizeBytes);
      bytes.fill(0, 0, zeroBytes);
      if (recycled) {
        this.contents.delete(recycled);
        this.recycled.set(path, recycled);
      }
      this.contents.set(path, bytes);
      done(undefined, this.open(path));
    };
    if (this.holdsPrepares) this.heldPrepares.push(finish);
    else queueMicrotask(finish);
  }

  makeDirectory(path: string): void {
    for (let at = path; dirname(at) !== at; at = dirname(at)) this.directories.add(at);
  }

  list(path: string): string[] {
    return [...this.contents.keys()]
      .filter((name) => dirname(name) === path)
      .map((name) => name.slice(path.length + 1));
  }

  open(path: string, { create = false } = {}): DataFile {
    if (!this.contents.has(path)) {
      if (!create) throw missing(path);
      this.contents.set(path, new Uint8Array(0));
    }
    this.openFiles += 1;
    return new MemoryFile(this, path);
  }

  readText(path: string): string | undefined {
    const bytes = this.contents.get(path);
    return bytes && new TextDecoder().decode(bytes);
  }

  replaceText(path: string, text: string): void {
    const error = this.takeError('replace');
    if (error) throw error;
    this.contents.set(path, new TextEncoder().encode(text));
  }

  createText(path: string, text: string): boolean {
    if (this.contents.has(path)) return false;
    this.replaceText(path, text);
    return true;
  }

  rename(from: string, to: string): void {
    this.contents.set(to, this.bytes(from));
    this.contents.delete(from);
  }

  freeBytes(_path: string, done: (error: Error | undefined, bytes?: number) => void): void {
    const error = this.takeError('statfs');
    if (error) done(error);
    else done(undefined, this.free);
  }

  remove(path: string): void {
    this.contents.delete(path);
    this.removed.push(path);
  }
}

class MemoryFile implements DataFile {
  readonly #files: MemoryFiles;
  /** The file itself, whatever it is called meanwhile. */
  #bytes: Uint8Array;
  readonly #path: string;

  constructor(files: MemoryFiles, path: string) {
    this.#files = files;
    this.#path = path;
    this.#bytes = files.bytes(path);
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  write(position: number, parts: readonly Uint8Array[], done: Done): void {
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#files.writes.push({ path: this.#path, position, sizeBytes });
    const finish = (given?: Error) => {
      const error = given ?? this.#files.takeError('write');
      if (!error) {
        let at = position;
        for (const part of parts) {
          this.#put(at, part);
          at += part.length;
        }
      }
      done(error);
    };
    if (!this.#files.holdsWrites) queueMicrotask(() => finish());
    else this.#files.held.push({ path: this.#path, position, sizeBytes, finish });
  }

  sync(done: Done): void {
    const finish = () => {
      this.#files.syncs.push(this.#path);
      done(this.#files.takeError('sync'));
    };
    if (this.#files.holdsSyncs) this.#files.heldSyncs.push(finish);
    else queueMicrotask(finish);
  }

  read(position: number, into: Uint8Array, done: Done): void {
    const finish = () => {
      const error = this.#files.takeError('read');
      if (!error) this.readNow(position, into);
      done(error);
    };
    if (this.#files.holdsReads) this.#files.heldReads.push(finish);
    else queueMicrotask(finish);
  }

  readNow(position: number, into: Uint8Array): void {
    into.fill(0);
    into.set(this.#bytes.subarray(position, position + into.length));
  }

  #put(position: number, bytes: Uint8Array): void {
    if (position + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(position + bytes.length);
      grown.set(this.#bytes);
      if (this.#files.contents.get(this.#path) === this.#bytes) {
        this.#files.contents.set(this.#path, grown);
      }
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
  }

  close(): void {
    this.#files.openFiles -= 1;
  }
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: 'ENOENT' });
}
