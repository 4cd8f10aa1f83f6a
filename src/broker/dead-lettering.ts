// Where dead letters go: to a queue's dead letter exchange, and from there to whatever is bound, like any message. What makes a
// message a dead letter is in dead-letter.ts.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type DeathReason, deadLetter, mayEnter } from './dead-letter.ts';
import { Enqueued, enqueueRouted } from './enqueue.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { QueueSettings } from './queue/queue-settings.ts';
import type { Router } from './router.ts';
import { toOwnKey } from './sender-selected.ts';
import type { Turn } from './turn.ts';

/** What of a vhost it takes to send one. */
export interface DeadLetterHost {
  readonly store: MessageStore;
  readonly turn: Turn;
  readonly router: Router;
  exchange(name: string): Exchange | undefined;
}

/** Sends a message that dies in a queue with a dead letter exchange. False when it has yet to be taken. */
export function sendDeadLetter(
  host: DeadLetterHost,
  queue: string,
  settings: QueueSettings,
  content: Content,
  reason: DeathReason,
): boolean {
  const { deadLetterExchange = '', deadLetterRoutingKey } = settings;
  const exchange = host.exchange(deadLetterExchange);
  if (!exchange) return false;
  const letter = deadLetter(content, {
    queue,
    reason,
    deadLetterExchange,
    ...(deadLetterRoutingKey === undefined ? {} : { routingKey: deadLetterRoutingKey }),
    nowMs: host.turn.nowMs,
  });
  const reached = host.router.route(letter.content, exchange, letter.routingKeys);
  const queues = reached.queues.filter(({ name }) => mayEnter(letter, name));
  // What would only go round in circles is done with.
  if (queues.length + reached.delays.length === 0) return reached.queues.length > 0;
  const routed = { ...reached, queues };
  const enqueued = enqueueRouted(host.store, toOwnKey(letter.content), routed, host.turn);
  // A queue that keeps dead letters lets go of none that anybody refuses; those that took it may get it again.
  if (settings.keepsDeadLetters && (enqueued & Enqueued.REFUSED) !== 0) return false;
  return (enqueued & Enqueued.TAKEN) !== 0;
}
