// What dying does to a message: where it goes on, and what its headers tell of it from then on. Nothing here looks at queues
// or the clock; the queue that lets go of a message calls it.
//
//   x-death            array of tables, the latest death first, one for each queue and reason:
//                      count l | reason S | queue S | time T, seconds | exchange S | routing-keys A of S | original-expiration S
//                      Time, exchange and keys are those of the first death there; later ones only count.
//   x-first-death-…    reason, queue and exchange of the first death of all, never changed again
//   x-last-death-…     the same of the latest one
//
// Headers are the only memory of former deaths, so a message that an application publishes again with its x-death goes on
// counting, as in RabbitMQ up to 3.13. They may say anything, therefore: what is no death is left out, nothing throws.

import type { Content } from '../protocol/content.ts';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { PropertyFlag } from '../protocol/properties.ts';
import { integerOf, textOf } from './equivalence.ts';
import { asDeadLetter } from './rewritten.ts';
import { CC, keysIn } from './sender-selected.ts';

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** Queues and delayed exchanges that have a dead letter. */
export type Takers = Set<object>;

export interface Death {
  /** The queue that the message dies in, and why. */
  readonly queue: string;
  readonly reason: DeathReason;
  readonly deadLetterExchange: string;
  /** The dead letter's routing key, when the queue has one for them. */
  readonly routingKey?: string;
  readonly nowMs: number;
}

export interface DeadLetter {
  /** The message as it goes on: exchange, routing key and headers new, no expiration, everything else as it was. */
  readonly content: Content;
  /** What it is routed by: its routing key, and what CC says unless the queue replaced the key. */
  readonly routingKeys: readonly string[];
  readonly reason: DeathReason;
  /** All deaths so far, the latest first. */
  readonly deaths: readonly FieldTable[];
}

const X_DEATH = 'x-death';

const MAX_COUNT = 0x7fff_ffff_ffff_ffffn;

/** The dead letter that comes of a message, which is only read. */
export function deadLetter(content: Content, death: Death): DeadLetter {
  const before = content.headers;
  const keys = [content.routingKey, ...keysIn(before.get(CC))];
  const deaths = deathsWith(before.get(X_DEATH), content, keys, death);
  const value: FieldValue = {
    type: 'A',
    value: deaths.map((table) => ({ type: 'F', value: table })),
  };
  const named = new Map<string, FieldValue>([[X_DEATH, value]]);
  // RabbitMQ's rule: what x-death there is already, even one that is none, is from an earlier death.
  if (!before.has(X_DEATH)) nameDeath(named, 'x-first-death', content.exchange, death);
  nameDeath(named, 'x-last-death', content.exchange, death);
  const { deadLetterExchange, routingKey, reason } = death;
  const headers = withAll(routingKey === undefined ? before : before.without(CC), named);
  return {
    content: asDeadLetter(content, deadLetterExchange, routingKey ?? keys[0]!, headers),
    routingKeys: routingKey === undefined ? keys : [routingKey],
    reason,
    deaths,
  };
}

/**
 * Whether a dead letter may go into a queue. It may not when it has died there before and nobody has rejected it since: it
 * would go round for ever, by itself. What is rejected is not asked about.
 */
export function mayEnter(letter: DeadLetter, queue: string): boolean {
  if (letter.reason === 'rejected') return true;
  for (const death of letter.deaths) {
    if (textOf(death.get('reason')) === 'rejected') return true;
    if (textOf(death.get('queue')) === queue) return false;
  }
  return true;
}

/** All deaths, this one in front. */
function deathsWith(
  former: FieldValue | undefined,
  content: Content,
  keys: readonly string[],
  death: Death,
): FieldTable[] {
  let latest: FieldTable | undefined;
  const others = new Map<string, FieldTable>();
  const own = pairOf(death.queue, death.reason);
  for (const table of tablesIn(former)) {
    const pair = pairOf(textOf(table.get('queue')), textOf(table.get('reason')));
    if (pair === own) latest ??= again(table);
    else if (!others.has(pair)) others.set(pair, table);
  }
  return [latest ?? first(content, keys, death), ...others.values()];
}

function tablesIn(value: FieldValue | undefined): FieldTable[] {
  if (value?.type !== 'A') return [];
  return value.value.flatMap((element) => (element.type === 'F' ? [element.value] : []));
}

function pairOf(queue = '', reason = ''): string {
  return `${reason.length} ${reason}${queue}`;
}

function again(table: FieldTable): FieldTable {
  const count = integerOf(table.get('count')) ?? 0n;
  return table.with('count', { type: 'l', value: count < MAX_COUNT ? count + 1n : count });
}

function first(content: Content, keys: readonly string[], death: Death): FieldTable {
  const entries: [string, FieldValue][] = [
    ['count', { type: 'l', value: 1n }],
    ['reason', { type: 'S', value: death.reason }],
    ['queue', { type: 'S', value: death.queue }],
    ['time', { type: 'T', value: BigInt(Math.trunc(death.nowMs / 1000)) }],
    ['exchange', { type: 'S', value: content.exchange }],
    ['routing-keys', { type: 'A', value: keys.map((value) => ({ type: 'S', value })) }],
  ];
  if ((content.propertyFlags & PropertyFlag.expiration) !== 0) {
    const value = content.textOf(PropertyFlag.expiration);
    entries.push(['original-expiration', { type: 'S', value }]);
  }
  return new FieldTable(entries);
}

function nameDeath(
  headers: Map<string, FieldValue>,
  prefix: string,
  exchange: string,
  { reason, queue }: Death,
): void {
  headers.set(`${prefix}-reason`, { type: 'S', value: reason });
  headers.set(`${prefix}-queue`, { type: 'S', value: queue });
  headers.set(`${prefix}-exchange`, { type: 'S', value: exchange });
}

/** The headers with those of `named`, at their old places or at the end. */
function withAll(headers: FieldTable, named: ReadonlyMap<string, FieldValue>): FieldTable {
  const missing = new Map(named);
  const entries: (readonly [string, FieldValue])[] = [];
  for (const entry of headers.entries) {
    const value = named.get(entry[0]);
    if (value === undefined) entries.push(entry);
    // The wire may repeat a name, and readers take one or the other: only one is left.
    else if (missing.delete(entry[0])) entries.push([entry[0], value]);
  }
  return new FieldTable([...entries, ...missing]);
}
