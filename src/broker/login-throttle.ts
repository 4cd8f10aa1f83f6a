// Makes guessing passwords slow. Failed logins are counted three ways: of a user from an address, of an address, of a user. Past
// a few free ones each further attempt waits before its password is looked at, longer each time:
//
//   what            free   then                                                         whom it cannot hold up
//   user + address  10     one after the other, 0.25 s doubling to 5 s apart            the user from other addresses
//   address         50     the same                                                     who has logged in from there lately
//   user            50     each by itself, 0.25 s doubling to 2 s                       who has logged in from there lately
//
// So nobody can lock a user out from elsewhere: the most that strangers can do to a user at a new address is a wait of 2 s.
import type { Clock } from '../platform/clock.ts';

const FREE_OF_PAIR = 10;
const FREE_OF_ADDRESS = 50;
const FREE_OF_USER = 50;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;
const LONGEST_USER_DELAY_MS = 2_000;
/** An attempt that would have to wait longer is refused unseen. Below the time that a handshake may take. */
const LONGEST_WAIT_MS = 8_000;
/** Without a further failure, those before are forgotten. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** Who has logged in from an address is known there for so long. */
const KNOWN_FOR_MS = 24 * 3_600_000;
/** Of each of the tables below. A name or address that has not been seen for longest makes room. */
export const MAX_ENTRIES = 10_000;

interface Failures {
  count: number;
  lastMs: number;
  /** Before that, no attempt is looked at. */
  nextAtMs: number;
}

export class LoginThrottle {
  readonly #clock: Clock;
  readonly #ofPair = new Map<string, Failures>();
  readonly #ofAddress = new Map<string, Failures>();
  readonly #ofUser = new Map<string, Failures>();
  /** When a user logged in from an address last. */
  readonly #knownSinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * How long an attempt has to wait before anybody looks at its password, and takes that place in the row; undefined when the
   * row is too long already.
   */
  delayMs(name: string, host: string): number | undefined {
    const now = this.#clock.now();
    const address = addressOf(host);
    const pair = pairOf(name, address);
    const isKnown = (this.#knownSinceMs.get(pair) ?? Number.NEGATIVE_INFINITY) > now - KNOWN_FOR_MS;
    const rows = [this.#current(this.#ofPair, pair, FREE_OF_PAIR, now)];
    if (!isKnown) rows.push(this.#current(this.#ofAddress, address, FREE_OF_ADDRESS, now));
    let atMs = now;
    for (const row of rows) if (row) atMs = Math.max(atMs, row.nextAtMs);
    if (atMs - now > LONGEST_WAIT_MS) return undefined;
    if (rows[0]) rows[0].nextAtMs = atMs + delayOf(rows[0].count - FREE_OF_PAIR);
    if (rows[1]) rows[1].nextAtMs = atMs + delayOf(rows[1].count - FREE_OF_ADDRESS);
    const ofUser = isKnown ? undefined : this.#current(this.#ofUser, name, FREE_OF_USER, now);
    const userDelayMs = ofUser
      ? Math.min(delayOf(ofUser.count - FREE_OF_USER), LONGEST_USER_DELAY_MS)
      : 0;
    return Math.max(atMs - now, userDelayMs);
  }

  failed(name: string, host: string): void {
    const address = addressOf(host);
    this.#count(this.#ofPair, pairOf(name, address), FREE_OF_PAIR);
    this.#count(this.#ofAddress, address, FREE_OF_ADDRESS);
    this.#count(this.#ofUser, name, FREE_OF_USER);
  }

  succeeded(name: string, host: string): void {
    const pair = pairOf(name, addressOf(host));
    this.#ofPair.delete(pair);
    this.#knownSinceMs.delete(pair);
    this.#knownSinceMs.set(pair, this.#clock.now());
    makeRoom(this.#knownSinceMs);
  }

  /** The failures of somebody who has no free ones left. */
  #current(
    table: Map<string, Failures>,
    key: string,
    free: number,
    now: number,
  ): Failures | undefined {
    const failures = table.get(key);
    if (!failures) return undefined;
    if (failures.lastMs < now - FORGOTTEN_AFTER_MS) {
      table.delete(key);
      return undefined;
    }
    return failures.count > free ? failures : undefined;
  }

  #count(table: Map<string, Failures>, key: string, free: number): void {
    const now = this.#clock.now();
    const before = table.get(key);
    const isOld = !before || before.lastMs < now - FORGOTTEN_AFTER_MS;
    const count = isOld ? 1 : before.count + 1;
    const nextAtMs = Math.max(isOld ? 0 : before.nextAtMs, now + delayOf(count - free));
    table.delete(key);
    table.set(key, { count, lastMs: now, nextAtMs });
    makeRoom(table);
  }
}

function delayOf(excess: number): number {
  return excess <= 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (excess - 1), LONGEST_DELAY_MS);
}

function makeRoom(table: Map<string, unknown>): void {
  if (table.size <= MAX_ENTRIES) return;
  const [oldest] = table.keys();
  table.delete(oldest!);
}

const pairOf = (name: string, address: string) => `${address}\0${name}`;

/** Who has one IPv6 address has 2⁶⁴ of them. */
function addressOf(host: string): string {
  const address = host.replace(/^proxied /, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('%', 1)[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  const missing = address.includes('::') ? Math.max(0, 8 - groups.length - rest.length) : 0;
  const all = [...groups, ...Array<string>(missing).fill('0'), ...rest];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
