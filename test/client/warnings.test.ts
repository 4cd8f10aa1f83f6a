// What the client says before it goes wrong: an answer that is due, a process that stands still.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { type ClientEvent, Connection, type Message, Queue } from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MemoryBroker } from '../../src/testing.ts';
import { FakeServer } from '../support/fake-server.ts';
import { SkippingClock } from '../support/skipping-clock.ts';

const heartbeatFrame = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 206);

const FAST = { recovery: { intervalStart: 0, intervalStep: 0 } } as const;

let warned: MockInstance;
beforeEach(() => {
  warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => warned.mockRestore());

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

const never = () => new Promise(() => {});

/** The events of a type, as they come. */
function heard<T extends ClientEvent['type']>(conn: Connection, type: T) {
  const events: Extract<ClientEvent, { type: T }>[] = [];
  conn.on(type, (event) => events.push(event));
  return events;
}

/** A server like RabbitMQ, which waits for 30 minutes. */
function rabbitmq(clock: ManualClock): FakeServer {
  const product = { type: 'S', value: 'RabbitMQ' } as const;
  return new FakeServer(clock).on('header', ({ session }) =>
    session.send(0, {
      name: 'connection.start',
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: FieldTable.empty.with('product', product),
      mechanisms: new TextEncoder().encode('PLAIN'),
      locales: new TextEncoder().encode('en_US'),
    }),
  );
}

/** Some turns of the event loop between steps, so that bytes arrive; the server is never silent. */
async function pass(clock: ManualClock, server: FakeServer, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i += 30) {
    server.session.raw(heartbeatFrame);
    await settle();
    clock.advance(Math.min(30, seconds - i) * 1000);
  }
  await settle();
}

describe('an answer that is due', () => {
  test('to RabbitMQ: half of its 30 minutes; to others: none by default', async () => {
    const clock = new ManualClock();
    for (const [server, expected] of [
      [rabbitmq(clock), [{ seconds: 900, timeout: 1800, hasBegun: true }]],
      [new FakeServer(clock), []],
    ] as const) {
      const conn = new Connection(server);
      const events = heard(conn, 'ack-due');
      const subscription = await conn.consume('jobs', never);
      const channel = server.session.received.filter((name) => name === 'channel.open').length;
      server.session.deliver(channel, subscription.consumerTag, 1, 'x');
      await pass(clock, server, 890);
      expect(events).toEqual([]);
      await pass(clock, server, 600);
      expect(events).toMatchObject(expected);
      await subscription.stop({ timeout: 0 });
      await conn.close();
    }
  });

  test('is told of at half time, once, with how many wait', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const events = heard(conn, 'ack-due');
    const subscription = await conn.consume('jobs', never, { ackTimeout: '30m' });
    await conn.publish('jobs', 1, { messageId: 'm-1' });
    await broker.advance('5m');
    await conn.publish('jobs', 2);
    await broker.advance('9m');
    expect(events).toEqual([]);
    await broker.advance('1m');
    expect(events).toEqual([
      {
        type: 'ack-due',
        queue: 'jobs',
        count: 1,
        seconds: 900,
        timeout: 1800,
        hasBegun: true,
        messageId: 'm-1',
      },
    ]);
    await broker.advance('5m');
    expect(events.map(({ count, seconds }) => [count, seconds])).toEqual([
      [1, 900],
      [1, 900],
    ]);
    expect(warned).not.toHaveBeenCalled();
    await subscription.stop({ timeout: 0 });
  });

  test('is none when the answer has come, or when the broker waits for ever', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const events = heard(conn, 'ack-due');
    let held: Message | undefined;
    await conn.consume('quick', () => {}, { ackTimeout: '30m' });
    const hold = (message: Message) => {
      held = message;
    };
    await conn.consume('given', hold, { ack: 'manual', ackTimeout: '30m' });
    const slow = await conn.consume('slow', never, { ackTimeout: null });
    for (const queue of ['quick', 'given', 'slow']) await conn.publish(queue, 1);
    await broker.advance('14m');
    await held?.ack();
    await broker.advance('2h');
    expect(events).toEqual([]);
    await slow.stop({ timeout: 0 });
  });

  test('counts what no handler has begun on, and by the queue’s own time', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const events = heard(conn, 'ack-due');
    const queue = new Queue('jobs', { consumerTimeout: '4m' });
    const step = async () => {
      await new Promise<void>((resolve) => void broker.clock.after(90_000, resolve));
    };
    const subscription = await conn.consume(queue, step, { concurrency: 1 });
    for (let i = 0; i < 4; i++) await conn.publish(queue, i);
    await broker.advance('125s');
    expect(events).toMatchObject([{ count: 3, seconds: 120, timeout: 240, hasBegun: true }]);
    await subscription.stop({ timeout: 0 });
  });

  test('counts what a loop has taken and not answered', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const events = heard(conn, 'ack-due');
    const stream = conn.consume('jobs', { ackTimeout: '1m' });
    await stream.ready;
    await conn.publish('jobs', 1);
    await conn.publish('jobs', 2);
    const first = await stream.next();
    const second = await stream.next();
    await first.value.ack();
    await broker.advance('30s');
    expect(events).toMatchObject([{ count: 1, seconds: 30 }]);
    await second.value.ack();
    await stream.return?.();
  });

  test('when nobody listens it is a warning of the process, once for each queue', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { producer: { expiration: null } });
    const subscription = await conn.consume('jobs', never, { ackTimeout: '30m' });
    for (let i = 0; i < 2; i++) {
      await conn.publish('jobs', i);
      await broker.advance('10m');
    }
    await broker.advance('8m');
    expect(warned.mock.calls).toEqual([
      [
        "a message of 'jobs' not answered for 900 s; after 1800 s the broker closes the channel, and all that is in hand comes again: a handler that takes so long wants a queue with a longer 'consumerTimeout'",
        'LeveretWarning',
      ],
    ]);
    await subscription.stop({ timeout: 0 });
  });

  test('and when all the time is gone the signal aborts, and the message comes again', async () => {
    await using broker = new MemoryBroker({ clock: 'manual' });
    await using conn = new Connection(broker, { ...FAST, producer: { expiration: null } });
    const queue = new Queue('jobs', { consumerTimeout: '10m' });
    const events = heard(conn, 'ack-due');
    const reasons: unknown[] = [];
    const redelivered: boolean[] = [];
    await conn.consume(queue, ({ signal, deliveryInfo }) => {
      redelivered.push(deliveryInfo.redelivered);
      if (deliveryInfo.redelivered) return undefined;
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          resolve();
        });
      });
    });
    await conn.publish(queue, 1);
    await broker.advance('12m');
    await setImmediate();
    expect(events).toHaveLength(1);
    expect(reasons).toMatchObject([{ code: 'CONSUMER_CANCELLED' }]);
    expect(redelivered).toEqual([false, true]);
  });
});

describe('an event loop that stands still', () => {
  test('a handler that computes for half a heartbeat is named, once', async () => {
    const clock = new SkippingClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, { heartbeat: 10 });
    const events = heard(conn, 'event-loop-blocked');
    let tookMs = 4_900;
    const subscription = await conn.consume('jobs', () => clock.skip(tookMs));
    const channel = server.session.received.filter((name) => name === 'channel.open').length;
    server.session.deliver(channel, subscription.consumerTag, 1, 'x');
    await settle();
    expect(events).toEqual([]);
    tookMs = 6_000;
    server.session.deliver(channel, subscription.consumerTag, 2, 'x');
    await settle();
    clock.advance(2_500);
    expect(events).toEqual([
      { type: 'event-loop-blocked', queue: 'jobs', seconds: 6, heartbeat: 10 },
    ]);
    await conn.close();
  });

  test('what else does it is told of too, as a warning when nobody listens', async () => {
    const clock = new SkippingClock();
    const conn = new Connection(new FakeServer(clock), { heartbeat: 10 });
    await conn.connect();
    for (let i = 0; i < 2; i++) {
      clock.skip(6_000);
      clock.advance(2_500);
    }
    expect(warned.mock.calls).toEqual([
      [
        'this process let nothing else run for 6.0 s; with a heartbeat of 10 s the broker hangs up after 20 s of that. Long computations belong in a worker thread',
        'LeveretWarning',
      ],
    ]);
    await conn.close();
  });

  test('without heartbeats nobody minds', async () => {
    const clock = new SkippingClock();
    const conn = new Connection(new FakeServer(clock), { heartbeat: 0 });
    await conn.connect();
    clock.skip(6_000);
    clock.advance(5_000);
    expect(warned).not.toHaveBeenCalled();
    await conn.close();
  });
});

describe('a process that was frozen', () => {
  test('asks whether the broker is still there, and uses another connection when it is not', async () => {
    const clock = new SkippingClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, { ...FAST, heartbeat: 0 });
    await conn.publish('jobs', 1);
    const lost = heard(conn, 'disconnected');
    const { session } = server;
    for (const name of ['channel.open', 'basic.publish'] as const) server.on(name);
    clock.skip(3_600_000);
    const sent = conn.publish('jobs', 2);
    await settle();
    clock.advance(5_000);
    await settle();
    expect(lost).toEqual([]);
    expect(session.received.slice(-2)).toEqual(['basic.publish', 'channel.open']);
    server.on('channel.open', ({ answer }) => answer({ name: 'channel.open-ok' }));
    server.on('basic.publish', ({ answer }) => {
      answer({ name: 'basic.ack', deliveryTag: 1, multiple: false });
    });
    clock.advance(10_000);
    expect((await sent).attempts).toBe(2);
    expect(lost).toMatchObject([
      {
        error: {
          code: 'CONNECTION_LOST',
          message:
            'amqp://guest:**@fake:5672/%2F: no answer within 10000 ms, after this process stood still for 3600 s',
        },
      },
    ]);
    expect(server.sessions).toHaveLength(2);
    await conn.close();
  });

  test('stays when it is', async () => {
    const clock = new SkippingClock();
    const server = new FakeServer(clock);
    const conn = new Connection(server, { heartbeat: 0 });
    await conn.connect();
    clock.skip(60_000);
    clock.advance(5_000);
    await settle();
    expect(server.session.received.slice(-2)).toEqual(['channel.open', 'channel.close']);
    clock.advance(60_000);
    expect(conn.connected).toBe(true);
    expect(server.sessions).toHaveLength(1);
    await conn.close();
  });

  test('does not ask a broker that blocks publishers: it may not read', async () => {
    const clock = new SkippingClock();
    const server = new FakeServer(clock).on('channel.open');
    const conn = new Connection(server, { heartbeat: 0 });
    await conn.connect();
    server.session.send(0, { name: 'connection.blocked', reason: 'low on memory' });
    await settle();
    clock.skip(60_000);
    clock.advance(5_000);
    await settle();
    clock.advance(60_000);
    expect(conn.state).toBe('blocked');
    await conn.close();
  });
});
