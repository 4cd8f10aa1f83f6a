// Calls and answers, SimpleQueue, pools, and the connection's small change.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  type BoundConsumer,
  type ClientEvent,
  Connection,
  Consumer,
  ConsumerMixin,
  LimitExceeded,
  type Message,
  Procedure,
  Queue,
  RemoteError,
  Worker,
} from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryBroker } from '../../src/testing.ts';
import { FakeServer } from '../support/fake-server.ts';

const FAST = { recovery: { intervalStart: 0, intervalStep: 0 } } as const;

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

const numberSchema = (name: string) =>
  ({
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof value === 'number'
          ? { value }
          : { issues: [{ message: `${name} must be a number` }] },
      types: undefined as unknown as { input: number; output: number },
    },
  }) as const;

describe('calls', () => {
  test('are answered by who serves them, each its own', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await conn.serve<number>('double', (value) => value * 2);
    const answers = await Promise.all([1, 2, 3].map((value) => conn.call<number>('double', value)));
    expect(answers).toEqual([2, 4, 6]);
  });

  test('a handler that fails answers with its error', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await conn.serve('broken', () => {
      throw Object.assign(new Error('no money'), { code: 'DECLINED' });
    });
    const error = await failureOf(conn.call('broken', 1));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ message: 'no money', remoteCode: 'DECLINED' });
  });

  test('typed: a wrong request is not sent, a wrong answer is not given', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const half = new Procedure('half', {
      request: numberSchema('request'),
      reply: numberSchema('reply'),
    });
    await conn.serve(half, (value) => (value === 0 ? ('none' as never) : value / 2));
    expect(await conn.call(half, 8)).toBe(4);
    expect(await failureOf(conn.call(half, 'x' as never))).toMatchObject({
      code: 'INVALID_MESSAGE',
    });
    expect(await failureOf(conn.call('half', 'x'))).toMatchObject({
      remoteCode: 'INVALID_MESSAGE',
    });
    expect(await failureOf(conn.call(half, 0))).toMatchObject({ remoteCode: 'INVALID_MESSAGE' });
  });

  test('nobody serves: the call says so at once', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    expect(await failureOf(conn.call('nowhere', 1))).toMatchObject({ code: 'UNROUTABLE' });
  });

  test('nobody answers: the call times out, and the request expires with it', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker);
    await new Queue('slow').declare(conn);
    const failed = failureOf(conn.call('slow', 1, { timeout: '5s' }));
    await broker.advance('4s');
    expect((await conn.get('slow'))?.basicProperties.expiration).toBe('5000');
    await broker.advance('1s');
    expect(await failed).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' });
  });

  test('the connection breaks: the call fails, or is made again when it may be', async () => {
    await using broker = new MemoryBroker();
    await using server = new Connection(broker, FAST);
    await using conn = new Connection(broker, FAST);
    let breaks = 1;
    await server.serve<number>('slow', async (value) => {
      if (breaks-- > 0) {
        broker.disconnect({ clean: false });
        await settle();
      }
      return value;
    });
    expect(await failureOf(conn.call('slow', 1))).toMatchObject({ delivery: 'unknown' });
    await broker.idle();
    breaks = 1;
    expect(await conn.call('slow', 2, { idempotent: true })).toBe(2);
  });
});

describe('SimpleQueue', () => {
  test('puts and gets', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await using queue = conn.simpleQueue<string>('simple');
    await queue.put('one');
    await queue.put('two');
    expect(await queue.size()).toBe(2);
    const first = await queue.get();
    expect(first.body).toBe('one');
    await first.ack();
    const second = await queue.getNowait();
    expect(second?.body).toBe('two');
    await second?.ack();
    expect(await queue.getNowait()).toBeNull();
    expect(await failureOf(queue.get({ timeout: '10ms' }))).toMatchObject({ code: 'TIMEOUT' });
    await queue.put('three');
    expect((await queue.get()).body).toBe('three');
  });

  test('clear deletes what waits', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await using queue = conn.simpleQueue('simple');
    await queue.put(1);
    expect(await queue.clear()).toBe(1);
    expect(await queue.size()).toBe(0);
  });
});

describe('a pool', () => {
  test('lends so many connections, and takes them back', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker);
    await using pool = conn.pool({ limit: 2 });
    const one = await pool.acquire();
    const two = await pool.acquire();
    expect(one).not.toBe(two);
    const third = failureOf(pool.acquire({ timeout: 1 }));
    await broker.advance('1s');
    expect(await third).toBeInstanceOf(LimitExceeded);
    const waiting = pool.acquire();
    await one.release();
    expect(await waiting).toBe(one);
    expect(pool.size).toBe(2);
  });

  test('that is closed refuses who waits, and who comes', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const pool = conn.pool({ limit: 1 });
    const lent = await pool.acquire();
    const waiting = failureOf(pool.acquire());
    await pool.close();
    expect(await waiting).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(await failureOf(pool.acquire())).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(lent.state).toBe('closed');
  });
});

describe('events', () => {
  test('a listener that throws ends nothing', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const warnings: unknown[] = [];
    const heard = (warning: Error) => warnings.push(warning.message);
    process.on('warning', heard);
    conn.on('connected', () => {
      throw new Error('oops');
    });
    await conn.connect();
    await settle();
    process.removeListener('warning', heard);
    expect(String(warnings)).toContain('oops');
    expect(conn.connected).toBe(true);
  });

  test('come as an iterator too', async () => {
    await using broker = new MemoryBroker();
    const conn = new Connection(broker);
    const types: ClientEvent['type'][] = [];
    const listening = (async () => {
      for await (const { type } of conn.events()) types.push(type);
    })();
    await conn.connect();
    await conn.close();
    await listening;
    expect(types).toEqual(['connected']);
  });
});

describe('Kombu', () => {
  test('a Consumer of a connection flows, takes callbacks, and goes on after an outage', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const bodies: unknown[] = [];
    const consumer = new Consumer(conn, { queues: [new Queue('a'), new Queue('b')] });
    consumer.registerCallback((body, message) => {
      bodies.push(body);
      return message.ack();
    });
    await consumer.consume();
    expect(consumer.consumingFrom('a')).toBe(true);
    await conn.publish('a', 1);
    await broker.idle();
    const back = new Promise((resolve) => conn.on('connected', resolve));
    broker.disconnect({ clean: false });
    await back;
    await conn.publish('b', 2);
    await broker.idle();
    await consumer.cancelByQueue('a');
    expect([consumer.consumingFrom('a'), consumer.consumingFrom('b')]).toEqual([false, true]);
    await consumer.cancel();
    expect(bodies).toEqual([1, 2]);
  });

  test('what a callback throws comes out of drainEvents', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const channel = await conn.channel();
    const callbacks = [
      () => {
        throw new Error('from the callback');
      },
    ];
    await new Consumer(channel, { queues: new Queue('a'), callbacks }).consume();
    await conn.publish('a', 1);
    expect(await failureOf(conn.drainEvents({ timeout: 1 }))).toMatchObject({
      message: 'from the callback',
    });
  });

  test('a mixin ends with what a callback threw; a Worker with a handler goes on', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await conn.publish('a', 1);
    class Mixin extends ConsumerMixin {
      connection = conn;
      getConsumers(Bound: BoundConsumer) {
        const callback = () => {
          throw new Error('from the callback');
        };
        return [new Bound({ queues: new Queue('a'), callbacks: [callback] })];
      }
    }
    expect(await failureOf(new Mixin().run())).toMatchObject({ message: 'from the callback' });
    let calls = 0;
    const worker = new Worker(conn, new Queue('a'), () => {
      calls++;
      throw new Error('from the handler');
    });
    const running = worker.run();
    while (calls === 0) await setImmediate();
    await worker.stop();
    await running;
    expect(broker.messages('a')).toHaveLength(1);
  });

  test('a mixin stops with a signal', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const controller = new AbortController();
    class Mixin extends ConsumerMixin {
      connection = conn;
      getConsumers(Bound: BoundConsumer) {
        const callback = (_body: unknown, message: Message) => message.ack();
        return [new Bound({ queues: new Queue('a'), callbacks: [callback] })];
      }
      override onConsumeReady() {
        controller.abort();
      }
    }
    await new Mixin().run({ signal: controller.signal });
  });

  test('clone has the settings and its own connection', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, { name: 'one', producer: { expiration: 5 } });
    await conn.connect();
    const clone = conn.clone({ name: 'two' });
    expect([clone.connected, clone.state, clone.options.name]).toEqual([false, 'idle', 'two']);
    expect(clone.producer({ routingKey: 'q' }).expiration).toBe(5);
    await clone.close();
    expect(conn.connected).toBe(true);
  });

  test('errors are classes to catch by, and to iterate over', async () => {
    const conn = new Connection('amqp://127.0.0.1:1');
    const error = await failureOf(conn.connect());
    expect(error instanceof conn.connectionErrors).toBe(true);
    expect(error instanceof conn.channelErrors).toBe(false);
    expect([...conn.connectionErrors]).toHaveLength(1);
  });

  test('autoretry hands a fresh channel to each attempt', async () => {
    const server = new FakeServer();
    let asked = 0;
    server.on('queue.declare', ({ session, answer }) => {
      if (++asked === 1) session.cut();
      else answer({ name: 'queue.declare-ok', queue: 'q', messageCount: 7, consumerCount: 0 });
    });
    const conn = new Connection(server, FAST);
    const count = conn.autoretry(
      async (channel, name: string) => (await channel.queueDeclare(name)).messageCount,
      {
        intervalStart: 0,
      },
    );
    expect(await count('q')).toBe(7);
    await conn.close();
  });

  test('defaultChannel is one for all, and another when it has closed', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const [one, same] = await Promise.all([conn.defaultChannel, conn.defaultChannel]);
    expect(one).toBe(same);
    await one.close();
    expect((await conn.defaultChannel).isOpen).toBe(true);
  });

  test('ensure calls again after the connection was made anew, and hands on what the function throws', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    server.refusals = [Object.assign(new Error('no'), { code: 'ECONNREFUSED' })];
    const conn = new Connection(server);
    let calls = 0;
    const add = conn.ensure(
      async (a: number, b: number) => {
        if (++calls === 1) {
          server.session.cut();
          await (await conn.channel()).basicQos({ prefetchCount: 1 });
        }
        if (calls === 2) throw new RangeError('its own');
        return a + b;
      },
      { jitter: 0 },
    );
    const failed = failureOf(add(2, 3));
    for (let i = 0; i < 4; i++) {
      await settle();
      clock.advance(1_000);
    }
    expect(await failed).toMatchObject({ message: 'its own' });
    expect(await add(2, 3)).toBe(5);
    expect(calls).toBe(3);
    await conn.close();
  });

  test('asUri hides the password unless asked', () => {
    const conn = new Connection(['amqp://u:secret@a/v', 'amqps://b']);
    expect(conn.asUri()).toBe('amqp://u:**@a:5672/v;amqps://guest:**@b:5671/%2F');
    expect(conn.asUri({ password: true })).toContain('secret');
  });

  test('a URL or an option that cannot be meant is a TypeError of the constructor', () => {
    expect(() => new Connection('http://localhost')).toThrow(TypeError);
    expect(() => new Connection('amqp://localhost', { heartbeat: -1 })).toThrow(TypeError);
    expect(() => new Connection('amqp://localhost', { frameMax: 100 })).toThrow(TypeError);
    expect(
      () => new Connection('amqp://localhost', { producer: { expiration: Number.NaN } }),
    ).toThrow(TypeError);
    expect(() => new Connection('amqp://localhost', { outbox: { maxMessages: 0 } })).toThrow(
      TypeError,
    );
  });
});
