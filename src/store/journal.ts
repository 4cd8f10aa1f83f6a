// A journal of small entries that describe what there is (vhosts, queues, bindings …), each a line of JSON behind its CRC:
//
//   1a2b3c4d {"queue":…}
//
// Entries are appended and synced with the log. When most of them are outdated, the owner hands over what is true now and the
// file is replaced as a whole.
import { crc32 } from 'node:zlib';
import { type DataFile, type Done, type Files, isNoSpace } from '../platform/files.ts';

/** Entries beyond those that are true, before the file is rewritten. */
const SURPLUS_ENTRIES = 1000;
/** The file grows by so much at a time. */
const ROOM_BYTES = 64 * 1024;

export interface JournalContent {
  readonly exists: boolean;
  readonly entries: readonly unknown[];
  /** What could not be read, one sentence each. A last line that a crash cut off is none. */
  readonly damage: readonly string[];
}

const HEAD_CHARACTERS = 9;

/** What stands in front of an entry. */
function headOf(json: string): string {
  return `${crc32(json).toString(16).padStart(8, '0')} `;
}

function lineOf(entry: unknown): string {
  const json = JSON.stringify(entry);
  return `${headOf(json)}${json}\n`;
}

/** Whether a crash in the middle of a write left zeros in the line: to its beginning, or where whole sectors are missing. */
function isTorn(line: string): boolean {
  return line.startsWith('\0') || line.includes('\0\0');
}

/** Reads a journal; one that is not there is empty. */
export function readJournal(files: Files, path: string): JournalContent {
  const text = files.readText(path);
  const lines = (text ?? '').split('\n');
  // What follows the last line break was cut off, or is the zeros of a file that grew before its content came.
  const last = lines.pop();
  const entries: unknown[] = [];
  const damage: string[] = [];
  for (const [index, line] of lines.entries()) {
    const json = line.slice(HEAD_CHARACTERS);
    if (line.slice(0, HEAD_CHARACTERS) === headOf(json)) {
      entries.push(JSON.parse(json));
    } else if (isTorn(line)) {
      // What follows belongs to the same write, which was the last.
      break;
    } else if (index < lines.length - 1 || last !== '') {
      damage.push(`${path}: line ${index + 1} is damaged and was left out`);
    }
  }
  return { exists: text !== undefined, entries, damage };
}

export class Journal {
  readonly #files: Files;
  readonly #path: string;
  /** Whether a write is done only when it is on stable storage. */
  readonly durable: boolean;
  /** What is true now: the entries of a fresh journal. */
  readonly #current: () => readonly unknown[];
  #file: DataFile;
  #end: number;
  /** How far the file reaches, in zeros behind the entries. */
  #room: number;
  #entries: number;
  /** With more entries than this, it is worth counting how many of them are true. */
  #lookAt: number;
  #waiting = '';

  /** Starts with a file that holds `current()`. */
  constructor(files: Files, path: string, durable: boolean, current: () => readonly unknown[]) {
    this.#files = files;
    this.#path = path;
    this.durable = durable;
    this.#current = current;
    const entries = current();
    files.replaceText(path, entries.map(lineOf).join(''));
    this.#file = files.open(path, { durable });
    this.#end = this.#file.sizeBytes;
    this.#room = this.#end;
    this.#entries = entries.length;
    this.#lookAt = 2 * entries.length + SURPLUS_ENTRIES;
  }

  get isDirty(): boolean {
    return this.#waiting !== '';
  }

  append(entry: unknown): void {
    this.#waiting += lineOf(entry);
    this.#entries += 1;
  }

  /** Writes what was appended. When there is no space for it, the next flush begins with it, at the same place. */
  flush(done: Done): void {
    if (this.#waiting === '') {
      done(undefined);
      return;
    }
    if (this.#entries > this.#lookAt) {
      const current = this.#current();
      this.#lookAt = 2 * current.length + SURPLUS_ENTRIES;
      if (this.#entries > this.#lookAt) {
        done(this.#rewrite(current));
        return;
      }
    }
    const text = this.#waiting;
    const bytes = new TextEncoder().encode(text);
    this.#waiting = '';
    const position = this.#end;
    const room = this.#room;
    this.#end += bytes.length;
    const parts = this.#end <= room ? [bytes] : [bytes, this.#moreRoom()];
    this.#file.write(position, parts, (error) => {
      if (error && isNoSpace(error)) {
        this.#waiting = text + this.#waiting;
        this.#end = position;
        this.#room = room;
      }
      done(error);
    });
  }

  /** Zeros behind the last entry: a file that need not grow is synced much quicker. */
  #moreRoom(): Uint8Array {
    this.#room = (Math.floor(this.#end / ROOM_BYTES) + 1) * ROOM_BYTES;
    return new Uint8Array(this.#room - this.#end);
  }

  /** Answers the system's error, if there was one; then the file is the old one, or the new one. */
  #rewrite(entries: readonly unknown[]): Error | undefined {
    try {
      this.#files.replaceText(this.#path, entries.map(lineOf).join(''));
      const file = this.#files.open(this.#path, { durable: this.durable });
      this.#file.close();
      this.#file = file;
    } catch (error) {
      return error as Error;
    }
    this.#end = this.#file.sizeBytes;
    this.#room = this.#end;
    this.#entries = entries.length;
    this.#waiting = '';
    return undefined;
  }

  /** Syncs what is not synced by itself, and closes. */
  close(done: Done): void {
    const closed: Done = (error) => {
      this.#file.close();
      done(error);
    };
    if (this.durable) closed(undefined);
    else this.#file.sync(closed);
  }
}
