// Where dead letters go: to a queue's dead letter exchange, and from there to whatever is bound, like any message. What makes a
// message a dead letter is in dead-letter.ts.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type DeathReason, deadLetter, mayEnter, type Takers } from './dead-letter.ts';
import { Enqueued, enqueueRouted, willTake } from './enqueue.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { QueueSettings } from './queue/queue-settings.ts';
import type { Routed, Router } from './router.ts';
import { type SenderSelected, toOwnKey } from './sender-selected.ts';
import type { Turn } from './turn.ts';

/** What of a vhost it takes to send one. */
export interface DeadLetterHost {
  readonly store: MessageStore;
  readonly turn: Turn;
  readonly router: Router;
  exchange(name: string): Exchange | undefined;
}

/**
 * Sends a message that dies in a queue with a dead letter exchange; false when it has yet to be taken. With `taken` none that
 * anybody refuses is let go of: it is sent to those that are not among them, who then are.
 */
export function sendDeadLetter(
  host: DeadLetterHost,
  { name, settings }: { readonly name: string; readonly settings: QueueSettings },
  content: Content,
  reason: DeathReason,
  taken?: Takers,
): boolean {
  const { deadLetterExchange = '', deadLetterRoutingKey } = settings;
  const exchange = host.exchange(deadLetterExchange);
  if (!exchange) return false;
  const letter = deadLetter(content, {
    queue: name,
    reason,
    deadLetterExchange,
    ...(deadLetterRoutingKey === undefined ? {} : { routingKey: deadLetterRoutingKey }),
    nowMs: host.turn.nowMs,
  });
  const reached = host.router.route(letter.content, exchange, letter.routingKeys);
  const queues = reached.queues.filter((queue) => mayEnter(letter, queue.name));
  // What would only go round in circles is done with.
  if (queues.length + reached.delays.length === 0) return reached.queues.length > 0;
  const message = toOwnKey(letter.content);
  if (taken) return sendToOthers(host, message, { ...reached, queues }, taken);
  const enqueued = enqueueRouted(host.store, message, { ...reached, queues }, host.turn);
  return (enqueued & Enqueued.TAKEN) !== 0;
}

/** Sends it to those who will take it and have not; true when all have. */
function sendToOthers(
  { store, turn }: DeadLetterHost,
  message: SenderSelected,
  routed: Routed,
  taken: Takers,
): boolean {
  const left = routed.queues.filter((queue) => !taken.has(queue));
  const queues = left.filter((queue) => willTake(queue, message.content));
  const delays = routed.delays.filter((delayed) => !taken.has(delayed));
  const isLast = queues.length === left.length;
  if (queues.length + delays.length > 0) {
    // It comes again as long as it is not everywhere, and must not pass for repeated then.
    const key = isLast ? routed.key : undefined;
    enqueueRouted(store, message, { ...routed, queues, delays, key }, turn);
    for (const taker of [...queues, ...delays]) taken.add(taker);
  }
  return isLast;
}
