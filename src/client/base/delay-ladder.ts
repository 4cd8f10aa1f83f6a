// Kombu's ladder for delays on brokers that have no delayed exchange: 28 rungs, each a topic exchange and a queue whose TTL is 2^n
// seconds. A message climbs down; the bits of its delay, first words of its routing key, say on which rungs it waits, so that
// no message stands behind a longer one. Names and arguments are Kombu's, so Celery and we share one ladder.
//
//   celery_delayed_27 --1.#--> queue (2^27 s) --dead letter--> celery_delayed_26 … celery_delayed_0 --> celery_delayed_delivery
//                     --0.#--> celery_delayed_26
import { InvalidArgument } from './errors.ts';

const LEVELS = 28;

/** Where messages come out, with the bits still in front of their routing key. */
export const DELAYED_DELIVERY_EXCHANGE = 'celery_delayed_delivery';

/** Where messages go in. */
export const LADDER_ENTRY_EXCHANGE = levelName(LEVELS - 1);

/** Some 8½ years: all bits set. */
export const MAX_DELAY_SECONDS = 2 ** LEVELS - 1;

export interface LadderQueue {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface LadderBinding {
  readonly destinationType: 'queue' | 'exchange';
  readonly source: string;
  readonly destination: string;
  readonly routingKey: string;
}

export interface DelayLadder {
  /** Durable topic exchanges. */
  readonly exchanges: readonly string[];
  readonly queues: readonly LadderQueue[];
  readonly bindings: readonly LadderBinding[];
}

function levelName(level: number): string {
  return level < 0 ? DELAYED_DELIVERY_EXCHANGE : `celery_delayed_${level}`;
}

/** All there is to declare, in an order in which it can be. Kombu's ladders are of quorum queues by default, as Celery asks. */
export function delayLadder(queueType: 'quorum' | 'classic'): DelayLadder {
  const levels = Array.from({ length: LEVELS }, (_, i) => LEVELS - 1 - i);
  const queueOf = (level: number): LadderQueue => ({
    name: levelName(level),
    arguments: {
      'x-queue-type': queueType,
      'x-overflow': 'reject-publish',
      'x-message-ttl': 2 ** level * 1000,
      'x-dead-letter-exchange': levelName(level - 1),
      ...(queueType === 'quorum' && { 'x-dead-letter-strategy': 'at-least-once' }),
    },
  });
  const bindingsOf = (level: number): LadderBinding[] => {
    const source = levelName(level);
    const before = '*.'.repeat(LEVELS - 1 - level);
    return [
      { destinationType: 'queue', source, destination: source, routingKey: `${before}1.#` },
      {
        destinationType: 'exchange',
        source,
        destination: levelName(level - 1),
        routingKey: `${before}0.#`,
      },
    ];
  };
  return {
    exchanges: [...levels.map(levelName), DELAYED_DELIVERY_EXCHANGE],
    queues: levels.map(queueOf),
    bindings: levels.flatMap(bindingsOf),
  };
}

/**
 * The routing key of a message that is to come out after `seconds`, rounded up. Bits that an earlier delay left are replaced.
 *
 * @throws InvalidArgument
 */
export function delayedRoutingKey(seconds: number, routingKey: string): string {
  const whole = Math.ceil(seconds);
  if (!(whole >= 1 && whole <= MAX_DELAY_SECONDS)) {
    throw new InvalidArgument(
      'delay',
      `must be from 1 to ${MAX_DELAY_SECONDS} seconds on a ladder of queues, not ${seconds}`,
    );
  }
  const bits = whole.toString(2).padStart(LEVELS, '0').split('').join('.');
  return `${bits}.${withoutDelay(routingKey)}`;
}

/** What the routing key was before it was delayed. */
export function withoutDelay(routingKey: string): string {
  return routingKey.replace(delayBits, '');
}

const delayBits = new RegExp(`^(?:[01]\\.){${LEVELS}}`);

/** What a queue binds to the delivery exchange with, to be given what was delayed for `routingKey`. */
export function delayedBindingKey(routingKey: string): string {
  return routingKey.startsWith('#') ? routingKey : `#.${routingKey}`;
}
