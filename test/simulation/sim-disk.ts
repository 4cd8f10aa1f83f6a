// A disk in memory that crashes. Writes finish when the seed says so, in the order that it says; what a crash leaves of those
// that were not done is up to the seed as well: nothing, everything, or any of their sectors. What was promised stays:
//
//   a durable write, once its `done` was called        a sync, what was written before it
//   a name, once the call that syncs its directory returned; names that were not synced survive in order, up to some point
//
// At a `kill` only the process ends: what the system was given, synced or not, is still there. At a `power` cut it is not.
import { basename, dirname } from 'node:path';
import type { DataFile, Done, Files, PrepareRequest } from '../../src/platform/files.ts';
import { Dice } from '../fuzz/dice.ts';

export const SECTOR_BYTES = 512;
/** What may still be free on a disk that is full. */
const LITTLE_BYTES = 30_000;
/** What is free on a disk that is not full. */
const FREE_BYTES = 2 ** 40;

export type CrashKind = 'kill' | 'power';

/** Thrown out of a call of recovery at which the machine stopped. */
export class MachineStopped extends Error {}

/** What can be wrong with a disk, for canaries: every one of these must make the simulation fail. */
export interface Flaws {
  /** `done` is called when a write has been taken, not when it is safe. */
  readonly saysDoneEarly?: boolean;
  /** A file that is wanted anew is made out of the oldest one of the log, needed or not. */
  readonly recyclesEarly?: boolean;
  /** A crash flips a bit of a log file now and then. */
  readonly flipsBits?: boolean;
  /** A file that is being replaced is there in part after a crash. */
  readonly replacesInPlace?: boolean;
}

class Content {
  bytes = new Uint8Array(0);
  size = 0;
  /** What is on the platter of sectors that were written and not synced, by number. */
  readonly stable = new Map<number, Uint8Array>();
  stableSize = 0;

  put(position: number, bytes: Uint8Array, isSynced: boolean): void {
    const end = position + bytes.length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    if (bytes.length === 0) return;
    const last = isSynced && this.stable.size === 0 ? -1 : Math.floor((end - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector++) {
      if (isSynced) this.stable.delete(sector);
      else if (!this.stable.has(sector)) this.stable.set(sector, this.#sector(sector));
    }
    this.bytes.set(bytes, position);
    this.size = Math.max(this.size, end);
    if (isSynced) this.stableSize = Math.max(this.stableSize, end);
  }

  #sector(sector: number): Uint8Array {
    const at = sector * SECTOR_BYTES;
    const bytes = new Uint8Array(SECTOR_BYTES);
    bytes.set(this.bytes.subarray(at, Math.min(at + SECTOR_BYTES, this.bytes.length)));
    return bytes;
  }

  get(position: number, into: Uint8Array): void {
    const from = Math.min(position, this.size);
    const found = this.bytes.subarray(from, Math.min(this.size, position + into.length));
    into.set(found);
    into.fill(0, found.length);
  }

  sync(): void {
    this.stable.clear();
    this.stableSize = this.size;
  }

  /** Any of what was not synced may not be there. */
  forget(dice: Dice): void {
    const lost = dice.next();
    for (const [sector, before] of this.stable) {
      if (!dice.chance(lost)) continue;
      const at = sector * SECTOR_BYTES;
      this.bytes.set(before.subarray(0, Math.max(0, Math.min(SECTOR_BYTES, this.size - at))), at);
    }
    if (this.size !== this.stableSize && dice.chance(0.5)) {
      this.bytes.fill(0, Math.min(this.stableSize, this.size));
      this.size = this.stableSize;
    }
    this.sync();
  }
}

/** Something that was asked for and is not done. */
interface Pending {
  /** Everything as it was asked for. */
  finish(): void;
  /** The machine stops in the middle of it. */
  tear?(kind: CrashKind): void;
  /** It fails. */
  fail?(): void;
}

/** What a disk can be stopped at. */
export type Deed = 'replace' | 'rename' | 'remove' | 'prepare';

interface UnsyncedName {
  readonly directory: string;
  undo(): void;
}

export class SimDisk implements Files {
  readonly #dice: Dice;
  /** Names come in no order; to ask for them changes nothing else. */
  readonly #order = new Dice(1);
  readonly #flaws: Flaws;
  readonly #names: Map<string, Content>;
  #unsyncedNames: UnsyncedName[] = [];
  #pending: Pending[] = [];
  #isStopped = false;
  #inRecovery = false;
  #stopsIn = Number.POSITIVE_INFINITY;
  #stopsAt: Deed | undefined;
  /** Nothing can grow: whatever wants to fails with ENOSPC, perhaps in the middle. */
  isFull = false;
  /** The next write, read or sync that finishes fails with EIO. */
  isBroken = false;

  constructor(dice: Dice, flaws: Flaws = {}, names = new Map<string, Content>()) {
    this.#dice = dice;
    this.#flaws = flaws;
    this.#names = names;
  }

  /** The machine has stopped: nothing that is asked for has any effect. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** The machine stops at the `calls`-th call from here on. */
  stopIn(calls: number): void {
    this.#stopsIn = calls;
  }

  /** The machine stops the next time that this is asked for. */
  stopAt(deed: Deed): void {
    this.#stopsAt = deed;
  }

  #begins(deed: Deed): void {
    if (this.#stopsAt === deed) this.#stopsIn = 1;
  }

  /** While the broker is being made, a stop is thrown; later it is only felt. */
  recovering<T>(start: () => T): T {
    this.#inRecovery = true;
    try {
      return start();
    } finally {
      this.#inRecovery = false;
    }
  }

  /** Finishes each thing under way with that probability, in any order. */
  step(probability: number): void {
    if (this.#pending.length === 0 || this.#isStopped) return;
    const due = this.#pending.filter(() => this.#dice.chance(probability));
    while (due.length > 0 && !this.#isStopped) {
      const [next] = due.splice(this.#dice.integer(0, due.length - 1), 1);
      this.#pending.splice(this.#pending.indexOf(next!), 1);
      if (this.isBroken && next!.fail) {
        this.isBroken = false;
        next!.fail();
      } else next!.finish();
    }
  }

  /** Stops, if it has not, and returns the disk that the next start finds. */
  crash(kind: CrashKind): SimDisk {
    this.#isStopped = true;
    for (const pending of this.#pending) pending.tear?.(kind);
    this.#pending = [];
    if (kind === 'power') this.#loseUnsynced();
    if (this.#flaws.flipsBits && this.#dice.chance(0.3)) this.#flipBit();
    const disk = new SimDisk(this.#dice, this.#flaws, this.#names);
    disk.isFull = this.isFull;
    if (kind === 'kill') disk.#unsyncedNames = this.#unsyncedNames;
    return disk;
  }

  #loseUnsynced(): void {
    const kept = this.#dice.integer(0, this.#unsyncedNames.length);
    for (const name of this.#unsyncedNames.splice(kept).reverse()) name.undo();
    for (const content of this.#names.values()) {
      if (content.stable.size > 0 || content.size !== content.stableSize)
        content.forget(this.#dice);
    }
  }

  #flipBit(): void {
    const logs = [...this.#names].filter(([path]) => path.endsWith('.log'));
    if (logs.length === 0) return;
    const [, content] = this.#dice.pick(logs);
    const at = this.#dice.integer(4096, Math.min(content.size, 4096 + 2000));
    if (at < content.size) content.bytes[at]! ^= 1 << this.#dice.integer(0, 7);
  }

  /** Counts calls; true when the machine has stopped and nothing may happen. */
  #stops(): boolean {
    if (!this.#isStopped) {
      this.#stopsIn -= 1;
      if (this.#stopsIn > 0) return false;
      this.#isStopped = true;
    }
    if (this.#inRecovery) throw new MachineStopped('the machine has stopped');
    return true;
  }

  // --- Files

  prepare(
    request: PrepareRequest,
    recycled: string | undefined,
    done: (error: Error | undefined, file?: DataFile) => void,
  ): void {
    this.#begins('prepare');
    if (this.#stops()) return;
    const { path, durable } = request;
    const stale =
      recycled ?? (this.#flaws.recyclesEarly ? this.#oldestLog(dirname(path)) : undefined);
    const isRecycled = stale !== undefined;
    const zeroed = isRecycled ? request.zeroBytes : request.sizeBytes;
    const zeros = (count: number) => this.#need(stale ?? path).put(0, new Uint8Array(count), true);
    const begin = () => {
      if (isRecycled) this.#syncNames(dirname(path));
      else this.#create(path);
    };
    this.#pending.push({
      finish: () => {
        // Files that are used again need no space, as a rule; and sometimes there is a little left.
        const content = stale === undefined ? undefined : this.#need(stale);
        const grows = content === undefined || content.size < request.sizeBytes;
        const fails = grows
          ? request.sizeBytes > LITTLE_BYTES || this.#dice.chance(0.6)
          : this.#dice.chance(0.1);
        if (this.isFull && fails) {
          if (!isRecycled && this.#dice.chance(0.7)) {
            begin();
            zeros(this.#dice.integer(0, zeroed / SECTOR_BYTES) * SECTOR_BYTES);
          }
          done(systemError('ENOSPC', path));
          return;
        }
        begin();
        zeros(zeroed);
        if (content && grows) {
          content.put(content.size, new Uint8Array(request.sizeBytes - content.size), true);
        }
        if (stale !== undefined) this.#rename(stale, path);
        this.#syncNames(dirname(path));
        done(undefined, this.#file(this.#need(path), durable));
      },
      tear: () => {
        if (this.#dice.chance(0.3)) return;
        begin();
        if (this.#dice.chance(0.5))
          zeros(this.#dice.integer(0, zeroed / SECTOR_BYTES) * SECTOR_BYTES);
        else {
          zeros(zeroed);
          if (stale !== undefined) this.#rename(stale, path);
        }
      },
    });
  }

  #oldestLog(directory: string): string | undefined {
    const logs = [...this.#names.keys()].filter((path) => path.endsWith('.log'));
    return logs.filter((path) => dirname(path) === directory).sort()[0];
  }

  makeDirectory(): void {
    this.#stops();
  }

  list(path: string): string[] {
    if (this.#stops()) return [];
    const names = [...this.#names.keys()]
      .filter((name) => dirname(name) === path)
      .map((name) => basename(name));
    for (let i = names.length - 1; i > 0; i--) {
      const other = this.#order.integer(0, i);
      [names[i], names[other]] = [names[other]!, names[i]!];
    }
    return names;
  }

  open(path: string, { create = false, durable = false }): DataFile {
    if (this.#stops()) return this.#file(new Content(), durable);
    if (create && !this.#names.has(path)) {
      this.#create(path);
      this.#syncNames(dirname(path));
    }
    return this.#file(this.#need(path), durable);
  }

  readText(path: string): string | undefined {
    if (this.#stops()) return undefined;
    const content = this.#names.get(path);
    return content && new TextDecoder().decode(content.bytes.subarray(0, content.size));
  }

  replaceText(path: string, text: string): void {
    if (this.#isStopped) {
      this.#stops();
      return;
    }
    this.#begins('replace');
    const isLast = this.#stopsIn <= 1;
    const bytes = new TextEncoder().encode(text);
    if (isLast) this.#replaceInPart(path, bytes);
    if (this.#stops()) return;
    if (this.isFull) {
      const part = bytes.subarray(0, this.#dice.integer(0, bytes.length));
      this.#create(`${path}.new`).put(0, part, false);
      throw systemError('ENOSPC', path);
    }
    this.#create(`${path}.new`).put(0, bytes, true);
    this.#rename(`${path}.new`, path);
    this.#syncNames(dirname(path));
  }

  /** The machine stops meanwhile. */
  #replaceInPart(path: string, bytes: Uint8Array): void {
    const length = this.#dice.integer(0, bytes.length);
    const part = bytes.subarray(0, length);
    if (this.#flaws.replacesInPlace) this.#create(path).put(0, part, true);
    else if (this.#dice.chance(0.5)) this.#create(`${path}.new`).put(0, part, false);
    else {
      this.#create(`${path}.new`).put(0, bytes, true);
      this.#rename(`${path}.new`, path);
    }
  }

  createText(path: string, text: string): boolean {
    if (this.#stops()) return true;
    if (this.#names.has(path)) return false;
    if (this.isFull) throw systemError('ENOSPC', path);
    this.#create(path).put(0, new TextEncoder().encode(text), false);
    return true;
  }

  rename(from: string, to: string): void {
    this.#begins('rename');
    const stopsAfter = this.#stopsIn === 1 && this.#dice.chance(0.5);
    if (stopsAfter && !this.#isStopped) this.#rename(from, to);
    if (this.#stops()) return;
    this.#rename(from, to);
    this.#syncNames(dirname(to));
  }

  freeBytes(_path: string, done: (error: Error | undefined, bytes?: number) => void): void {
    if (!this.#isStopped) done(undefined, this.isFull ? 0 : FREE_BYTES);
  }

  remove(path: string): void {
    this.#begins('remove');
    if (this.#stops()) return;
    const content = this.#names.get(path);
    if (!content) return;
    this.#names.delete(path);
    this.#unsynced(path, () => this.#names.set(path, content));
  }

  // --- names

  #need(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw systemError('ENOENT', path);
    return content;
  }

  /** An empty file, even if there was one. */
  #create(path: string): Content {
    const before = this.#names.get(path);
    const content = new Content();
    this.#names.set(path, content);
    this.#unsynced(path, () => {
      if (before) this.#names.set(path, before);
      else this.#names.delete(path);
    });
    return content;
  }

  #rename(from: string, to: string): void {
    const content = this.#need(from);
    const before = this.#names.get(to);
    this.#names.delete(from);
    this.#names.set(to, content);
    this.#unsynced(to, () => {
      this.#names.set(from, content);
      if (before) this.#names.set(to, before);
      else this.#names.delete(to);
    });
  }

  #unsynced(path: string, undo: () => void): void {
    this.#unsyncedNames.push({ directory: dirname(path), undo });
  }

  #syncNames(directory: string): void {
    this.#unsyncedNames = this.#unsyncedNames.filter((name) => name.directory !== directory);
  }

  // --- content

  #file(content: Content, durable: boolean): DataFile {
    const disk = this;
    let isOpen = true;
    const check = () => {
      if (!isOpen) throw systemError('EBADF');
    };
    return {
      get sizeBytes() {
        return content.size;
      },
      write(position, parts, done) {
        check();
        if (!disk.#stops()) disk.#write(content, position, parts, durable, done);
      },
      sync(done) {
        check();
        if (disk.#stops()) return;
        disk.#pending.push({
          finish: () => {
            content.sync();
            done(undefined);
          },
          fail: () => done(systemError('EIO')),
        });
      },
      read(position, into, done) {
        check();
        if (disk.#stops()) return;
        disk.#pending.push({
          finish: () => {
            content.get(position, into);
            done(undefined);
          },
          fail: () => done(systemError('EIO')),
        });
      },
      readNow(position, into) {
        check();
        if (!disk.#stops()) content.get(position, into);
      },
      close() {
        isOpen = false;
      },
    };
  }

  #write(
    content: Content,
    position: number,
    parts: readonly Uint8Array[],
    durable: boolean,
    done: Done,
  ): void {
    const early = this.#flaws.saysDoneEarly === true;
    this.#pending.push({
      // What is written is what lies in the parts when the system gets to it.
      finish: () => {
        const grows = position + lengthOf(parts) > content.size;
        if (this.isFull && grows) {
          this.#tearWrite(content, position, parts, 'kill', durable);
          done(systemError('ENOSPC'));
          return;
        }
        content.put(position, concat(parts), durable && !early);
        done(undefined);
      },
      tear: (kind) => this.#tearWrite(content, position, parts, kind, durable),
      fail: () => {
        this.#tearWrite(content, position, parts, 'power', durable);
        done(systemError('EIO'));
      },
    });
  }

  /** Nothing of a write is there, or all, or its beginning, or any of its sectors; a mere kill cuts no holes. */
  #tearWrite(
    content: Content,
    position: number,
    parts: readonly Uint8Array[],
    kind: CrashKind,
    durable: boolean,
  ): void {
    const bytes = concat(parts);
    const outcome = this.#dice.integer(0, kind === 'kill' ? 2 : 3);
    if (outcome === 0) return;
    if (outcome === 1) {
      content.put(position, bytes, durable);
      return;
    }
    const first = Math.floor(position / SECTOR_BYTES);
    const last = Math.floor((position + bytes.length - 1) / SECTOR_BYTES);
    const prefixEnd = this.#dice.integer(first, last + 1);
    const density = this.#dice.next();
    for (let sector = first; sector <= last; sector++) {
      if (outcome === 2 ? sector >= prefixEnd : !this.#dice.chance(density)) continue;
      const from = Math.max(0, sector * SECTOR_BYTES - position);
      const to = Math.min(bytes.length, (sector + 1) * SECTOR_BYTES - position);
      content.put(position + from, bytes.subarray(from, to), durable);
    }
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function systemError(code: string, path = ''): Error {
  return Object.assign(new Error(`${code}: simulated ${path}`), { code });
}
