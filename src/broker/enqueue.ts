// Puts a message where its route leads: into queues, and into what delayed exchanges hold back.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type Now, storeMessage } from './message.ts';
import type { Queue } from './queue/queue.ts';
import type { Routed } from './router.ts';
import type { SenderSelected } from './sender-selected.ts';

/** Stores a message once and puts it into all queues; true when it has to be on disk before it is confirmed. */
export function enqueue(
  store: MessageStore,
  content: Content,
  queues: readonly Queue[],
  now: Now,
): boolean {
  const { slot, recordAt, isLogged } = storeMessage(store, content, queues, now);
  for (let i = 0; i < queues.length; i++) queues[i]!.publish(slot, recordAt);
  return isLogged;
}

/** The same for a message that may be held back as well. */
export function enqueueRouted(
  store: MessageStore,
  { content, original }: SenderSelected,
  { queues, delays }: Routed,
  now: Now,
): boolean {
  let mustLast = queues.length > 0 && enqueue(store, content, queues, now);
  for (const delayed of delays) mustLast = delayed.hold(original) || mustLast;
  return mustLast;
}
