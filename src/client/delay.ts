// Messages that wait in the broker before they come: a ladder of queues, each holding a message for twice as long as the next, so
// that any number of seconds is a choice of rungs and nothing waits behind anything longer. Names and keys are those of Kombu's
// native delayed delivery, so that Celery and we share one ladder.
//
//   routing key: 28 bits of the delay in seconds, high one first, dots between them, then the queue's name

import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import type { Channel } from './channel.ts';

const RUNGS = 28;
const DELIVERY = 'celery_delayed_delivery';
const MAX_DELAY_SECONDS = 2 ** RUNGS - 1;

const rung = (level: number): string => `celery_delayed_${level}`;
const stars = (count: number): string => '*.'.repeat(count);

export function isLadderQueue(queue: string): boolean {
  return /^celery_delayed_\d+$/.test(queue);
}

/** Whole seconds, rounded up. */
export function delaySeconds(delay: Duration): number {
  const seconds = Math.ceil(durationMs(delay, 'delay') / 1000);
  if (seconds > MAX_DELAY_SECONDS) {
    throw new InvalidArgument('delay', `must be at most ${MAX_DELAY_SECONDS} s, not ${seconds}`);
  }
  return seconds;
}

/** Where a message for `queue` is published that is to come `seconds` later. */
export function delayedRoute(
  queue: string,
  seconds: number,
): { exchange: string; routingKey: string } {
  const bits = seconds.toString(2).padStart(RUNGS, '0');
  // The rungs above the highest bit would pass it on: it begins at its own.
  const exchange = rung(Math.floor(Math.log2(seconds)));
  return { exchange, routingKey: `${[...bits].join('.')}.${queue}` };
}

/** Declares the ladder; what is there is left as it is. */
export async function declareLadder(channel: Channel): Promise<void> {
  const all: Promise<unknown>[] = [];
  for (let level = RUNGS - 1; level >= 0; level--) {
    all.push(channel.exchangeDeclare(rung(level), 'topic', { durable: true }));
  }
  all.push(channel.exchangeDeclare(DELIVERY, 'topic', { durable: true }));
  for (let level = RUNGS - 1; level >= 0; level--) {
    const next = level > 0 ? rung(level - 1) : DELIVERY;
    const above = stars(RUNGS - 1 - level);
    const args = {
      'x-queue-type': 'classic',
      'x-overflow': 'reject-publish',
      'x-message-ttl': 2 ** level * 1000,
      'x-dead-letter-exchange': next,
    };
    all.push(channel.queueDeclare(rung(level), { durable: true, arguments: args }));
    all.push(channel.queueBind(rung(level), rung(level), `${above}1.#`));
    all.push(channel.exchangeBind(next, rung(level), `${above}0.#`));
  }
  await Promise.all(all);
}

/** Lets the ladder's last rung reach `queue`, whatever dots are in its name. */
export async function bindToLadder(channel: Channel, queue: string): Promise<void> {
  await channel.queueBind(queue, DELIVERY, `${stars(RUNGS)}${queue}`);
}
