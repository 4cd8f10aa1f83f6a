// How a message lies in the store: what a delivery needs, ready to be copied, behind a head of 8 bytes.
//
//   body size u32 | flag u1, properties size u31 | exchange shortstr | routing key shortstr | properties | body
//
// With the flag set, the head goes on with what only some need to know, 12 bytes more:
//
//   published at u48, ms since 1970 | expiration u48, ms, 2⁴⁸ - 1 for none

import { copyBytes } from '../protocol/block.ts';
import type { Content } from '../protocol/content.ts';
import { deliveryModeOf, PropertyFlag, propertyAt } from '../protocol/properties.ts';
import {
  HOLDER_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  readU48,
  writeU48,
} from '../store/log/log-records.ts';
import type { RecordFacts } from '../store/log/recovered-queue.ts';
import type { LoggedQueue } from '../store/logged-queue.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Segment } from '../store/segment.ts';

const HEAD_BYTES = 8;
const TIMES_BYTES = 12;
const TIMES_FLAG = 0x8000_0000;
const SIZE_MASK = 0x7fff_ffff;
const NO_EXPIRATION = 0xffff_ffff_ffff;

/** As many as a number holds exactly. */
const MAX_PLAIN_DIGITS = 15;

const PERSISTENT = 2;

/** What who takes messages may need of each of them; a sum of these. */
export const Need = {
  /** To know when it was published. */
  TIME: 1,
  /** To look into it before it gets its place. */
  PLACE: 2,
  /** To have it after a restart, persistent or not. */
  LASTING: 4,
  /** To be asked whether it takes it at all. */
  CONSENT: 8,
  /** To have it after a restart if it is persistent. Queues have numbers in the log only where there is one. */
  LOG: 16,
} as const;

/** A queue, or what is like one: takes messages that it and others hold one record of. */
export interface MessageTaker extends LoggedQueue {
  readonly needs: number;
  /** Told of a message that comes next; `nextSequence` is its place from here on. Called where `needs` says PLACE. */
  prepare(content: Content): void;
}

/** Tells the time, in ms since 1970. */
export interface Now {
  readonly nowMs: number;
}

/** What all of `takers` need together. */
export function needsOf(takers: readonly MessageTaker[]): number {
  let needs = takers[0]!.needs;
  for (let i = 1; i < takers.length; i++) needs |= takers[i]!.needs;
  return needs;
}

/** Whether the time is noted in a message, for takers that need so much. */
export function isToBeTimed(content: Content, needs: number): boolean {
  return (needs & Need.TIME) !== 0 || (content.propertyFlags & PropertyFlag.expiration) !== 0;
}

/** Writes a message once, for all `takers`, of which there is at least one. The record is at `recordAt` of the segment. */
export function storeMessage(
  store: MessageStore,
  content: Content,
  takers: readonly MessageTaker[],
  now: Now,
  needs = needsOf(takers),
  needsTimes = isToBeTimed(content, needs),
): Segment {
  if ((needs & Need.PLACE) !== 0) prepare(takers, content);
  const size = sizeOf(content) + (needsTimes ? TIMES_BYTES : 0);
  const mustLast =
    (needs & Need.LOG) !== 0 && ((needs & Need.LASTING) !== 0 || isPersistent(content));
  const segment = mustLast ? store.append(size, takers) : store.allocate(size, takers.length);
  if (needsTimes) writeTimed(content, segment, now.nowMs);
  else write(content, segment, segment.recordAt + HEAD_BYTES, 0);
  return segment;
}

function prepare(takers: readonly MessageTaker[], content: Content): void {
  for (let i = 0; i < takers.length; i++) {
    if ((takers[i]!.needs & Need.PLACE) !== 0) takers[i]!.prepare(content);
  }
}

/** Writes a message that a transaction holds until it commits. */
export function holdMessage(store: MessageStore, content: Content): Segment {
  const segment = store.allocate(sizeOf(content), 1);
  write(content, segment, segment.recordAt + HEAD_BYTES, 0);
  return segment;
}

function isPersistent(content: Content): boolean {
  return deliveryModeOf(content.block.view, content.propertiesAt) === PERSISTENT;
}

/** Where the exchange's name begins, by the word that says how long the properties are. */
function routeAtOf(offset: number, propertiesWord: number): number {
  return offset + (propertiesWord < 0 ? HEAD_BYTES + TIMES_BYTES : HEAD_BYTES);
}

/** How many bytes the message at `offset` takes. */
export function sizeOfMessage(segment: Segment, offset: number): number {
  const { bytes, view } = segment;
  const propertiesWord = view.getInt32(offset + 4);
  const routeAt = routeAtOf(offset, propertiesWord);
  const routingKeyAt = routeAt + 1 + bytes[routeAt]!;
  const routeEnd = routingKeyAt + 1 + bytes[routingKeyAt]!;
  return routeEnd - offset + view.getUint32(offset) + (propertiesWord & SIZE_MASK);
}

function sizeOf(content: Content): number {
  const head = HEAD_BYTES + content.routeEnd - content.routeAt;
  return head + content.propertiesEnd - content.propertiesAt + content.bodyEnd - content.bodyAt;
}

/** How many bytes a message may take in the log at most, in so many queues. */
export function loggedBytes(content: Content, queues: number): number {
  return sizeOf(content) + TIMES_BYTES + MESSAGE_OVERHEAD_BYTES + queues * HOLDER_BYTES;
}

function writeTimed(content: Content, segment: Segment, nowMs: number): void {
  const at = segment.recordAt + HEAD_BYTES;
  writeU48(segment.view, at, nowMs);
  writeU48(segment.view, at + 6, expirationOf(content));
  write(content, segment, at + TIMES_BYTES, TIMES_FLAG);
}

function write(content: Content, segment: Segment, start: number, flags: number): void {
  const source = content.block;
  const routeSize = content.routeEnd - content.routeAt;
  const propertiesSize = content.propertiesEnd - content.propertiesAt;
  const bodySize = content.bodyEnd - content.bodyAt;
  segment.view.setUint32(segment.recordAt, bodySize);
  segment.view.setUint32(segment.recordAt + 4, flags + propertiesSize);
  let at = start;
  copyBytes(source, content.routeAt, segment, at, routeSize);
  at += routeSize;
  copyBytes(source, content.propertiesAt, segment, at, propertiesSize);
  at += propertiesSize;
  copyBytes(source, content.bodyAt, segment, at, bodySize);
}

/** The property `expiration`, which was found to be a number of ms and not negative. `-0` is 0, as Erlang reads it. */
function expirationOf(content: Content): number {
  if ((content.propertyFlags & PropertyFlag.expiration) === 0) return NO_EXPIRATION;
  return plainExpirationOf(content) ?? Number(content.textOf(PropertyFlag.expiration));
}

/** The property `expiration`, which must be there, when it is up to 15 digits and nothing else; undefined for any other text. */
export function plainExpirationOf(content: Content): number | undefined {
  const { bytes, view } = content.block;
  const at = propertyAt(view, content.propertiesAt, PropertyFlag.expiration);
  const length = bytes[at]!;
  if (length === 0 || length > MAX_PLAIN_DIGITS) return undefined;
  let ms = 0;
  for (let i = at + 1; i <= at + length; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    ms = ms * 10 + digit;
  }
  return ms;
}

/** Points `content` at the message that lies at `offset` of `segment`. Valid until the message is released. */
export function viewMessage(segment: Segment, offset: number, content: Content): void {
  const { bytes, view } = segment;
  const propertiesWord = view.getInt32(offset + 4);
  const routeAt = routeAtOf(offset, propertiesWord);
  const routingKeyAt = routeAt + 1 + bytes[routeAt]!;
  const propertiesAt = routingKeyAt + 1 + bytes[routingKeyAt]!;
  const propertiesEnd = propertiesAt + (propertiesWord & SIZE_MASK);
  content.block = segment;
  content.routeAt = routeAt;
  content.routeEnd = propertiesAt;
  content.propertiesAt = propertiesAt;
  content.propertiesEnd = propertiesEnd;
  content.bodyAt = propertiesEnd;
  content.bodyEnd = propertiesEnd + view.getUint32(offset);
}

/** Whether the message at `offset` says when it was published. */
export function isTimed({ view }: Pick<Segment, 'view'>, offset: number): boolean {
  return view.getInt32(offset + 4) < 0;
}

/** Where the routing key of the message at `offset` begins and ends. */
export function routingKeyOf(
  { bytes, view }: Pick<Segment, 'bytes' | 'view'>,
  offset: number,
): { at: number; end: number } {
  const routeAt = routeAtOf(offset, view.getInt32(offset + 4));
  const lengthAt = routeAt + 1 + bytes[routeAt]!;
  return { at: lengthAt + 1, end: lengthAt + 1 + bytes[lengthAt]! };
}

/** The size of the body of the message at `offset`. */
export function bodyBytesOf({ view }: Pick<Segment, 'view'>, offset: number): number {
  return view.getUint32(offset);
}

/** How long the message at `offset`, which is timed, may live by itself, in ms; infinite when it does not say. */
export function lifeOf({ view }: Pick<Segment, 'view'>, offset: number): number {
  const expirationMs = readU48(view, offset + HEAD_BYTES + 6);
  return expirationMs === NO_EXPIRATION ? Number.POSITIVE_INFINITY : expirationMs;
}

/**
 * When the message at `offset` ends, if a queue keeps it for at most `ttlMs` (or infinitely long) and it was published, as far
 * as it does not say so itself, at `publishedAtMs`. Infinite when it never ends.
 */
export function deadlineOf(
  segment: Pick<Segment, 'view'>,
  offset: number,
  ttlMs: number,
  publishedAtMs: number,
): number {
  if (!isTimed(segment, offset)) return publishedAtMs + ttlMs;
  const lifeMs = Math.min(ttlMs, lifeOf(segment, offset));
  return readU48(segment.view, offset + HEAD_BYTES) + lifeMs;
}

/** What recovery notes of a message, so that nobody has to read it again. */
export function readFacts(view: DataView, offset: number, facts: RecordFacts): void {
  facts.bodyBytes = view.getUint32(offset);
  const hasTimes = isTimed({ view }, offset);
  facts.publishedAtMs = hasTimes ? readU48(view, offset + HEAD_BYTES) : undefined;
  const expirationMs = hasTimes ? readU48(view, offset + HEAD_BYTES + 6) : NO_EXPIRATION;
  facts.expirationMs = expirationMs === NO_EXPIRATION ? undefined : expirationMs;
}
