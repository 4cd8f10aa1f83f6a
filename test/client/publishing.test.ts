// What a publish promises: confirmed, or an error that says whose fault it was and whether the message may have left.
import { describe, expect, test } from 'vitest';
import {
  Connection,
  type ConnectionOptions,
  Exchange,
  MessageReturned,
  OutboxFull,
  Producer,
  Queue,
  TimeoutError,
} from '../../src/client/index.ts';
import { MemoryBroker } from '../../src/testing.ts';

const failureOf = (promise: Promise<unknown>): Promise<Record<string, unknown>> =>
  promise.then(
    () => ({ code: 'no failure' }),
    (error: Record<string, unknown>) => error,
  );

interface Stage extends AsyncDisposable {
  readonly broker: MemoryBroker;
  readonly conn: Connection;
}

function stage(options: ConnectionOptions = {}, clock: 'real' | 'manual' = 'real'): Stage {
  const broker = new MemoryBroker({ clock });
  const conn = new Connection(broker, options);
  return {
    broker,
    conn,
    async [Symbol.asyncDispose]() {
      await conn.close({ timeout: 0 });
      await broker.close();
    },
  };
}

describe('a confirmed publish', () => {
  test('resolves when the broker has the message, with its id and end', async () => {
    await using at = stage({}, 'manual');
    const before = at.broker.clock.now();
    const result = await at.conn.publish('orders', { id: 'a1' });
    expect(result.messageId).toMatch(/^[\da-f-]{36}$/);
    expect(result.attempts).toBe(1);
    expect(result.expiresAt?.getTime()).toBe(before + 1_800_000);
    expect(at.broker.messages('orders').map(({ body }) => body)).toEqual([{ id: 'a1' }]);
  });

  test('is sent again after the link broke before its confirm came, with the same id', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    at.broker.dropNextConfirm();
    const sent = at.conn.publish('orders', 'second');
    at.broker.disconnect({ clean: false });
    const { attempts } = await sent;
    expect(attempts).toBe(2);
    expect(at.broker.messages('orders').map(({ body }) => body)).toEqual([
      'first',
      'second',
      'second',
    ]);
  });

  test('with retry: false it fails instead, and says that it may have arrived', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    at.broker.dropNextConfirm();
    const failed = failureOf(at.conn.publish('orders', 'second', { retry: false }));
    at.broker.disconnect({ clean: false });
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test('with retry: false and no connection it has not left', async () => {
    await using at = stage({ recovery: { intervalStart: 60, jitter: 0 } });
    await at.conn.publish('orders', 'first');
    const down = new Promise<Disposable>((resolve) => {
      // The way back is barred.
      at.conn.on('disconnected', () => resolve(at.broker.stall()));
    });
    at.broker.disconnect({ clean: false });
    const stall = await down;
    const failed = await failureOf(at.conn.publish('orders', 'second', { retry: false }));
    expect(failed).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'not-sent' });
    stall[Symbol.dispose]();
  });

  test('keeps the order of one producer across an outage', async () => {
    await using at = stage();
    await at.conn.publish('orders', -1);
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 500; i++) {
      sent.push(at.conn.publish('orders', i));
      if (i === 250) {
        // Some are on their way, some are not.
        await new Promise((resolve) => setImmediate(resolve));
        at.broker.disconnect({ clean: false });
      }
    }
    await Promise.all(sent);
    const bodies = at.broker.messages<number>('orders').map(({ body }) => body);
    // A message may come twice; the first comings are in order.
    const firsts = [...new Set(bodies)];
    expect(firsts).toEqual(Array.from({ length: 501 }, (_, i) => i - 1));
  });
});

describe('time', () => {
  test('a confirm that never comes: the publish ends after its timeout, and may have arrived', async () => {
    await using at = stage({}, 'manual');
    await at.conn.publish('orders', 'first');
    at.broker.dropNextConfirm();
    const failed = failureOf(at.conn.publish('orders', 'second', { timeout: '5s' }));
    await at.broker.advance('5s');
    const error = await failed;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ delivery: 'unknown' });
  });

  test('30 seconds where nothing is said', async () => {
    await using at = stage({ heartbeat: 0 }, 'manual');
    await at.conn.publish('orders', 'first');
    const stall = at.broker.stall();
    let ended = false;
    const failed = failureOf(at.conn.publish('orders', 'second')).then((error) => {
      ended = true;
      return error;
    });
    await at.broker.advance('29s');
    expect(ended).toBe(false);
    await at.broker.advance('1s');
    expect(await failed).toMatchObject({ code: 'TIMEOUT' });
    stall[Symbol.dispose]();
  });

  test('blocked: publishes wait, their time runs, and they go on', async () => {
    await using at = stage({}, 'manual');
    await at.conn.publish('orders', 'first');
    const block = at.broker.block('low on memory');
    await at.broker.idle();
    expect(at.conn.state).toBe('blocked');
    const late = failureOf(at.conn.publish('orders', 'late', { timeout: '2s' }));
    const patient = at.conn.publish('orders', 'patient');
    await at.broker.advance('2s');
    expect(await late).toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
    expect(String((await late).message)).toContain('blocked');
    block[Symbol.dispose]();
    await patient;
    expect(at.conn.state).toBe('open');
    expect(at.broker.messages('orders').map(({ body }) => body)).toEqual(['first', 'patient']);
  });

  test('a blocked connection can be closed', async () => {
    const at = stage();
    await at.conn.publish('orders', 'first');
    at.broker.block();
    await at.broker.idle();
    await at[Symbol.asyncDispose]();
    expect(at.conn.state).toBe('closed');
  });

  test('a signal ends it with its own reason', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    const stall = at.broker.stall();
    const controller = new AbortController();
    const failed = failureOf(at.conn.publish('orders', 'second', { signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await failed).toMatchObject({ message: 'enough' });
    stall[Symbol.dispose]();
  });
});

describe('unroutable', () => {
  test('a message that reaches no queue is an error when it is mandatory', async () => {
    await using at = stage();
    const error = await failureOf(
      at.conn.publish(new Exchange('amq.topic', 'topic'), 1, { routingKey: 'x', mandatory: true }),
    );
    expect(error).toBeInstanceOf(MessageReturned);
    expect(error).toMatchObject({ exchange: 'amq.topic', routingKey: 'x', replyCode: 312 });
  });

  test('it is mandatory when it goes to a queue', async () => {
    await using at = stage();
    const producer = at.conn.producer({ routingKey: 'nowhere' });
    expect(await failureOf(producer.publish('x'))).toMatchObject({ code: 'UNROUTABLE' });
  });

  test('to an exchange it is not', async () => {
    await using at = stage();
    const producer = at.conn.producer({ exchange: new Exchange('amq.topic', 'topic') });
    expect((await producer.publish('x', { routingKey: 'y' })).attempts).toBe(1);
  });

  test('its neighbours are not touched', async () => {
    await using at = stage();
    await at.conn.publish('orders', 0);
    const producer = at.conn.producer();
    const [good, bad, other] = await Promise.allSettled([
      producer.publish(1, { routingKey: 'orders' }),
      producer.publish(2, { routingKey: 'nowhere' }),
      producer.publish(3, { routingKey: 'orders' }),
    ]);
    expect([good.status, bad.status, other.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('unconfirmed and mandatory: an event, and the producer hears of it', async () => {
    await using at = stage();
    const heard = new Promise((resolve) => at.conn.on('returned', resolve));
    const told: [string, string][] = [];
    const onReturn = (error: MessageReturned) => told.push([error.code, error.routingKey]);
    const producer = at.conn.producer({ confirm: false, mandatory: true, onReturn });
    await producer.publish('x', { routingKey: 'nowhere' });
    expect(await heard).toMatchObject({ type: 'returned', routingKey: 'nowhere' });
    expect(told).toEqual([['UNROUTABLE', 'nowhere']]);
    // On a channel without confirms it is the same.
    const channel = await at.conn.channel();
    const own = new Producer(channel, { confirm: false, mandatory: true, onReturn });
    await own.publish('x', { routingKey: 'nowhere else' });
    await at.broker.idle();
    // Confirmed, it is rejected as well.
    const confirmed = at.conn.producer({ mandatory: true, onReturn });
    await expect(confirmed.publish('x', { routingKey: 'nowhere at all' })).rejects.toThrow();
    expect(told.map(([, key]) => key)).toEqual(['nowhere', 'nowhere else', 'nowhere at all']);
  });
});

describe('blame', () => {
  test('an exchange that is not there fails who publishes to it, and nobody else', async () => {
    await using at = stage();
    await at.conn.publish('orders', 0);
    const nowhere = new Exchange('nowhere', { noDeclare: true });
    const results = await Promise.allSettled([
      at.conn.publish('orders', 1),
      at.conn.publish(nowhere, 'bad', { routingKey: 'x' }),
      at.conn.publish('orders', 2),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'NOT_FOUND' });
    expect(at.broker.messages('orders').map(({ body }) => body)).toEqual([0, 1, 2]);
  });

  test('on one channel as well: among many exchanges, the one that is named', async () => {
    await using at = stage();
    // More exchanges than there are channels for, so that some share one.
    const names = Array.from({ length: 40 }, (_, i) => `shared-${i}`);
    for (const name of names.filter((_, i) => i % 2 === 0)) {
      await new Exchange(name, 'fanout').declare(at.conn);
    }
    const results = await Promise.allSettled(
      names.map((exchange) => at.conn.producer({ exchange }).publish('x', { routingKey: 'k' })),
    );
    expect(results.map(({ status }) => status)).toEqual(
      names.map((_, i) => (i % 2 === 0 ? 'fulfilled' : 'rejected')),
    );
  });

  test('a message that closes the channel without being named is found, and the others go on in order', async () => {
    await using broker = new MemoryBroker({ server: { maxMessageBytes: 1000 } });
    await using conn = new Connection(broker);
    await conn.publish('orders', 'first');
    const bodies = ['a', 'b', 'x'.repeat(2000), 'c', 'y'.repeat(3000), 'd'];
    const results = await Promise.allSettled(bodies.map((body) => conn.publish('orders', body)));
    expect(results.map(({ status }) => status)).toEqual(
      bodies.map((body) => (body.length > 1000 ? 'rejected' : 'fulfilled')),
    );
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
    const arrived = broker.messages<string>('orders').map(({ body }) => body);
    expect([...new Set(arrived)]).toEqual(['first', 'a', 'b', 'c', 'd']);
  });
});

describe('the outbox', () => {
  test('waits when it is full, and takes all in order', async () => {
    await using at = stage({ outbox: { maxMessages: 10 } });
    await at.conn.publish('orders', -1);
    const sent = Array.from({ length: 100 }, (_, i) => at.conn.publish('orders', i));
    await Promise.all(sent);
    const bodies = at.broker.messages<number>('orders').map(({ body }) => body);
    expect(bodies).toEqual(Array.from({ length: 101 }, (_, i) => i - 1));
  });

  test('or rejects, having sent nothing', async () => {
    await using at = stage({ outbox: { maxMessages: 2, whenFull: 'reject' } });
    await at.conn.publish('orders', 0);
    const results = await Promise.allSettled([1, 2, 3].map((i) => at.conn.publish('orders', i)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    const { reason } = results[2] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(OutboxFull);
    expect(reason).toMatchObject({ delivery: 'not-sent' });
  });

  test('is bounded in bytes', async () => {
    await using at = stage({ outbox: { maxBytes: 5000, whenFull: 'reject' } });
    await at.conn.publish('orders', 0);
    const results = await Promise.allSettled(
      [1, 2].map(() => at.conn.publish('orders', 'x'.repeat(3000))),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('a message that is larger than all of it goes alone', async () => {
    await using at = stage({ outbox: { maxBytes: 100 } });
    expect((await at.conn.publish('orders', 'x'.repeat(1000))).attempts).toBe(1);
  });

  test('a publish that is given up while it waits for room holds up nobody', async () => {
    await using at = stage({ outbox: { maxMessages: 1 } }, 'manual');
    await at.conn.publish('orders', 0);
    at.broker.dropNextConfirm();
    const lost = failureOf(at.conn.publish('orders', 1, { timeout: '20s' }));
    const waiting = failureOf(at.conn.publish('orders', 2, { timeout: '1s' }));
    const last = at.conn.publish('orders', 3, { timeout: '60s' });
    await at.broker.advance('1s');
    expect(await waiting).toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
    await at.broker.advance('19s');
    expect(await lost).toMatchObject({ code: 'TIMEOUT' });
    await last;
    expect(at.broker.messages('orders').map(({ body }) => body)).toEqual([0, 1, 3]);
  });

  test('publishMany keeps so many on their way, and counts', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    const producer = at.conn.producer<number>({ routingKey: 'orders' });
    let most = 0;
    function* rows() {
      for (let i = 0; i < 300; i++) {
        most = Math.max(most, producer.pending);
        yield i;
      }
    }
    expect(await producer.publishMany(rows(), { concurrency: 20 })).toEqual({ count: 300 });
    expect(most).toBeLessThanOrEqual(20);
    expect(at.broker.messages('orders')).toHaveLength(301);
  });

  test('close sends what is pending first', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    const sent = at.conn.publish('orders', 'last');
    await at.conn.close();
    await sent;
    expect(at.broker.messages('orders')).toHaveLength(2);
  });

  test('close does not wait for a broker that is gone: what is pending is told', async () => {
    await using at = stage();
    await at.conn.publish('orders', 'first');
    const stall = at.broker.stall();
    const failed = failureOf(at.conn.publish('orders', 'second'));
    await at.conn.close({ timeout: '10ms' });
    expect(await failed).toMatchObject({ code: 'CONNECTION_CLOSED' });
    stall[Symbol.dispose]();
  });
});

describe('expiration, the nearest of four levels', () => {
  test.each([
    [undefined, undefined, undefined, '1800000'],
    [60, undefined, undefined, '60000'],
    [60, '5m', undefined, '300000'],
    [60, '5m', 20, '20000'],
    [60, '5m', null, undefined],
    [60, null, undefined, undefined],
    [null, undefined, undefined, undefined],
    [null, undefined, '500ms', '500'],
  ] as const)(
    'connection %s, producer %s, call %s',
    async (ofConnection, ofProducer, ofCall, expected) => {
      const at = stage(
        ofConnection === undefined ? {} : { producer: { expiration: ofConnection } },
      );
      await new Queue('orders').declare(at.conn);
      const options = ofProducer === undefined ? {} : { expiration: ofProducer };
      const producer = at.conn.producer({ ...options, routingKey: 'orders' });
      await producer.publish('x', ofCall === undefined ? {} : { expiration: ofCall });
      const message = await at.conn.get('orders');
      expect(message!.basicProperties.expiration).toBe(expected);
      await at[Symbol.asyncDispose]();
    },
  );

  test('what cannot be meant is refused before anything is sent', async () => {
    await using at = stage();
    const failed = await failureOf(at.conn.publish('orders', 'x', { expiration: Number.NaN }));
    expect(failed).toBeInstanceOf(TypeError);
    expect(at.broker.messages('orders')).toHaveLength(0);
    expect(() => at.conn.producer({ routingKey: 'q', expiration: -1 })).toThrow(TypeError);
  });
});

describe('a producer of a channel', () => {
  test('confirms, and ends with its channel', async () => {
    await using at = stage();
    const channel = await at.conn.channel();
    const queue = new Queue('orders');
    await queue.declare(channel);
    const producer = at.conn.producer({ channel, routingKey: 'orders' });
    expect((await producer.publish('one')).attempts).toBe(1);
    at.broker.dropNextConfirm();
    const failed = failureOf(producer.publish('two'));
    at.broker.disconnect({ clean: false });
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
    expect(await failureOf(producer.publish('three'))).toMatchObject({ delivery: 'not-sent' });
  });

  test('revive moves it to another channel', async () => {
    await using at = stage();
    const producer = at.conn.producer({ channel: await at.conn.channel(), routingKey: 'orders' });
    await new Queue('orders').declare(at.conn);
    at.broker.disconnect({ clean: false });
    await failureOf(producer.publish('one'));
    producer.revive(await at.conn.channel());
    expect((await producer.publish('two')).attempts).toBe(1);
  });
});

test('the address must say where to', async () => {
  await using at = stage();
  expect(await failureOf(at.conn.producer().publish('x'))).toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  expect(await failureOf(at.conn.publish('', 'x'))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  const long = 'x'.repeat(300);
  expect(await failureOf(at.conn.publish(long, 'x'))).toMatchObject({ argument: 'queue' });
});
