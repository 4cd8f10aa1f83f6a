// Looks at the messages of a queue that are ready, in the order in which they would be delivered, and changes nothing: they are
// neither taken nor marked. One call does a bounded amount of work and says where the next one may go on, however long the
// queue is and wherever its messages are; what is not in memory is loaded, one segment after the other. A place in the queue
// says where to go on, so messages that come or go meanwhile disturb nothing.
import { Content } from '../../protocol/content.ts';
import type { BasicProperties } from '../../protocol/properties.ts';
import { levelOf } from '../../store/log/log-records.ts';
import type { MessageStore } from '../../store/message-store.ts';
import { bodyBytesOf, viewMessage } from '../message.ts';
import type { Lane } from './lane.ts';
import { type MessageFilter, type MessageTest, testOf } from './message-filter.ts';
import type { ReadyMessages } from './ready-messages.ts';

/** What one call may look at: whichever comes first ends it. */
const MAX_SCANNED = 1000;
const MAX_SCANNED_BYTES = 8 * 1024 * 1024;
const MAX_LOADED_SEGMENTS = 16;

export interface PeekRequest {
  /** So many messages are wanted at most. */
  readonly limit: number;
  /** Begins behind so many messages. Not looked at when `cursor` is given. */
  readonly offset?: number;
  /** Goes on where an earlier call has ended. */
  readonly cursor?: string;
  readonly filter?: MessageFilter;
  /** Of each body no more than this is shown. Default: all. */
  readonly maxBodyBytes?: number;
}

export interface PeekedMessage {
  /** Its place in the queue, which it keeps for good. */
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly bodySizeBytes: number;
  readonly body: Uint8Array;
}

export interface Peeked {
  readonly messages: readonly PeekedMessage[];
  /** How many were looked at, shown or not. */
  readonly scanned: number;
  /** Where to go on; undefined at the end of the queue. */
  readonly cursor: string | undefined;
}

/** What can be looked into. */
interface PeekedQueue {
  readonly ready: ReadyMessages;
}

const viewed = new Content();
const extracted = new Content();

/** Passes to `done` what is asked for: at once, or when it has been loaded. */
export function peek(
  queue: PeekedQueue,
  store: MessageStore,
  request: PeekRequest,
  done: (peeked: Peeked) => void,
): void {
  new Peek(queue.ready, store, request, done).run();
}

/** What of a queue it takes to let go of one of its messages. */
export interface EmptiedQueue extends PeekedQueue {
  settleDelivered(sequence: number, slot: number): void;
}

/** `kept`: it was not to go. `absent`: it is not ready, or not there any more. */
export type Extraction = 'taken' | 'kept' | 'absent';

/**
 * Takes one message out of a queue, wherever in it, when `send` has passed it on: it is published elsewhere and then settled, in
 * this order, so that a crash may repeat but never lose it. Nobody else can get it in between.
 */
export function extract(
  queue: EmptiedQueue,
  store: MessageStore,
  sequence: number,
  send: (content: Content) => boolean,
  done: (extraction: Extraction) => void,
): void {
  const { ready } = queue;
  const at = find(ready, sequence);
  if (!at) {
    done('absent');
    return;
  }
  // Its size counts among the queue's bytes, so it has to be read.
  if (!store.isResident(at.slot)) {
    store.load(at.slot, () => extract(queue, store, sequence, send, done));
    return;
  }
  viewMessage(store.segment(at.slot), at.offset, extracted);
  if (!send(extracted)) {
    done('kept');
    return;
  }
  ready.remove([sequence], (_, slot, offset) => {
    ready.bytes -= bodyBytesOf(store.segment(slot), offset);
    queue.settleDelivered(sequence, slot);
  });
  done('taken');
}

/** Passes a message to `done`, whole; undefined when it is not ready, or not there any more. */
export function look(
  queue: PeekedQueue,
  store: MessageStore,
  sequence: number,
  done: (content: Content | undefined) => void,
): void {
  const at = find(queue.ready, sequence);
  if (!at) {
    done(undefined);
  } else if (store.isResident(at.slot)) {
    viewMessage(store.segment(at.slot), at.offset, extracted);
    done(extracted);
  } else {
    store.load(at.slot, () => look(queue, store, sequence, done));
  }
}

/** Tells of a message whether it is in the queue already: what comes from now on takes later places, in each level. */
export function presentIn({ ready }: PeekedQueue): (sequence: number) => boolean {
  const ends = ready.lanes.map((lane) => lane?.fresh.nextSequence ?? 0);
  return (sequence) => sequence < (ends[levelOf(sequence)] ?? 0);
}

/** Where to go on behind all messages of that one's level; undefined at the end of the queue. */
export function cursorBelow(sequence: number): string | undefined {
  const level = levelOf(sequence);
  return level === 0 ? undefined : `${level - 1}r0`;
}

interface Place {
  readonly slot: number;
  readonly offset: number;
}

function find(ready: ReadyMessages, sequence: number): Place | undefined {
  for (const lane of ready.lanes) {
    if (!lane) continue;
    const { fresh, returned } = lane;
    if (fresh.has(sequence)) {
      return { slot: fresh.slotAt(sequence), offset: fresh.offsetAt(sequence) };
    }
    let found: Place | undefined;
    returned.find(new Set([sequence]), (_, slot, offset) => {
      found = { slot, offset };
    });
    if (found) return found;
  }
  return undefined;
}

interface Located {
  readonly sequence: number;
  readonly slot: number;
  readonly offset: number;
  readonly redelivered: boolean;
}

/** What of a level comes first: messages that came back, then those that nobody had. */
type Part = 'returned' | 'fresh';

class Peek {
  readonly #ready: ReadyMessages;
  readonly #store: MessageStore;
  readonly #request: PeekRequest;
  readonly #isWanted: MessageTest;
  readonly #done: (peeked: Peeked) => void;
  readonly #messages: PeekedMessage[] = [];
  #scanned = 0;
  #scannedBytes = 0;
  #loadedSegments = 0;
  /** Where it is: a level, a part of it, and the first place there that was not looked at. */
  #level: number;
  #part: Part = 'returned';
  #sequence = 0;
  #toSkip: number;

  constructor(
    ready: ReadyMessages,
    store: MessageStore,
    request: PeekRequest,
    done: (peeked: Peeked) => void,
  ) {
    this.#ready = ready;
    this.#store = store;
    this.#request = request;
    this.#isWanted = testOf(request.filter ?? {});
    this.#done = done;
    this.#level = ready.lanes.length - 1;
    this.#toSkip = request.offset ?? 0;
    if (request.cursor !== undefined) this.#goTo(request.cursor);
  }

  #goTo(cursor: string): void {
    this.#toSkip = 0;
    const [, level, part, sequence] = /^(\d+)([rf])(\d+)$/.exec(cursor) ?? [];
    // One that is not ours leads to the end: a walk down from a level that never was may be endless.
    const given = Number(level ?? -1);
    this.#level = given < this.#ready.lanes.length ? given : -1;
    this.#part = part === 'r' ? 'returned' : 'fresh';
    this.#sequence = Number(sequence ?? 0);
  }

  get #cursor(): string | undefined {
    if (this.#level < 0) return undefined;
    return `${this.#level}${this.#part === 'returned' ? 'r' : 'f'}${this.#sequence}`;
  }

  get #isOver(): boolean {
    return (
      this.#messages.length >= this.#request.limit ||
      this.#scanned >= MAX_SCANNED ||
      this.#scannedBytes >= MAX_SCANNED_BYTES
    );
  }

  run(): void {
    for (; this.#level >= 0; this.#nextPart()) {
      const lane = this.#ready.lanes[this.#level];
      if (!lane) continue;
      const isAtEnd = this.#part === 'returned' ? this.#runReturned(lane) : this.#runFresh(lane);
      if (!isAtEnd) return;
    }
    this.#end();
  }

  #end(): void {
    this.#done({ messages: this.#messages, scanned: this.#scanned, cursor: this.#cursor });
  }

  #nextPart(): void {
    this.#sequence = 0;
    if (this.#part === 'returned') {
      this.#part = 'fresh';
    } else {
      this.#part = 'returned';
      this.#level -= 1;
    }
  }

  /** False when it has ended, or goes on later. */
  #runReturned({ returned }: Lane): boolean {
    const inOrder = returned.inOrder();
    let from = inOrder.findIndex((sequence) => sequence >= this.#sequence);
    if (from < 0) return true;
    const skipped = Math.min(this.#toSkip, inOrder.length - from);
    this.#toSkip -= skipped;
    from += skipped;
    // One more than can be looked at: coming to it ends the call.
    const next = new Set(inOrder.subarray(from, from + MAX_SCANNED + 1));
    const located = new Map<number, Located>();
    returned.find(next, (sequence, slot, offset, redelivered) => {
      located.set(sequence, { sequence, slot, offset, redelivered });
    });
    for (const sequence of next) {
      this.#sequence = sequence;
      if (!this.#look(located.get(sequence)!)) return false;
    }
    return true;
  }

  #runFresh({ fresh, redeliveredBelow }: Lane): boolean {
    let sequence = fresh.firstFrom(this.#sequence);
    if (this.#toSkip > 0) {
      const skipped = Math.min(this.#toSkip, fresh.size);
      this.#toSkip -= skipped;
      sequence = fresh.sequenceAt(skipped);
    }
    while (sequence < fresh.nextSequence) {
      this.#sequence = sequence;
      const slot = fresh.slotAt(sequence);
      const offset = fresh.offsetAt(sequence);
      if (!this.#look({ sequence, slot, offset, redelivered: sequence < redeliveredBelow })) {
        return false;
      }
      sequence = fresh.firstFrom(sequence + 1);
    }
    return true;
  }

  /** False when it has ended before this message, or goes on when that is loaded. */
  #look(at: Located): boolean {
    if (this.#isOver) {
      this.#end();
      return false;
    }
    if (!this.#store.isResident(at.slot)) {
      if (this.#loadedSegments === MAX_LOADED_SEGMENTS) {
        this.#end();
      } else {
        this.#loadedSegments += 1;
        this.#store.load(at.slot, () => this.run());
      }
      return false;
    }
    viewMessage(this.#store.segment(at.slot), at.offset, viewed);
    this.#scanned += 1;
    this.#scannedBytes += viewed.bodySizeBytes;
    if (this.#isWanted(viewed)) this.#messages.push(this.#shown(at));
    this.#sequence = at.sequence + 1;
    return true;
  }

  #shown({ sequence, redelivered }: Located): PeekedMessage {
    const { exchange, routingKey, properties, bodySizeBytes } = viewed;
    const body = viewed.body.slice(0, this.#request.maxBodyBytes ?? bodySizeBytes);
    return { sequence, redelivered, exchange, routingKey, properties, bodySizeBytes, body };
  }
}
