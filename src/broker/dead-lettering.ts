// Where dead letters go: to a queue's dead letter exchange, and from there to whatever is bound, like any message. What makes a
// message a dead letter is in dead-letter.ts.
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type DeathReason, deadLetter, mayEnter } from './dead-letter.ts';
import { Enqueued, enqueue } from './enqueue.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { QueueSettings } from './queue/queue-settings.ts';
import type { Router } from './router.ts';
import type { Turn } from './turn.ts';

/** What of a vhost it takes to send one. */
export interface DeadLetterHost {
  readonly store: MessageStore;
  readonly turn: Turn;
  readonly router: Router;
  exchange(name: string): Exchange | undefined;
}

/** Sends a message that dies in a queue with a dead letter exchange. False when no queue has taken it. */
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
  const queues = reached.filter(({ name }) => mayEnter(letter, name));
  // What would only go round in circles is done with.
  if (queues.length === 0) return reached.length > 0;
  return (enqueue(host.store, letter.content, queues, host.turn) & Enqueued.TAKEN) !== 0;
}
