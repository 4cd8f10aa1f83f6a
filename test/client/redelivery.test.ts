// What waits in the broker: retries with back-off, dead letters, delays, and how long a message lives. All of it on a clock that is
// turned, against the real broker.
import {
  Connection,
  type ConsumeOptions,
  DEFAULT_EXPIRATION,
  exponential,
  fixed,
  type Message,
  Queue,
} from 'leveret';
import { MemoryBroker } from 'leveret/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let broker: MemoryBroker;
let connection: Connection;
beforeEach(() => {
  broker = new MemoryBroker({ clock: 'manual' });
  connection = new Connection(broker, { heartbeat: 0 });
});
afterEach(async () => {
  const closed = connection.close();
  await broker.advance('1m');
  await closed;
  await broker.close();
});

/** Consumes with a handler that always fails; notes when, in seconds from now. */
async function failing(queue: Queue | string, options: ConsumeOptions): Promise<number[]> {
  const startMs = broker.clock.now();
  const at: number[] = [];
  const fail = () => {
    at.push((broker.clock.now() - startMs) / 1000);
    throw new RangeError('card declined');
  };
  await connection.consume(queue as Queue, fail, options);
  return at;
}

describe('a handler that fails', () => {
  test('gets its message again after each wait, then it is dead-lettered with the reason', async () => {
    const at = await failing('orders', {
      retry: { maxRetries: 3, backoff: exponential(), deadLetter: 'orders.dead' },
    });
    const { messageId } = await connection.publish('orders', { id: 'a1' });
    await broker.advance('10m');
    expect(at).toEqual([0, 1, 3, 7]);
    const [dead, ...others] = broker.messages('orders.dead');
    expect(others).toEqual([]);
    expect(dead).toMatchObject({
      body: { id: 'a1' },
      properties: { messageId },
      headers: {
        'x-retry-count': 3,
        'x-exception-type': 'RangeError',
        'x-exception-message': 'card declined',
        'x-first-death-queue': 'orders',
      },
    });
    expect(dead?.headers['x-first-death-at']).toBeInstanceOf(Date);
    expect(broker.messages('orders')).toEqual([]);
  });

  test('the copies do not expire: somebody has read them', async () => {
    const at = await failing('orders', { retry: { maxRetries: 1, backoff: fixed('2h') } });
    await connection.publish('orders', 'short-lived', { expiration: 5 });
    await broker.advance('3h');
    expect(at).toEqual([0, 7200]);
  });

  test('what is not worth it goes at once', async () => {
    const at = await failing('orders', {
      retry: {
        maxRetries: 5,
        deadLetter: 'orders.dead',
        when: (error) => !(error instanceof RangeError),
      },
    });
    await connection.publish('orders', 'x');
    await broker.advance('10m');
    expect(at).toEqual([0]);
    expect(broker.messages('orders.dead')).toHaveLength(1);
  });

  test('without a place for dead letters it is rejected, and the queue’s own takes it', async () => {
    const queue = new Queue('orders', { deadLetter: true });
    const at = await failing(queue, { retry: { maxRetries: 1, backoff: fixed(1) } });
    await connection.publish(queue, 'x');
    await broker.advance('1m');
    expect(at).toEqual([0, 1]);
    const [dead] = broker.messages('orders.dead');
    const [death] = (dead?.headers['x-death'] ?? []) as object[];
    expect(death).toMatchObject({ queue: 'orders', reason: 'rejected' });
  });

  test('waits below a second are waited for here', async () => {
    const at = await failing('orders', { retry: { maxRetries: 2, backoff: fixed('250ms') } });
    await connection.publish('orders', 'x');
    await broker.advance('10s');
    expect(at).toEqual([0, 0.25, 0.5]);
  });

  test('nothing is lost when the link breaks while the copy is made', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const name = `orders-${turns}`;
      const at = await failing(name, { retry: { maxRetries: 1, deadLetter: `${name}.dead` } });
      await connection.publish(name, 'x');
      for (let turn = 0; turn < turns; turn++) await new Promise((done) => setImmediate(done));
      broker.disconnect({ clean: false });
      await broker.advance('2m');
      expect(at.length).toBeGreaterThanOrEqual(2);
      expect(broker.messages(`${name}.dead`).length).toBeGreaterThanOrEqual(1);
      expect(broker.messages(name)).toEqual([]);
    }
  });
});

test('a copy says nothing of the ladder that its message came down', async () => {
  const own = { queue: 'orders.old', reason: 'rejected', count: 1 };
  const rung = { queue: 'celery_delayed_3', reason: 'expired', count: 1 };
  const first = { 'x-first-death-queue': 'orders.old', 'x-first-death-reason': 'rejected' };
  const last = { 'x-last-death-queue': 'celery_delayed_3', 'x-last-death-reason': 'expired' };
  await failing('orders', { retry: { maxRetries: 0, deadLetter: 'orders.dead' } });
  const headers = { 'x-death': [rung, own], ...first, ...last, kept: true };
  await connection.publish('orders', 'both', { headers });
  await connection.publish('orders', 'ladder', { headers: { 'x-death': [rung], ...last } });
  await broker.advance(1);
  const [both, ladder] = broker.messages('orders.dead');
  expect(both?.headers).toMatchObject({ 'x-death': [own], ...first, kept: true });
  expect(both?.headers).not.toHaveProperty('x-last-death-queue');
  expect(ladder?.headers).toMatchObject({ 'x-first-death-queue': 'orders' });
  expect(ladder?.headers).not.toHaveProperty('x-death');
});

describe('by hand', () => {
  test('the same wait again and again is no circle, which a broker would drop', async () => {
    const at = await failing('jobs', { retry: { maxRetries: 5, backoff: fixed('1m') } });
    await connection.publish('jobs', 'x');
    await broker.advance('10m');
    expect(at).toEqual([0, 60, 120, 180, 240, 300]);
  });

  test('retry counts the attempts, deadLetter says why', async () => {
    const attempts: number[] = [];
    const handler = async (message: Message) => {
      attempts.push(message.attempt);
      if (message.attempt < 3) await message.retry({ delay: '1m' });
      else await message.deadLetter('too often');
    };
    await connection.consume('jobs', handler, { retry: { deadLetter: 'jobs.dead' } });
    await connection.publish('jobs', 'x');
    await broker.advance('59s');
    expect(attempts).toEqual([1]);
    await broker.advance('10m');
    expect(attempts).toEqual([1, 2, 3]);
    const [dead] = broker.messages('jobs.dead');
    expect(dead?.headers).toMatchObject({ 'x-exception-message': 'too often' });
  });
});

describe('a delay', () => {
  test('is kept to the second, in the broker', async () => {
    await connection.publish('reminders', 'stand up', { delay: '24h', expiration: null });
    await broker.advance('86399s');
    expect(broker.messages('reminders')).toEqual([]);
    await broker.advance('1s');
    expect(broker.messages('reminders')).toMatchObject([{ body: 'stand up' }]);
  });

  test('nothing waits behind anything longer', async () => {
    for (const delay of [30, 3, 17, 4]) await connection.publish('r', delay, { delay });
    const came: unknown[] = [];
    for (const seconds of [3, 1, 13, 13]) {
      await broker.advance(seconds);
      came.push(broker.messages('r').map(({ body }) => body));
    }
    expect(came).toEqual([[3], [3, 4], [3, 4, 17], [3, 4, 17, 30]]);
  });

  test('outlives the one that sent it', async () => {
    await connection.publish('reminders', 'x', { delay: 10 });
    await connection.close();
    await broker.advance(10);
    expect(broker.messages('reminders')).toHaveLength(1);
  });

  test('the expiration counts from then, and a consumer of ours heeds it', async () => {
    const seen: unknown[] = [];
    await connection.publish('late', 'fresh', { delay: 10, expiration: 60 });
    await connection.publish('late', 'stale', { delay: 10, expiration: 20 });
    await broker.advance(35);
    await connection.consume('late', ({ body }) => void seen.push(body));
    await broker.advance(1);
    expect(seen).toEqual(['fresh']);
    expect(broker.messages('late')).toEqual([]);
  });
});

describe('a message that nobody reads', () => {
  const left = () => broker.messages('q').map(({ body }) => body);

  test('lives for 30 minutes, or as long as it is told', async () => {
    const queue = new Queue('q', { deadLetter: true });
    const { expiresAt } = await connection.publish(queue, 'default');
    expect(expiresAt?.getTime()).toBe(broker.clock.now() + DEFAULT_EXPIRATION * 1000);
    await connection.publish(queue, 'long', { expiration: '2h' });
    const { expiresAt: never } = await connection.publish(queue, 'kept', { expiration: null });
    expect(never).toBeNull();
    await broker.advance('1799s');
    expect(left()).toEqual(['default', 'long', 'kept']);
    await broker.advance('1s');
    expect(left()).toEqual(['long', 'kept']);
    const [dead] = broker.messages('q.dead');
    expect(dead).toMatchObject({ body: 'default' });
    expect(dead?.headers['x-death']).toMatchObject([{ queue: 'q', reason: 'expired' }]);
    await broker.advance('90d');
    expect(left()).toEqual(['kept']);
  });

  test('a consumer is told until when', async () => {
    let until: Date | null | undefined;
    const at = broker.clock.now();
    await connection.consume('q', (message) => {
      until = message.expiresAt;
    });
    await connection.publish('q', 'x', { expiration: 20 });
    await broker.idle();
    expect(Math.abs((until?.getTime() ?? 0) - at - 20_000)).toBeLessThan(1000);
  });
});
