// The ladder, walked by hand: bindings as RabbitMQ reads them, queues that hold a message for their time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindToLadder, declareLadder, delayedRoute, delaySeconds } from './delay.ts';

/** What a topic exchange does, the plain way. */
function matches(pattern: string, key: string): boolean {
  const expression = pattern
    .split('.')
    .map((word) => (word === '*' ? '[^.]+' : word === '#' ? '.*' : word.replace(/[^\w]/g, '\\$&')))
    .join('\\.');
  return new RegExp(`^${expression}$`).test(key);
}

interface Bound {
  readonly from: string;
  readonly to: string;
  readonly isQueue: boolean;
  readonly key: string;
}

/** A broker of which only the topology is real. */
class Topology {
  readonly bindings: Bound[] = [];
  readonly queues = new Map<string, Record<string, unknown>>();

  exchangeDeclare(): Promise<void> {
    return Promise.resolve();
  }
  queueDeclare(name: string, options: { arguments: Record<string, unknown> }): Promise<void> {
    this.queues.set(name, options.arguments);
    return Promise.resolve();
  }
  queueBind(to: string, from: string, key: string): Promise<void> {
    this.bindings.push({ from, to, isQueue: true, key });
    return Promise.resolve();
  }
  exchangeBind(to: string, from: string, key: string): Promise<void> {
    this.bindings.push({ from, to, isQueue: false, key });
    return Promise.resolve();
  }

  /** Where a message ends up, and after how many seconds; more than once if it is there more than once. */
  follow(exchange: string, key: string, seconds = 0): { queue: string; seconds: number }[] {
    return this.bindings
      .filter((bound) => bound.from === exchange && matches(bound.key, key))
      .flatMap(({ to, isQueue }) => {
        if (!isQueue) return this.follow(to, key, seconds);
        const held = this.queues.get(to);
        if (!held) return [{ queue: to, seconds }];
        const ttl = (held['x-message-ttl'] as number) / 1000;
        return this.follow(held['x-dead-letter-exchange'] as string, key, seconds + ttl);
      });
  }
}

const ladder = new Topology();
await declareLadder(ladder as never);
for (const queue of ['jobs', 'a.jobs', 'a.b.jobs']) await bindToLadder(ladder as never, queue);

describe('the ladder', () => {
  test.each([1, 2, 3, 60, 86_400, 2 ** 28 - 1])('%i s later, in one queue, once', (seconds) => {
    const { exchange, routingKey } = delayedRoute('jobs', seconds);
    expect(ladder.follow(exchange, routingKey)).toEqual([{ queue: 'jobs', seconds }]);
  });

  test('any delay, whatever dots are in the queue’s name', () => {
    const queues = fc.constantFrom('jobs', 'a.jobs', 'a.b.jobs');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 28 - 1 }), queues, (seconds, queue) => {
        const { exchange, routingKey } = delayedRoute(queue, seconds);
        expect(ladder.follow(exchange, routingKey)).toEqual([{ queue, seconds }]);
      }),
    );
  });

  test('Celery begins at the top, and comes out at the same time', () => {
    const { routingKey } = delayedRoute('jobs', 1234);
    expect(ladder.follow('celery_delayed_27', routingKey)).toEqual([
      { queue: 'jobs', seconds: 1234 },
    ]);
  });
});

test('a key is the delay in 28 bits, and the queue', () => {
  expect(delayedRoute('jobs', 5)).toEqual({
    exchange: 'celery_delayed_2',
    routingKey: `${'0.'.repeat(25)}1.0.1.jobs`,
  });
});

test.each([
  [0, 0],
  ['1ms', 1],
  ['1500ms', 2],
  ['24h', 86_400],
] as const)('a delay of %s is %i whole seconds', (delay, seconds) => {
  expect(delaySeconds(delay)).toBe(seconds);
});

test('longer than the ladder is refused', () => {
  expect(() => delaySeconds('4000d')).toThrow(TypeError);
});
