// The last step of every publish: one record for all the queues that take the message. Ends here whatever brings a message, a
// client, a transaction or a queue that lets go of it.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { isToBeTimed, Need, type Now, needsOf, storeMessage } from './message.ts';
import type { Queue } from './queue/queue.ts';

/** What became of a message; a sum of these. */
export const Enqueued = {
  /** A queue has it. */
  TAKEN: 1,
  /** It has to be on disk before it is confirmed. */
  MUST_LAST: 2,
  /** A queue would not take it. */
  REFUSED: 4,
} as const;

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
