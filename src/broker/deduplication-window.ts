// The keys of the messages that came to an exchange or a queue last, so that one that comes again can be dropped. The oldest key is
// forgotten when there are too many, or when its time is over.
//
// Keys that are to last are records in the log, like messages in a queue of its own: a key is the routing key of a message
// without anything else, and the time of publishing is when it came. It is written in the same chunk as the message it is of
// (see enqueue.ts), so that a crash keeps both or neither.

import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { decodeUtf8 } from '../protocol/utf8.ts';
import type { RecoveredQueue } from '../store/log/recovered-queue.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { PositionHolder, PositionVisitor } from '../store/position-holder.ts';
import { type MessageTaker, Need, type Now, routingKeyOf, storeMessage } from './message.ts';

/** What a key takes in the log at most: head, times, two short strings, flags, and what the log adds. */
export const MAX_KEY_RECORD_BYTES = 8 + 12 + 1 + 256 + 2 + 17;

/** What a key takes in memory besides its text, as measured. */
const ENTRY_BYTES = 160;

export interface DeduplicationSettings {
  /** So many keys are remembered at most. */
  readonly size: number;
  /** For so long; infinite when only their number counts. */
  readonly ttlMs: number;
}

interface Remembered {
  readonly seenAtMs: number;
  readonly sequence: number;
  /** Where the key's record is; -1 when there is none. */
  slot: number;
  offset: number;
}

const NO_SLOT = -1;

/** What lies between two keys on disk is read along when it is less than this. */
const NEAR_BYTES = 16 * 1024;

const writer = new ByteWriter();

export class DeduplicationWindow implements MessageTaker, PositionHolder {
  readonly title: string;
  readonly logId: number;
  readonly needs: number;
  /** Messages that were dropped. */
  dedupCount = 0;
  readonly #store: MessageStore;
  readonly #now: Now;
  readonly #settings: DeduplicationSettings;
  readonly #takers: readonly MessageTaker[] = [this];
  /** The oldest first. */
  readonly #keys = new Map<string, Remembered>();
  #nextSequence = 0;

  /** `title` is what it belongs to, as it is called in sentences; `logId` the number in the log, 0 for keys that do not last. */
  constructor(
    title: string,
    store: MessageStore,
    now: Now,
    settings: DeduplicationSettings,
    logId: number,
  ) {
    this.title = title;
    this.logId = logId;
    this.needs = Need.TIME | Need.LASTING | (logId > 0 ? Need.LOG : 0);
    this.#store = store;
    this.#now = now;
    this.#settings = settings;
    if (logId > 0) store.holders.add(this);
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }
  /** Keys that are remembered, those included whose time is over. */
  get size(): number {
    return this.#keys.size;
  }

  prepare(): void {}

  /** Whether a message of that key was here; counts it as dropped then. */
  isRepeated(key: string): boolean {
    const remembered = this.#keys.get(key);
    if (!remembered || this.#isOver(remembered)) return false;
    this.dedupCount += 1;
    return true;
  }

  #isOver({ seenAtMs }: Remembered): boolean {
    return this.#now.nowMs >= seenAtMs + this.#settings.ttlMs;
  }

  /** Remembers a key; true when it has to be on disk before the message it is of is confirmed. */
  remember(key: string): boolean {
    this.#forgetOld();
    const former = this.#keys.get(key);
    if (former) this.#forget(key, former);
    if (this.#keys.size === this.#settings.size) this.#forgetOldest();
    const sequence = this.#nextSequence;
    let slot = NO_SLOT;
    let offset = 0;
    if (this.logId > 0) {
      const segment = storeMessage(this.#store, recordOf(key), this.#takers, this.#now);
      slot = segment.slot;
      offset = segment.recordAt;
    }
    this.#nextSequence += 1;
    this.#add(key, { seenAtMs: this.#now.nowMs, sequence, slot, offset });
    return this.logId > 0;
  }

  #add(key: string, remembered: Remembered): void {
    this.#keys.set(key, remembered);
    this.#store.account(ENTRY_BYTES + key.length);
  }

  #forgetOld(): void {
    for (const [key, remembered] of this.#keys) {
      if (!this.#isOver(remembered)) return;
      this.#forget(key, remembered);
    }
  }

  #forgetOldest(): void {
    for (const [key, remembered] of this.#keys) {
      this.#forget(key, remembered);
      return;
    }
  }

  #forget(key: string, { sequence, slot }: Remembered): void {
    this.#keys.delete(key);
    this.#store.account(-ENTRY_BYTES - key.length);
    if (slot !== NO_SLOT) this.#store.settle(this, sequence, slot);
  }

  /** Takes the keys that were remembered before the broker stopped. */
  restore(recovered: RecoveredQueue): void {
    for (let from = 0; from < recovered.size; ) {
      let to = from + 1;
      while (to < recovered.size && isNext(recovered, to)) to += 1;
      this.#restore(recovered, from, to);
      from = to;
    }
    this.#nextSequence = recovered.nextSequence;
  }

  /** Reads keys that lie near each other at once: a call for each would take much longer. */
  #restore(recovered: RecoveredQueue, from: number, to: number): void {
    const slot = recovered.slot(from);
    const start = recovered.offset(from);
    const bytes = new Uint8Array(recovered.offset(to - 1) - start + MAX_KEY_RECORD_BYTES);
    this.#store.copyNow(slot, start, bytes);
    const segment = blockOf(bytes);
    for (let i = from; i < to; i++) {
      const offset = recovered.offset(i);
      const { at, end } = routingKeyOf(segment, offset - start);
      const key = decodeUtf8(bytes, at, end) ?? '';
      const seenAtMs = recovered.publishedAtMs(i) ?? 0;
      const former = this.#keys.get(key);
      if (former) this.#forget(key, former);
      this.#add(key, { seenAtMs, sequence: recovered.sequence(i), slot, offset });
    }
  }

  visitPositions(visitor: PositionVisitor): void {
    for (const remembered of this.#keys.values()) {
      const { sequence, slot, offset } = remembered;
      if (!visitor.moving.has(slot)) continue;
      if (!visitor.visit(this, sequence, slot, offset)) continue;
      remembered.slot = visitor.slot;
      remembered.offset = visitor.offset;
    }
  }

  /** What it belongs to is deleted. */
  delete(): void {
    this.#store.holders.delete(this);
    for (const [key, { slot }] of this.#keys) {
      this.#store.account(-ENTRY_BYTES - key.length);
      if (slot !== NO_SLOT) this.#store.release(slot);
    }
    this.#keys.clear();
  }
}

/** Whether a record lies a little behind the one before it. */
function isNext(recovered: RecoveredQueue, index: number): boolean {
  const distance = recovered.offset(index) - recovered.offset(index - 1);
  const isNear = distance > 0 && distance < NEAR_BYTES;
  return isNear && recovered.slot(index) === recovered.slot(index - 1);
}

/** A key as a message. */
function recordOf(key: string): Content {
  const content = new Content();
  writer.clear();
  writer.shortstr('');
  writer.shortstr(key);
  content.routeEnd = writer.length;
  content.propertiesAt = writer.length;
  writer.short(0);
  content.propertiesEnd = writer.length;
  content.bodyAt = writer.length;
  content.bodyEnd = writer.length;
  content.block = blockOf(writer.bytes);
  return content;
}
