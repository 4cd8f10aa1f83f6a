// Who may consume from a queue, and who is served. What a queue does with messages is in test/model/queue.model.test.ts.
import { beforeEach, describe, expect, test } from 'vitest';
import { FieldTable } from '../../protocol/field-table.ts';
import { MessageStore } from '../../store/message-store.ts';
import { Churn } from '../message-counters.ts';
import { Turn } from '../turn.ts';
import type { Consumer } from './consumer.ts';
import { Queue } from './queue.ts';

let endTurn: () => void;
let store: MessageStore;
let served: string[];

beforeEach(() => {
  endTurn = () => {};
  store = new MessageStore();
  served = [];
});

function newQueue(singleActive = false, type = 'classic'): Queue {
  const clock = {
    now: () => 0,
    after: () => ({ cancel: () => {} }),
    defer: (run: () => void) => {
      endTurn = run;
    },
  };
  const turn = new Turn(clock);
  const host = {
    name: '/',
    turn,
    store,
    clock,
    deleteUnused: () => {},
    churn: new Churn(),
    sendDeadLetter: () => false,
  };
  const flags = { durable: false, exclusive: false, autoDelete: false };
  const args = new FieldTable([
    ['x-single-active-consumer', { type: 't', value: singleActive }],
    ['x-queue-type', { type: 'S', value: type }],
  ]);
  return new Queue({ name: 'q', arguments: args, ...flags }, host, undefined);
}

function consumerOf(queue: Queue, tag: string, more: Partial<Consumer> = {}): Consumer {
  return {
    tag,
    queue,
    noAck: true,
    exclusive: false,
    priority: 0,
    isParked: false,
    isLeaving: false,
    unackedCount: 0,
    canTake: () => true,
    deliver: (_sequence, slot) => {
      served.push(tag);
      store.release(slot);
      return 2;
    },
    cancelled: () => void served.push(`${tag} cancelled`),
    ...more,
  };
}

function publish(queue: Queue, count = 1): void {
  for (let i = 0; i < count; i++) {
    const { slot, recordAt } = store.allocate(10, 1);
    queue.publish(slot, recordAt, 2, false);
  }
  endTurn();
}

const inUse = expect.objectContaining({
  code: 403,
  message: "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
});

describe('an exclusive consumer', () => {
  test('keeps others out, until it goes', () => {
    const queue = newQueue();
    const first = consumerOf(queue, 'a', { exclusive: true });
    queue.addConsumer(first);
    expect(() => queue.checkMayConsume(false)).toThrow(inUse);
    expect(() => queue.addConsumer(consumerOf(queue, 'b'))).toThrow(inUse);
    expect(queue.consumerCount).toBe(1);
    queue.removeConsumer(first);
    queue.addConsumer(consumerOf(queue, 'b'));
    expect(queue.consumerCount).toBe(1);
  });

  test('must be the first', () => {
    const queue = newQueue();
    queue.addConsumer(consumerOf(queue, 'a'));
    expect(() => queue.checkMayConsume(true)).toThrow(inUse);
    expect(() => queue.checkMayConsume(false)).not.toThrow();
  });

  test('cannot be the only active one of several', () => {
    const queue = newQueue(true);
    expect(() => queue.checkMayConsume(true)).toThrow(inUse);
    expect(() => queue.checkMayConsume(false)).not.toThrow();
  });
});

describe('serving', () => {
  test('all consumers take turns', () => {
    const queue = newQueue();
    for (const tag of ['a', 'b', 'c']) queue.addConsumer(consumerOf(queue, tag));
    publish(queue, 4);
    expect(served).toEqual(['a', 'b', 'c', 'a']);
  });

  test('what was waiting goes to the first consumer that comes', () => {
    const queue = newQueue();
    publish(queue, 2);
    expect(queue.readyCount).toBe(2);
    queue.addConsumer(consumerOf(queue, 'a'));
    expect(served).toEqual([]);
    endTurn();
    expect(served).toEqual(['a', 'a']);
  });

  test('a deleted queue tells its consumers and serves nobody', () => {
    const queue = newQueue();
    for (const tag of ['a', 'b']) queue.addConsumer(consumerOf(queue, tag));
    const { slot, recordAt } = store.allocate(10, 1);
    queue.publish(slot, recordAt, 2, false);
    expect(queue.delete()).toBe(1);
    endTurn();
    expect(served).toEqual(['a cancelled', 'b cancelled']);
    expect(queue.consumerCount).toBe(0);
  });
});

describe('a single active consumer', () => {
  test('is the one that came first, then the next', () => {
    const queue = newQueue(true);
    const [a, b, c] = ['a', 'b', 'c'].map((tag) => consumerOf(queue, tag)) as [
      Consumer,
      Consumer,
      Consumer,
    ];
    for (const consumer of [a, b, c]) queue.addConsumer(consumer);
    publish(queue, 2);
    queue.removeConsumer(b);
    publish(queue);
    queue.removeConsumer(a);
    publish(queue, 2);
    expect(served).toEqual(['a', 'a', 'a', 'c', 'c']);
  });

  test('that can take nothing more leaves the others waiting', () => {
    const queue = newQueue(true);
    const busy = consumerOf(queue, 'a', { canTake: () => false });
    queue.addConsumer(busy);
    queue.addConsumer(consumerOf(queue, 'b', { priority: 9 }));
    publish(queue, 2);
    expect(served).toEqual([]);
    queue.removeConsumer(busy);
    endTurn();
    expect(served).toEqual(['b', 'b']);
  });

  test('of a classic queue stays, whatever the priority of others', () => {
    const queue = newQueue(true);
    queue.addConsumer(consumerOf(queue, 'a'));
    queue.addConsumer(consumerOf(queue, 'b', { priority: 9 }));
    publish(queue, 2);
    expect(served).toEqual(['a', 'a']);
  });

  describe('of a quorum queue', () => {
    /** What the consumer has is settled by the tests. */
    const keeping = (queue: Queue, tag: string, priority: number): Consumer & Keeping => {
      const consumer = consumerOf(queue, tag, { noAck: false, priority }) as Consumer & Keeping;
      consumer.deliver = () => {
        served.push(tag);
        consumer.unackedCount += 1;
        return 2;
      };
      return consumer;
    };
    interface Keeping {
      unackedCount: number;
      deliver: () => number;
    }

    test('passes on to a higher priority at once when it has nothing', () => {
      const queue = newQueue(true, 'quorum');
      for (const [tag, priority] of [
        ['a', 1],
        ['same', 1],
        ['low', 0],
        ['b', 2],
      ] as const) {
        queue.addConsumer(keeping(queue, tag, priority));
      }
      publish(queue);
      expect([served, queue.consumers.active?.tag]).toEqual([['b'], 'b']);
    });

    test('passes on when it has settled what it has, and gets nothing meanwhile', () => {
      const queue = newQueue(true, 'quorum');
      const a = keeping(queue, 'a', 0);
      queue.addConsumer(a);
      publish(queue, 2);
      queue.addConsumer(keeping(queue, 'b', 1));
      queue.addConsumer(keeping(queue, 'c', 5));
      publish(queue);
      a.unackedCount = 1;
      a.isParked = true;
      queue.consumerReady(a);
      endTurn();
      expect([served, queue.consumers.active?.tag]).toEqual([['a', 'a'], 'a']);
      a.unackedCount = 0;
      queue.consumerReady(a);
      endTurn();
      expect([served, queue.consumers.active?.tag]).toEqual([['a', 'a', 'c'], 'c']);
    });

    test('stays when the one that was to replace it goes, and is followed by the highest', () => {
      const queue = newQueue(true, 'quorum');
      const [a, high] = [keeping(queue, 'a', 0), keeping(queue, 'high', 9)];
      for (const consumer of [a, keeping(queue, 'b', -2), keeping(queue, 'c', -1)]) {
        queue.addConsumer(consumer);
      }
      publish(queue);
      queue.addConsumer(high);
      queue.removeConsumer(high);
      publish(queue);
      expect(served).toEqual(['a', 'a']);
      queue.removeConsumer(a);
      publish(queue);
      expect(served).toEqual(['a', 'a', 'c']);
    });
  });
});
