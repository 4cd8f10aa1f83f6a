// What Kombu's users know by name, as they know it: Consumer, ConsumerMixin, Worker, drainEvents, heartbeatCheck.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import {
  type BoundConsumer,
  type Channel,
  Connection,
  type ConnectionError,
  Consumer,
  ConsumerMixin,
  ConsumerProducerMixin,
  type Message,
  OperationalError,
  Queue,
  SerializationError,
  Worker,
} from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryBroker } from '../../src/testing.ts';
import { FakeServer } from '../support/fake-server.ts';

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

const refused = () => Object.assign(new Error('no'), { code: 'ECONNREFUSED' });

describe('a Consumer', () => {
  test('takes more queues and callbacks as it goes, and leaves single ones', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const channel = await conn.channel();
    const [a, b] = [new Queue('a'), new Queue('b')];
    const got: string[] = [];
    const consumer = new Consumer(channel, { queues: a, tagPrefix: 'mine-' });
    consumer.registerCallback((body, message) => {
      got.push(`${message.deliveryInfo.consumerTag.slice(0, 5)} ${body}`);
      return message.ack();
    });
    await consumer.consume();
    consumer.addQueue(b);
    await consumer.consume();
    expect([consumer.consumingFrom(a), consumer.consumingFrom('b')]).toEqual([true, true]);
    await conn.publish('a', 'to a');
    await conn.drainEvents({ timeout: 1 });
    await conn.publish('b', 'to b');
    await conn.drainEvents({ timeout: 1 });
    await consumer.cancelByQueue(a);
    expect([consumer.consumingFrom(a), consumer.consumingFrom(b)]).toEqual([false, true]);
    await conn.publish('a', 'nobody takes it');
    await broker.idle();
    expect(got).toEqual(['mine- to a', 'mine- to b']);
    expect(broker.messages('a')).toHaveLength(1);
  });

  test('with autoDeclare off takes queues as they are', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const options = { queues: new Queue('nowhere'), autoDeclare: false, callbacks: [() => {}] };
    const consumer = new Consumer(await conn.channel(), options);
    expect(await failureOf(consumer.consume())).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('qos bounds what is sent ahead, recover brings back what is not acknowledged', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const seen: [unknown, boolean][] = [];
    const consumer = new Consumer(await conn.channel(), {
      queues: new Queue('jobs'),
      callbacks: [(body, { deliveryInfo }) => void seen.push([body, deliveryInfo.redelivered])],
    });
    await consumer.qos({ prefetchCount: 2 });
    await consumer.consume();
    for (const body of [1, 2, 3]) await conn.publish('jobs', body);
    for (let i = 0; i < 2; i++) await conn.drainEvents({ timeout: 1 });
    expect(await failureOf(conn.drainEvents({ timeout: '50ms' }))).toMatchObject({
      code: 'TIMEOUT',
    });
    await consumer.recover({ requeue: true });
    for (let i = 0; i < 2; i++) await conn.drainEvents({ timeout: 1 });
    expect(seen).toEqual([
      [1, false],
      [2, false],
      [1, true],
      [2, true],
    ]);
    const managed = new Consumer(conn, { queues: new Queue('jobs') });
    expect(await failureOf(managed.recover())).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test.each(['a channel', 'a connection'])(
    'of %s: onDecodeError gets what callbacks cannot',
    async (of) => {
      await using broker = new MemoryBroker();
      await using conn = new Connection(broker);
      const errors: unknown[] = [];
      const bodies: unknown[] = [];
      const target = of === 'a channel' ? await conn.channel() : conn;
      const consumer = new Consumer(target, {
        queues: new Queue('jobs'),
        callbacks: [
          (body, message) => {
            bodies.push(body);
            return message.ack();
          },
        ],
        onDecodeError: (message, error) => {
          errors.push(error);
          return message.ack();
        },
      });
      await consumer.consume();
      const raw = await conn.channel();
      const properties = { contentType: 'application/json', contentEncoding: 'utf-8' };
      for (const body of ['{', '{}']) {
        const bytes = new TextEncoder().encode(body);
        await raw.basicPublish(bytes, { routingKey: 'jobs', properties });
      }
      if (target !== conn) for (let i = 0; i < 2; i++) await conn.drainEvents({ timeout: 1 });
      await broker.idle();
      expect(errors).toHaveLength(1);
      expect(errors[0]).toBeInstanceOf(SerializationError);
      expect(bodies).toEqual([{}]);
    },
  );

  test('onMessage takes the place of callbacks, and nothing is decoded for it', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const raw: Uint8Array[] = [];
    const consumer = new Consumer(await conn.channel(), {
      queues: new Queue('jobs'),
      accept: ['json'],
      onMessage: (message) => {
        raw.push(message.raw);
        return message.ack();
      },
    });
    await consumer.consume();
    await conn.publish('jobs', 'text');
    await conn.drainEvents({ timeout: 1 });
    expect(raw).toEqual([new TextEncoder().encode('text')]);
  });

  test('with nobody to drain it, it says so once', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker);
    const consumer = new Consumer(await conn.channel(), {
      queues: new Queue('jobs'),
      callbacks: [() => {}],
      noAck: true,
    });
    await consumer.consume();
    await conn.publish('jobs', 1);
    await broker.advance('4s');
    expect(warned).not.toHaveBeenCalled();
    await broker.advance('10s');
    expect(warned.mock.calls).toEqual([
      [
        expect.stringMatching(/^a Consumer on a channel has had messages for 5 s/),
        'LeveretWarning',
      ],
    ]);
    warned.mockRestore();
  });
});

describe('drainEvents and heartbeatCheck', () => {
  test('reject at once when the link breaks, though it is made again behind', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker, {
      recovery: { intervalStart: 0, intervalStep: 0 },
    });
    const consumer = new Consumer(await conn.channel(), { queues: new Queue('jobs') });
    await consumer.consume();
    const drained = failureOf(conn.drainEvents());
    broker.disconnect({ clean: false });
    expect(await drained).toMatchObject({ code: 'CONNECTION_LOST' });
    await settle();
    expect(conn.connected).toBe(true);
    expect(() => conn.heartbeatCheck()).not.toThrow();
  });

  test('a silent broker is HEARTBEAT_TIMEOUT, after two intervals', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, { heartbeat: 10 });
    expect(() => conn.heartbeatCheck()).toThrow(/there is no connection/);
    await conn.connect();
    server.refusals = Array.from({ length: 9 }, refused);
    // The first interval was not silent: it had the end of the handshake.
    clock.advance(29_000);
    conn.heartbeatCheck();
    clock.advance(1_000);
    expect(() => conn.heartbeatCheck()).toThrow(
      expect.objectContaining({ code: 'HEARTBEAT_TIMEOUT' }),
    );
    await conn.close();
  });
});

describe('a ConsumerMixin', () => {
  test('calls its hooks in order, and goes on after an outage', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    const calls: string[] = [];
    let iterations = 0;
    let runs = 0;
    class Mixin extends ConsumerMixin {
      connection = conn;
      #running: Connection | undefined;
      getConsumers(Bound: BoundConsumer) {
        calls.push('getConsumers');
        const take = async (body: unknown, message: Message) => {
          calls.push(`took ${body}`);
          await message.ack();
          await settle();
          if (body === 1) this.#running?.collect();
          else this.shouldStop = true;
        };
        return [new Bound({ queues: new Queue('jobs'), callbacks: [take] })];
      }
      override onConnectionRevived() {
        calls.push('onConnectionRevived');
      }
      override async onConsumeReady(
        connection: Connection,
        channel: Channel,
        consumers: readonly Consumer[],
      ) {
        this.#running = connection;
        calls.push(`onConsumeReady ${channel.isOpen} ${consumers.length}`);
        await conn.publish('jobs', ++runs);
      }
      override onConsumeEnd() {
        calls.push('onConsumeEnd');
      }
      override onIteration() {
        iterations++;
      }
    }
    await new Mixin().run();
    const begins = ['onConnectionRevived', 'getConsumers', 'onConsumeReady true 1'];
    expect(calls).toEqual([
      ...[...begins, 'took 1', 'onConsumeEnd'],
      ...[...begins, 'took 2', 'onConsumeEnd'],
    ]);
    expect(iterations).toBeGreaterThanOrEqual(3);
  });

  test('tells of each failed attempt, and ends when it may make no more', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    server.refusals = Array.from({ length: 9 }, refused);
    const told: [string, boolean][] = [];
    class Mixin extends ConsumerMixin {
      connection = new Connection(server);
      override connectMaxRetries = 2;
      getConsumers() {
        return [];
      }
      override onConnectionError(error: ConnectionError, interval: number) {
        told.push([error.code, interval <= 4]);
      }
    }
    const failed = failureOf(new Mixin().run());
    for (let i = 0; i < 3; i++) {
      await settle();
      clock.advance(30_000);
    }
    expect(await failed).toBeInstanceOf(OperationalError);
    expect(told).toEqual([
      ['CONNECTION_REFUSED', true],
      ['CONNECTION_REFUSED', true],
    ]);
  });

  test('stops in its time, whatever its callback does: the signal aborts and the message goes back', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    await conn.publish('jobs', 1);
    let signal: AbortSignal | undefined;
    class Mixin extends ConsumerMixin {
      connection = conn;
      getConsumers(Bound: BoundConsumer) {
        const hang = (_body: unknown, message: Message) => {
          signal = message.signal;
          return new Promise(() => {});
        };
        return [new Bound({ queues: new Queue('jobs'), callbacks: [hang] })];
      }
    }
    const mixin = new Mixin();
    const running = mixin.run();
    await settle();
    const stopped = mixin.stop({ timeout: '5s' });
    await broker.advance('4s');
    expect(signal?.aborted).toBe(false);
    await broker.advance('1s');
    await stopped;
    await running;
    await settle();
    expect(signal?.aborted).toBe(true);
    expect(broker.messages('jobs')).toHaveLength(1);
  });

  test('one that also publishes has a producer of its own', async () => {
    await using broker = new MemoryBroker();
    await using conn = new Connection(broker);
    await conn.publish('in', 20);
    class Doubler extends ConsumerProducerMixin {
      connection = conn;
      getConsumers(Bound: BoundConsumer) {
        const double = async (body: number, message: Message) => {
          await this.producer.publish(body * 2, { queue: 'out' });
          await message.ack();
          this.shouldStop = true;
        };
        return [new Bound({ queues: new Queue('in'), callbacks: [double] })];
      }
    }
    await new Doubler().run();
    expect(broker.messages('out').map(({ body }) => body)).toEqual([40]);
    expect(broker.messages('in')).toEqual([]);
  });
});

describe('a Worker with a handler', () => {
  function worker(server: FakeServer) {
    const told: string[] = [];
    class Told extends Worker {
      override connectMaxRetries = 1;
      override onConnectionError(error: ConnectionError) {
        told.push(error.code);
      }
      override onConnectionRevived() {
        told.push('revived');
      }
    }
    const recovery = { intervalStart: 1, jitter: 0 };
    const it = new Told(new Connection(server, { recovery }), new Queue('jobs'), () => {});
    return { told, worker: it };
  }

  test('tells of outages, and goes on', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const { told, worker: it } = worker(server);
    const running = it.run();
    await settle();
    clock.advance(60_000);
    server.session.cut();
    await settle();
    expect(told).toEqual(['revived', 'CONNECTION_LOST', 'revived']);
    await it.stop();
    await running;
  });

  test('ends with OperationalError when an outage is not to be mended', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock);
    const { told, worker: it } = worker(server);
    const failed = failureOf(it.run());
    await settle();
    server.refusals = Array.from({ length: 9 }, refused);
    server.session.cut();
    for (let i = 0; i < 4; i++) {
      await settle();
      clock.advance(10_000);
    }
    expect(await failed).toMatchObject({ code: 'RETRIES_EXHAUSTED' });
    expect(told).toEqual(['revived', 'CONNECTION_LOST', 'CONNECTION_REFUSED']);
  });
});
