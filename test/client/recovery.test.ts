// What comes back after an outage, in which order, and what does not.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  type ClientEvent,
  Connection,
  ConnectionError,
  Consumer,
  Exchange,
  OperationalError,
  Queue,
  type Transport,
} from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryBroker } from '../../src/testing.ts';
import { FakeServer } from '../support/fake-server.ts';
import { concat, methodFrame } from '../support/frames.ts';

const FAST = { recovery: { intervalStart: 0, intervalStep: 0 } } as const;

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

/** The next event of a type. */
function next<T extends ClientEvent['type']>(conn: Connection, type: T) {
  return new Promise<Extract<ClientEvent, { type: T }>>((resolve) => {
    conn.on(type, resolve as never);
  });
}

describe('the connection', () => {
  test('comes back by itself, and says so', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    await conn.connect();
    const back = next(conn, 'connected');
    const lost = next(conn, 'disconnected');
    broker.disconnect({ clean: false });
    expect((await lost).error).toBeInstanceOf(ConnectionError);
    expect(await back).toMatchObject({ recovered: true });
    expect(conn.state).toBe('open');
  });

  test('waits longer from round to round, up to a bound', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, {
      recovery: { intervalStart: 1, intervalStep: 2, intervalMax: 4, jitter: 0 },
    });
    await conn.connect();
    const waits: (number | undefined)[] = [];
    conn.on('disconnected', ({ retryIn }) => waits.push(retryIn));
    server.refusals = Array.from({ length: 5 }, () => new Error('refused'));
    server.session.cut();
    for (let i = 0; i < 5; i++) {
      await settle();
      clock.advance(4000);
    }
    await settle();
    expect(waits).toEqual([0, 1, 3, 4, 4, 4]);
    expect(conn.connected).toBe(true);
    await conn.close();
  });

  test('spreads its attempts: with full jitter a wait is anything up to the interval', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      const conn = new Connection(server, { recovery: { intervalStart: 10, jitter: 1 } });
      await conn.connect();
      conn.on('disconnected', ({ retryIn }) => {
        if (retryIn) waits.push(retryIn);
      });
      server.refusals = [new Error('refused')];
      server.session.cut();
      await settle();
      await conn.close();
    }
    expect(new Set(waits).size).toBeGreaterThan(10);
    expect(Math.max(...waits)).toBeLessThanOrEqual(10);
  });

  test('gives up when its policy says so, and everything that waits is told', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, {
      recovery: { maxRetries: 1, intervalStart: 1, jitter: 0 },
    });
    await conn.connect();
    server.refusals = [new Error('refused'), new Error('refused')];
    server.session.cut();
    await settle();
    const failed = failureOf(conn.producer().publish('x', { routingKey: 'q' }));
    clock.advance(1000);
    expect(await failed).toBeInstanceOf(OperationalError);
    await settle();
    expect(conn.state).toBe('idle');
    // And may be asked again.
    await conn.connect();
    expect(conn.state).toBe('open');
    await conn.close();
  });

  test('a publish does not hurry it, and waits for a broker that is not there yet', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    server.refusals = Array.from({ length: 3 }, () => new Error('refused'));
    const conn = new Connection(server, {
      recovery: { intervalStart: 1, intervalStep: 0, jitter: 0 },
    });
    let rounds = 0;
    conn.on('disconnected', () => rounds++);
    const sent = [1, 2, 3].map((body) => conn.publish('q', body));
    await settle();
    expect(rounds).toBe(1);
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      await settle();
    }
    expect((await Promise.all(sent)).map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(rounds).toBe(3);
    await conn.close();
  });

  test('a publish to a broker that never comes ends in its time, not sent', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    server.refusals = Array.from({ length: 99 }, () => new Error('refused'));
    const conn = new Connection(server);
    const failed = failureOf(conn.publish('q', 1, { timeout: '5s' }));
    for (let i = 0; i < 10; i++) {
      await settle();
      clock.advance(1000);
    }
    expect(await failed).toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
    await conn.close();
  });

  test('wrong credentials and a missing virtual host are not tried again', async () => {
    await using broker = new MemoryBroker();
    const wrong = (url: string): Transport => ({
      url,
      connect: (options) => broker.connect(options),
    });
    const refused = new Connection(wrong('amqp://guest:wrong@memory/'));
    const failure = await failureOf(refused.ensureConnection());
    expect(failure).toMatchObject({ code: 'AUTHENTICATION_FAILED', recoverable: false });
    expect(await failureOf(refused.publish('q', 'x'))).toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
    const lost = new Connection(wrong('amqp://guest:guest@memory/nowhere'));
    expect(await failureOf(lost.ensureConnection())).toMatchObject({ code: 'VHOST_NOT_FOUND' });
  });

  test('but a refusal after it was open is: a broker that restarts may not know its users yet', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, {
      recovery: { intervalStart: 1, intervalStep: 0, jitter: 0 },
    });
    await conn.connect();
    server.on('connection.start-ok', ({ answer }) =>
      answer({
        name: 'connection.close',
        replyCode: 403,
        replyText: 'ACCESS_REFUSED - no',
        classId: 10,
        methodId: 11,
      }),
    );
    server.session.cut();
    await settle();
    expect(conn.state).toBe('recovering');
    server.on('connection.start-ok', ({ answer }) =>
      answer({ name: 'connection.tune', channelMax: 9, frameMax: 131_072, heartbeat: 0 }),
    );
    clock.advance(1000);
    await settle();
    expect(conn.state).toBe('open');
    await conn.close();
  });

  test('several URLs: the next one is tried at once', async () => {
    const broker = new MemoryBroker();
    const tried: string[] = [];
    const strategy = (urls: readonly string[]) => {
      tried.push(...urls);
      return urls[Symbol.iterator]();
    };
    const conn = new Connection(['amqp://127.0.0.1:1', 'amqp://127.0.0.1:2'], {
      failoverStrategy: strategy,
    });
    const failure = await failureOf(conn.connect());
    expect(failure).toMatchObject({ code: 'CONNECTION_REFUSED', recoverable: true });
    expect(tried).toHaveLength(2);
    await broker.close();
  });

  test('ensureConnection tries as often as it may, and reports each failure', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    server.refusals = Array.from({ length: 9 }, () =>
      Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
    );
    const conn = new Connection(server);
    const intervals: number[] = [];
    const failed = failureOf(
      conn.ensureConnection({
        maxRetries: 2,
        jitter: 0,
        errback: (_error, interval) => intervals.push(interval),
      }),
    );
    for (let i = 0; i < 3; i++) {
      await settle();
      clock.advance(10_000);
    }
    expect(await failed).toMatchObject({ code: 'RETRIES_EXHAUSTED', attempts: 3 });
    expect(intervals).toEqual([2, 4]);
  });

  test('credentials are asked for before each attempt, and renewed before they run out', async () => {
    const clock = new ManualClock(1_000_000);
    const server = new FakeServer(clock);
    const logins: string[] = [];
    server.on('connection.start-ok', ({ method, answer }) => {
      logins.push(new TextDecoder().decode(method.response));
      answer({ name: 'connection.tune', channelMax: 9, frameMax: 131_072, heartbeat: 0 });
    });
    const secrets: string[] = [];
    server.on('connection.update-secret', ({ method, answer }) => {
      secrets.push(new TextDecoder().decode(method.newSecret));
      answer({ name: 'connection.update-secret-ok' });
    });
    let asked = 0;
    const credentials = async () => ({
      username: 'svc',
      password: `token-${++asked}`,
      expiresAt: new Date(clock.now() + 100_000),
    });
    const conn = new Connection(server, { ...FAST, credentials });
    await conn.connect();
    expect(logins).toEqual(['\0svc\0token-1']);
    clock.advance(80_000);
    await settle();
    expect(secrets).toEqual(['token-2']);
    server.session.cut();
    await settle();
    expect(logins[1]).toBe('\0svc\0token-3');
    await conn.close();
  });
});

describe('what was declared', () => {
  test('is declared again, in order, before anything else', async () => {
    const server = new FakeServer();
    const conn = new Connection(server, FAST);
    const events = new Exchange('events', 'topic');
    const queue = new Queue('mails', { exchange: events, routingKey: 'user.*' });
    await queue.declare(conn);
    await conn.consume(queue, () => {});
    const back = next(conn, 'topology-recovered');
    server.session.cut();
    expect(await back).toMatchObject({ declared: 1, failed: [] });
    await settle();
    const order = server.session.received.filter((name) => /declare|bind|consume$/.test(name));
    expect(order).toEqual(['exchange.declare', 'queue.declare', 'queue.bind', 'basic.consume']);
    await conn.close();
  });

  test('a server-named, exclusive queue comes back under its new name, and its consumer with it', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const events = new Exchange('events', 'fanout');
    const queue = new Queue('', { exchange: events, exclusive: true });
    const bodies: unknown[] = [];
    await conn.consume(queue, ({ body }) => void bodies.push(body));
    const name = queue.name;
    const back = next(conn, 'connected');
    broker.disconnect({ clean: false });
    await back;
    expect(queue.name).not.toBe(name);
    await conn.publish(events, 'hello');
    await broker.idle();
    expect(bodies).toEqual(['hello']);
  });

  test('what cannot be declared is reported, and holds up nobody', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const good = new Queue('good');
    const bad = new Queue('bad');
    await bad.declare(conn);
    await good.declare(conn);
    // Meanwhile somebody else makes it another queue.
    await using other = new Connection(broker);
    await bad.delete(other);
    await new Queue('bad', { durable: false }).declare(other);
    const report = next(conn, 'topology-recovered');
    broker.disconnect({ clean: false });
    const { declared, failed } = await report;
    expect(declared).toBe(1);
    expect(failed.map(({ entity, error }) => [entity.name, error.code])).toEqual([
      ['bad', 'PRECONDITION_FAILED'],
    ]);
    expect((await conn.publish(good, 'x')).attempts).toBe(1);
  });

  test('what was deleted stays away', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const queue = new Queue('gone');
    await queue.declare(conn);
    await queue.delete(conn);
    const back = next(conn, 'connected');
    broker.disconnect({ clean: false });
    await back;
    const channel = await conn.channel();
    expect(await failureOf(channel.queueDeclare('gone', { passive: true }))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('a declare whose answer is lost with the connection is made once more', async () => {
    const server = new FakeServer();
    let times = 0;
    server.on('queue.declare', ({ session, answer }) => {
      if (++times === 1) session.cut();
      else answer({ name: 'queue.declare-ok', queue: 'q', messageCount: 0, consumerCount: 0 });
    });
    const conn = new Connection(server, FAST);
    await new Queue('q').declare(conn);
    expect(times).toBe(2);
    await conn.close();
  });

  test('what is different from what exists is an error that says where', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await new Queue('q', { durable: false }).declare(conn);
    expect(await failureOf(new Queue('q').declare(conn))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      mismatch: { argument: 'durable', current: false, declared: true },
    });
  });
});

describe('consumers', () => {
  test('come back with the connection, once', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const bodies: unknown[] = [];
    const subscription = await conn.consume('jobs', ({ body }) => void bodies.push(body));
    for (let i = 0; i < 3; i++) {
      const back = next(conn, 'connected');
      broker.disconnect({ clean: i % 2 === 0 });
      await back;
      await conn.publish('jobs', i);
      // An acknowledgement that is still on its way would be lost, and the message come again.
      await broker.idle();
    }
    expect(bodies).toEqual([0, 1, 2]);
    expect(subscription.stats.recoveries).toBe(3);
    const channel = await conn.channel();
    expect((await channel.queueDeclare('jobs', { passive: true })).consumerCount).toBe(1);
  });

  test('come back when the broker cancels them, their queue made anew', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const bodies: unknown[] = [];
    const jobs = new Queue('jobs');
    await conn.consume(jobs, ({ body }) => void bodies.push(body));
    const cancelled = next(conn, 'consumer-cancelled');
    await using other = new Connection(broker);
    await jobs.delete(other);
    expect(await cancelled).toMatchObject({ queue: 'jobs', recovering: true });
    await settle();
    await conn.publish('jobs', 'after');
    await broker.idle();
    expect(bodies).toEqual(['after']);
  });

  test('come back when only their channel is closed', async () => {
    const server = new FakeServer();
    const conn = new Connection(server, FAST);
    const subscription = await conn.consume('jobs', () => {});
    const channel = server.session.received.filter((name) => name === 'channel.open').length;
    server.session.send(channel, {
      name: 'channel.close',
      replyCode: 406,
      replyText: 'PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out',
      classId: 0,
      methodId: 0,
    });
    await settle();
    expect(subscription.active).toBe(false);
    await sleep(300);
    expect(subscription.active).toBe(true);
    expect(server.sessions).toHaveLength(1);
    await conn.close();
  });

  test.each([
    ['basic.cancel', { name: 'basic.cancel', consumerTag: '', noWait: true }],
    [
      'channel.close',
      {
        name: 'channel.close',
        replyCode: 404,
        replyText: 'NOT_FOUND - gone',
        classId: 0,
        methodId: 0,
      },
    ],
  ] as const)(
    'come back when %s comes in one go with the answer to consume',
    async (_name, bad) => {
      const server = new FakeServer();
      const conn = new Connection(server, FAST);
      let times = 0;
      server.on('basic.consume', ({ method, channel, session }) => {
        const { consumerTag } = method;
        session.raw(
          concat(
            methodFrame(channel, { name: 'basic.consume-ok', consumerTag }),
            ...(times++ === 1 ? [methodFrame(channel, { ...bad, consumerTag } as never)] : []),
          ),
        );
      });
      const subscription = await conn.consume('jobs', () => {});
      server.session.cut();
      await sleep(600);
      expect(times).toBe(3);
      expect(subscription.active).toBe(true);
      await conn.close();
    },
  );

  test('one that was stopped does not come back', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const subscription = await conn.consume('jobs', () => {});
    await subscription.stop();
    const back = next(conn, 'connected');
    broker.disconnect({ clean: false });
    await back;
    await settle();
    const channel = await conn.channel();
    expect((await channel.queueDeclare('jobs', { passive: true })).consumerCount).toBe(0);
  });

  test('an exclusive one waits for the one that is still there, as in a rolling deploy', async () => {
    await using broker = new MemoryBroker();
    await using old = new Connection(broker);
    await using conn = new Connection(broker);
    const first = await old.consume('jobs', () => {}, { exclusive: true });
    const second = conn.consume('jobs', () => {}, { exclusive: true });
    await sleep(50);
    await first.stop();
    expect((await second).active).toBe(true);
  });

  test('the first time, a refusal is an error of consume', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const queue = new Queue('nowhere', { passive: true });
    expect(await failureOf(conn.consume(queue, () => {}))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('what is made from a channel', () => {
  test('ends with it, and only revive brings it back', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const bodies: unknown[] = [];
    const queue = new Queue('jobs');
    const callback = (body: unknown, message: { ack(): Promise<void> }) => {
      bodies.push(body);
      return message.ack();
    };
    const consumer = new Consumer(await conn.channel(), { queues: queue, callbacks: [callback] });
    await consumer.consume();
    await conn.publish('jobs', 'before');
    await conn.drainEvents({ timeout: 1 });
    await broker.idle();
    const back = next(conn, 'connected');
    broker.disconnect({ clean: false });
    expect(await failureOf(conn.drainEvents({ timeout: 1 }))).toBeInstanceOf(ConnectionError);
    await back;
    await conn.publish('jobs', 'after');
    expect(await failureOf(conn.drainEvents({ timeout: '20ms' }))).toMatchObject({
      code: 'TIMEOUT',
    });
    consumer.revive(await conn.channel());
    await consumer.consume();
    await conn.drainEvents({ timeout: 1 });
    expect(bodies).toEqual(['before', 'after']);
  });
});
