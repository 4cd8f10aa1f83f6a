// What becomes of a message: acknowledged, tried again, dead-lettered, given back; and how a consumer stops.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  type ClientEvent,
  Connection,
  fixed,
  type Message,
  MessageStateError,
  Queue,
  type Subscription,
} from '../../src/client/index.ts';
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

/** A promise and its end. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const passed = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

const schema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof value === 'number'
        ? { value: value * 2 }
        : { issues: [{ message: 'must be a number' }] },
  },
} as const;

describe('with a handler', () => {
  test('a message is acknowledged when the handler has ended well', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const { open, passed } = gate();
    const began = gate<Message>();
    const subscription = await conn.consume('jobs', (message) => {
      began.open(message);
      return passed;
    });
    await conn.publish('jobs', 1);
    expect((await began.passed).acknowledged).toBe(false);
    expect(subscription.stats.inFlight).toBe(1);
    open();
    await broker.idle();
    expect(subscription.stats).toMatchObject({ received: 1, acked: 1, inFlight: 0 });
  });

  test('one that the handler settled itself is left alone', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const events: ClientEvent[] = [];
    conn.on('handler-failed', (event) => events.push(event));
    const subscription = await conn.consume('jobs', (message) => message.reject());
    await conn.publish('jobs', 1);
    await broker.idle();
    expect(subscription.stats).toMatchObject({ acked: 0, rejected: 1 });
    expect(events).toEqual([]);
  });

  test('failing without a retry policy, it comes again after a pause that doubles', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const at: number[] = [];
    const startMs = broker.clock.now();
    await conn.consume('jobs', () => {
      at.push((broker.clock.now() - startMs) / 1000);
      throw new Error('no');
    });
    await conn.publish('jobs', 1);
    await broker.advance('70s');
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 61]);
  });

  test('as many handlers run at a time as may', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    let running = 0;
    let most = 0;
    const done = gate();
    let left = 20;
    const handler = async () => {
      most = Math.max(most, ++running);
      await setImmediate();
      running--;
      if (--left === 0) done.open();
    };
    await conn.consume('jobs', handler, { prefetch: 10, concurrency: 3 });
    await Promise.all(Array.from({ length: 20 }, (_, i) => conn.publish('jobs', i)));
    await done.passed;
    expect(most).toBe(3);
  });

  test('a handler that takes too long has failed, and its signal says so', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker);
    const failed = gate<ClientEvent>();
    conn.on('handler-failed', failed.open);
    let aborted: unknown;
    const handler = ({ signal }: Message) =>
      new Promise(() => signal.addEventListener('abort', () => (aborted = signal.reason)));
    await conn.consume('jobs', handler, { timeout: '5s' });
    await conn.publish('jobs', 1);
    await broker.advance('5s');
    expect(await failed.passed).toMatchObject({ action: 'requeue', error: { code: 'TIMEOUT' } });
    expect(aborted).toMatchObject({ code: 'TIMEOUT' });
  });

  test('the signal of a message aborts when its channel is gone, and its answer is only counted', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const aborted = gate<unknown>();
    const end = gate();
    let calls = 0;
    const subscription = await conn.consume('jobs', (message) => {
      if (++calls > 1) return;
      message.signal.addEventListener('abort', () => aborted.open(message.signal.reason));
      return end.passed;
    });
    await conn.publish('jobs', 1);
    await settle();
    broker.disconnect({ clean: false });
    expect(await aborted.passed).toMatchObject({ code: 'CONNECTION_LOST' });
    await broker.idle();
    end.open();
    await settle();
    expect(calls).toBe(2);
    expect(subscription.stats).toMatchObject({ stale: 1, acked: 1 });
  });
});

describe('what cannot be read', () => {
  test('a body that does not decode is rejected, and the handler never sees it', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const failed = gate<ClientEvent>();
    conn.on('handler-failed', failed.open);
    const bodies: unknown[] = [];
    const subscription = await conn.consume('jobs', ({ body }) => void bodies.push(body));
    const channel = await conn.channel();
    const properties = { contentType: 'application/json' };
    await channel.basicPublish(new TextEncoder().encode('{'), { routingKey: 'jobs', properties });
    await conn.publish('jobs', 'good');
    await broker.idle();
    expect(await failed.passed).toMatchObject({ action: 'reject', error: { code: 'DECODE' } });
    expect(bodies).toEqual(['good']);
    expect(subscription.stats.rejected).toBe(1);
  });

  test('a content type that is not accepted', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const failed = gate<ClientEvent>();
    conn.on('handler-failed', failed.open);
    await conn.consume('jobs', () => {}, { accept: ['text'] });
    await conn.publish('jobs', { not: 'a text' });
    expect(await failed.passed).toMatchObject({ error: { code: 'CONTENT_DISALLOWED' } });
  });

  test('a schema is applied on both sides: the sender is refused, the reader gets its output', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const queue = new Queue('numbers', { schema });
    const bodies: unknown[] = [];
    await conn.consume(queue, ({ body }) => void bodies.push(body));
    expect(await failureOf(conn.publish(queue, 'seven' as never))).toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining('must be a number'),
    });
    await conn.publish(queue, 21 as never);
    await conn.publish('numbers', 'not a number');
    await broker.idle();
    expect(bodies).toEqual([42]);
  });

  test('compressed bodies are inflated', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const got = gate<Message>();
    await conn.consume('jobs', got.open);
    await conn.publish('jobs', 'x'.repeat(5000), { compression: 'gzip' });
    const message = await got.passed;
    expect(message.body).toBe('x'.repeat(5000));
    expect(message.raw.length).toBeLessThan(100);
  });
});

describe('answers', () => {
  test('twice is an error', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await conn.publish('jobs', 1);
    const message = (await conn.get('jobs'))!;
    await message.ack();
    expect(await failureOf(message.ack())).toMatchObject({ code: 'ALREADY_SETTLED' });
    expect(await failureOf(message.requeue())).toBeInstanceOf(MessageStateError);
  });

  test('after the channel is gone it is an error, and nothing is sent on another', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    await conn.publish('jobs', 1);
    const message = (await conn.get('jobs'))!;
    const back = new Promise((resolve) => conn.on('connected', resolve));
    broker.disconnect({ clean: false });
    await back;
    expect(await failureOf(message.ack())).toMatchObject({ code: 'STALE_DELIVERY' });
    expect((await conn.get('jobs'))?.deliveryInfo.redelivered).toBe(true);
  });

  test('nobody need await one: a stale answer ends no process', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    await conn.publish('jobs', 1);
    const message = (await conn.get('jobs'))!;
    broker.disconnect({ clean: false });
    await settle();
    // An unhandled rejection would fail the test run.
    void message.ack();
    await settle();
  });

  test('get gives null when there is nothing', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await new Queue('empty').declare(conn);
    expect(await conn.get('empty')).toBeNull();
  });
});

describe('stopping', () => {
  test('lets handlers end, and gives back what was not begun', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const { open, passed } = gate();
    let begun = 0;
    const handler = () => {
      begun++;
      return passed;
    };
    const subscription = await conn.consume('jobs', handler, { prefetch: 10, concurrency: 2 });
    await Promise.all([1, 2, 3, 4].map((i) => conn.publish('jobs', i)));
    await settle();
    const stopped = subscription.stop();
    await settle();
    open();
    await stopped;
    expect(begun).toBe(2);
    expect(subscription.stats.acked).toBe(2);
    expect(broker.messages('jobs').map(({ body }) => body)).toEqual([3, 4]);
  });

  test('after its time, signals abort and what is left goes back', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker);
    const aborted = gate();
    const handler = ({ signal }: Message) =>
      new Promise<void>(() => signal.addEventListener('abort', () => aborted.open()));
    const subscription = await conn.consume('jobs', handler);
    await conn.publish('jobs', 1);
    await settle();
    const stopped = subscription.stop({ timeout: '5s' });
    await broker.advance('5s');
    await aborted.passed;
    await stopped;
    expect(broker.messages('jobs')).toHaveLength(1);
  });

  test('pause takes no messages, resume does', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const bodies: unknown[] = [];
    const subscription = await conn.consume('jobs', ({ body }) => void bodies.push(body));
    await subscription.pause();
    expect(subscription.active).toBe(false);
    await conn.publish('jobs', 1);
    await settle();
    expect(bodies).toEqual([]);
    await subscription.resume();
    await broker.idle();
    expect(bodies).toEqual([1]);
  });

  test('a paused one stays paused over an outage', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    const subscription = await conn.consume('jobs', () => {});
    await subscription.pause();
    const back = new Promise((resolve) => conn.on('connected', resolve));
    broker.disconnect({ clean: false });
    await back;
    await settle();
    expect(subscription.active).toBe(false);
    await subscription.resume();
    expect(subscription.active).toBe(true);
  });

  test('a signal stops it', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const controller = new AbortController();
    const subscription = await conn.consume('jobs', () => {}, { signal: controller.signal });
    controller.abort();
    await settle();
    expect(subscription.active).toBe(false);
  });

  test('a broker that does not answer the cancel does not keep it', async () => {
    const server = new FakeServer().on('basic.cancel', ({ session }) => session.cut());
    const conn = new Connection(server, FAST);
    const subscription = await conn.consume('jobs', () => {});
    await subscription.stop();
    await conn.close();
  });
});

describe('without acknowledgements', () => {
  test('what waits for a handler is bounded, and none is lost', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const count = 5_000;
    const producer = conn.producer({ queue: 'jobs' });
    // More than what lies in sockets and buffers anyway.
    await producer.publishMany(Array.from({ length: count }, (_, i) => `${i}${' '.repeat(4000)}`));
    const bodies = new Set<unknown>();
    const all = gate();
    let mostBehind = 0;
    const handler = async ({ body }: Message) => {
      await setImmediate();
      mostBehind = Math.max(mostBehind, (subscription?.stats.received ?? 0) - bodies.size);
      bodies.add(body);
      if (bodies.size === count) all.open();
    };
    let subscription: Subscription | undefined;
    subscription = await conn.consume('jobs', handler, { noAck: true, concurrency: 10 });
    await all.passed;
    expect(bodies.size).toBe(count);
    expect(mostBehind).toBeLessThan(count);
  });

  test('stopping ends what has come: the broker has it no more', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    for (let i = 0; i < 20; i++) await conn.publish('jobs', i);
    const bodies: unknown[] = [];
    const handler = async ({ body }: Message) => {
      await setImmediate();
      bodies.push(body);
    };
    const subscription = await conn.consume('jobs', handler, { noAck: true, concurrency: 1 });
    await settle();
    await subscription.stop();
    expect(bodies.length + broker.messages('jobs').length).toBe(20);
  });
});

describe('as an iterator', () => {
  test('hands out messages, which are yours to acknowledge; leaving gives back the rest', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await Promise.all([1, 2, 3, 4, 5].map((i) => conn.publish('jobs', i)));
    const bodies: unknown[] = [];
    for await (const message of conn.consume('jobs')) {
      bodies.push(message.body);
      await message.ack();
      if (message.body === 2) break;
    }
    expect(bodies).toEqual([1, 2]);
    expect(broker.messages('jobs').map(({ body }) => body)).toEqual([3, 4, 5]);
  });

  test('goes on after an outage; what was not acknowledged comes again', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, FAST);
    await conn.publish('jobs', 1);
    const seen: [unknown, boolean][] = [];
    for await (const message of conn.consume<'jobs'>('jobs')) {
      seen.push([message.body, message.deliveryInfo.redelivered]);
      if (seen.length === 2) break;
      broker.disconnect({ clean: false });
    }
    expect(seen).toEqual([
      [1, false],
      [1, true],
    ]);
  });

  test('ends with its signal, by its reason', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const controller = new AbortController();
    const stream = conn.consume('jobs', { signal: controller.signal });
    await stream.ready;
    const waiting = failureOf(stream.next());
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
  });

  test('ends when the connection is closed', async () => {
    await using broker = new MemoryBroker();
    const conn = new Connection(broker);
    const stream = conn.consume('jobs');
    await stream.ready;
    const waiting = stream.next();
    await conn.close();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  test('says why it cannot begin', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const stream = conn.consume(new Queue('nowhere', { passive: true }));
    expect(await failureOf(stream.next())).toMatchObject({ code: 'NOT_FOUND' });
  });
});

test('options that cannot be meant are told at once', async () => {
  await using broker = new MemoryBroker();
  await using conn = new Connection(broker);
  const refused = (options: object) => failureOf(conn.consume('jobs', () => {}, options));
  expect(await refused({ prefetch: -1 })).toBeInstanceOf(TypeError);
  expect(await refused({ prefetch: 70_000 })).toBeInstanceOf(TypeError);
  expect(await refused({ concurrency: 0 })).toBeInstanceOf(TypeError);
  expect(await refused({ timeout: 'soon' })).toBeInstanceOf(TypeError);
  expect(await refused({ noAck: true, retry: { backoff: fixed(1) } })).toBeInstanceOf(TypeError);
  expect(await refused({ accept: ['nonsense'] })).toBeInstanceOf(TypeError);
});
