import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Binding, Destination } from '../../broker/binding.ts';
import { TopicExchange } from '../../broker/exchange/topic.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import {
  DELAYED_DELIVERY_EXCHANGE,
  delayedBindingKey,
  delayedRoutingKey,
  delayLadder,
  LADDER_ENTRY_EXCHANGE,
  MAX_DELAY_SECONDS,
  withoutDelay,
} from './delay-ladder.ts';
import { InvalidArgument } from './errors.ts';

const ladder = delayLadder('classic');
const exchanges = new Map(ladder.exchanges.map((name) => [name, new TopicExchange()]));
for (const { source, destination, destinationType, routingKey } of ladder.bindings) {
  exchanges.get(source)!.bind({
    destination: { kind: destinationType, name: destination },
    routingKey,
    arguments: FieldTable.empty,
  } as Binding);
}

/** Follows a message down the ladder: the seconds that it waits on each rung. */
function descent(routingKey: string): number[] {
  const waits: number[] = [];
  let at = LADDER_ENTRY_EXCHANGE;
  while (at !== DELAYED_DELIVERY_EXCHANGE) {
    const found = new Set<Destination>();
    exchanges.get(at)!.route({ routingKey, headers: FieldTable.empty }, found);
    const [next, ...others] = [...found] as { kind: string; name: string }[];
    expect(others).toEqual([]);
    if (next!.kind === 'queue') {
      const queue = ladder.queues.find(({ name }) => name === next!.name)!;
      waits.push((queue.arguments['x-message-ttl'] as number) / 1000);
      at = queue.arguments['x-dead-letter-exchange'] as string;
    } else {
      at = next!.name;
    }
  }
  return waits;
}

describe('the ladder of delays', () => {
  test('any whole number of seconds is waited for, on at most 28 rungs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_DELAY_SECONDS }), (seconds) => {
        const waits = descent(delayedRoutingKey(seconds, 'orders.eu'));
        expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(seconds);
      }),
    );
    expect(descent(delayedRoutingKey(11, 'jobs'))).toEqual([8, 2, 1]);
  });

  test('has Kombu’s names and arguments', () => {
    expect(ladder.exchanges).toHaveLength(29);
    expect(ladder.queues[0]).toEqual({
      name: 'celery_delayed_27',
      arguments: {
        'x-queue-type': 'classic',
        'x-overflow': 'reject-publish',
        'x-message-ttl': 134_217_728_000,
        'x-dead-letter-exchange': 'celery_delayed_26',
      },
    });
    expect(delayLadder('quorum').queues.at(-1)).toEqual({
      name: 'celery_delayed_0',
      arguments: {
        'x-queue-type': 'quorum',
        'x-overflow': 'reject-publish',
        'x-message-ttl': 1000,
        'x-dead-letter-exchange': 'celery_delayed_delivery',
        'x-dead-letter-strategy': 'at-least-once',
      },
    });
    expect(ladder.bindings.slice(2, 4)).toEqual([
      {
        destinationType: 'queue',
        source: 'celery_delayed_26',
        destination: 'celery_delayed_26',
        routingKey: '*.1.#',
      },
      {
        destinationType: 'exchange',
        source: 'celery_delayed_26',
        destination: 'celery_delayed_25',
        routingKey: '*.0.#',
      },
    ]);
  });

  test('delaying again replaces the bits', () => {
    const once = delayedRoutingKey(3, 'jobs');
    expect(once).toBe(`${'0.'.repeat(26)}1.1.jobs`);
    expect(delayedRoutingKey(4, once)).toBe(delayedRoutingKey(4, 'jobs'));
    expect(withoutDelay(once)).toBe('jobs');
    expect(withoutDelay('1.0.jobs')).toBe('1.0.jobs');
  });

  test('rounds up, and has an end', () => {
    expect(delayedRoutingKey(0.2, 'k')).toBe(delayedRoutingKey(1, 'k'));
    for (const bad of [0, -1, Number.NaN, MAX_DELAY_SECONDS + 1]) {
      expect(() => delayedRoutingKey(bad, 'k')).toThrow(InvalidArgument);
    }
  });

  test('binds by the key that was meant', () => {
    expect(delayedBindingKey('jobs')).toBe('#.jobs');
    expect(delayedBindingKey('#')).toBe('#');
  });
});
