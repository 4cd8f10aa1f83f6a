// The last step of every publish: one record for all the queues that take the message, and one for each delayed exchange that
// holds it back. Ends here whatever brings a message, a client, a transaction or a queue that lets go of it.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { MAX_KEY_RECORD_BYTES } from './deduplication-window.ts';
import { isToBeTimed, loggedBytes, Need, type Now, needsOf, storeMessage } from './message.ts';
import type { Queue } from './queue/queue.ts';
import type { Routed } from './router.ts';
import type { SenderSelected } from './sender-selected.ts';

/** What became of a message; a sum of these. */
export const Enqueued = {
  /** A queue has it, or a delayed exchange. */
  TAKEN: 1,
  /** It has to be on disk before it is confirmed. */
  MUST_LAST: 2,
  /** A queue would not take it. */
  REFUSED: 4,
} as const;

const SETTLED = Enqueued.TAKEN | Enqueued.REFUSED;

/** Stores a message once and puts it into all `queues` that take it, of which there is at least one. */
export function enqueue(
  store: MessageStore,
  content: Content,
  queues: readonly Queue[],
  now: Now,
): number {
  const needs = needsOf(queues);
  if ((needs & Need.CONSENT) === 0) return put(store, content, queues, now, needs);
  const willing = queues.filter(
    (queue) => (queue.needs & Need.CONSENT) === 0 || queue.accepts(content),
  );
  const isRefused = willing.length < queues.length ? Enqueued.REFUSED : 0;
  if (willing.length === 0) return isRefused;
  return isRefused + put(store, content, willing, now, needsOf(willing));
}

/** Whether a queue would take a message. */
export function willTake(queue: Queue, content: Content): boolean {
  return (queue.needs & Need.CONSENT) === 0 || queue.hasRoomFor(content);
}

/**
 * Puts a message into a queue that takes it; false when it does not. What is refused becomes no dead letter: who offers it has it
 * still.
 */
export function enqueueOffered(
  store: MessageStore,
  content: Content,
  queue: Queue,
  now: Now,
): boolean {
  if (!willTake(queue, content)) return false;
  put(store, content, [queue], now, needsOf([queue]));
  return true;
}

function put(
  store: MessageStore,
  content: Content,
  queues: readonly Queue[],
  now: Now,
  needs: number,
): number {
  const timed = isToBeTimed(content, needs);
  const segment = storeMessage(store, content, queues, now, needs, timed);
  const { slot, recordAt } = segment;
  const bodyBytes = content.bodyEnd - content.bodyAt;
  for (let i = 0; i < queues.length; i++) queues[i]!.publish(slot, recordAt, bodyBytes, timed);
  return segment.isLogged ? Enqueued.TAKEN + Enqueued.MUST_LAST : Enqueued.TAKEN;
}

/** Puts a message wherever its route leads; 0 when that is nowhere. */
export function enqueueRouted(
  store: MessageStore,
  { content, original }: SenderSelected,
  { queues, delays, windows, key }: Routed,
  now: Now,
): number {
  // A key must not be there without its message, nor the other way round, after a crash.
  if (key !== undefined) {
    const records = 1 + delays.length;
    store.keepTogether(
      records * loggedBytes(original, queues.length + 1) + windows.length * MAX_KEY_RECORD_BYTES,
    );
  }
  let enqueued = queues.length > 0 ? enqueue(store, content, queues, now) : 0;
  for (const delayed of delays) enqueued |= delayed.hold(original);
  // What is refused comes again, and has to get in then.
  if (key === undefined || (enqueued & SETTLED) !== Enqueued.TAKEN) return enqueued;
  for (const window of windows) if (window.remember(key)) enqueued |= Enqueued.MUST_LAST;
  return enqueued;
}
