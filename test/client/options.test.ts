// What a connection, a producer and a consumer can be told, where it shows on the wire or in what the application hears.
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ClientEvent, Connection, Exchange, Queue } from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { MemoryBroker } from '../../src/testing.ts';
import { FakeServer } from '../support/fake-server.ts';

const FAST = { recovery: { intervalStart: 0, intervalStep: 0 } } as const;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

test('topology: what is named is declared on every connect, before anything else', async () => {
  await using broker = new MemoryBroker();
  const events = new Exchange('events', 'topic');
  const audit = new Queue('audit', { exchange: events, routingKey: '#' });
  await using conn = new Connection(broker, { ...FAST, topology: [audit] });
  await conn.connect();
  await using other = new Connection(broker);
  await other.publish(new Exchange('events', { noDeclare: true }), 1, { routingKey: 'x' });
  expect(broker.messages('audit')).toHaveLength(1);
  await audit.delete(other);
  broker.disconnect();
  await conn.publish(events, 2, { routingKey: 'x' });
  expect(broker.messages('audit').map(({ body }) => body)).toEqual([2]);
});

test('log: hears every event, whatever it throws', async () => {
  await using broker = new MemoryBroker();
  const types: string[] = [];
  const log = (event: ClientEvent) => {
    types.push(event.type);
    throw new Error('a logger of its own kind');
  };
  const conn = new Connection(broker, { ...FAST, log });
  await conn.connect();
  broker.disconnect();
  await settle();
  await conn.close();
  expect(types).toEqual(['connected', 'disconnected', 'connected']);
});

test('external: logs in by the certificate, with no name and no password', async () => {
  const server = new FakeServer();
  server.on('header', ({ session }) =>
    session.send(0, {
      name: 'connection.start',
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: FieldTable.empty,
      mechanisms: new TextEncoder().encode('PLAIN EXTERNAL'),
      locales: new TextEncoder().encode('en_US'),
    }),
  );
  const logins: unknown[] = [];
  server.on('connection.start-ok', ({ method, answer }) => {
    logins.push([method.mechanism, new TextDecoder().decode(method.response)]);
    answer({ name: 'connection.tune', channelMax: 9, frameMax: 131_072, heartbeat: 0 });
  });
  const conn = new Connection(server, { external: true });
  await conn.connect();
  expect(logins).toEqual([['EXTERNAL', '']]);
  await conn.close();
});

test.each<[object, string, FieldValue]>([
  [{ priority: 5 }, 'x-priority', { type: 'I', value: 5 }],
  [{ offset: 'first' }, 'x-stream-offset', { type: 'S', value: 'first' }],
  [{ offset: '5m' }, 'x-stream-offset', { type: 'S', value: '5m' }],
  [{ offset: 7 }, 'x-stream-offset', { type: 'I', value: 7 }],
  [{ offset: new Date(7000) }, 'x-stream-offset', { type: 'T', value: 7n }],
  [{ arguments: { 'x-own': true } }, 'x-own', { type: 't', value: true }],
])('a consumer with %o', async (options, name, value) => {
  const server = new FakeServer();
  const conn = new Connection(server);
  let table: FieldTable | undefined;
  server.on('basic.consume', ({ method, answer }) => {
    table = method.arguments;
    answer({ name: 'basic.consume-ok', consumerTag: method.consumerTag });
  });
  await conn.consume('jobs', () => {}, options);
  expect(table?.get(name)).toEqual(value);
  await conn.close();
});

test('flush resolves when all that is pending is settled, or says that it is not', async () => {
  const clock = new ManualClock();
  const server = new FakeServer(clock).on('basic.publish');
  const conn = new Connection(server);
  const producer = conn.producer();
  const sent = producer.publish(1, { routingKey: 'q' });
  await settle();
  expect(producer.pending).toBe(1);
  const late = producer.flush({ timeout: 1 }).catch(({ code }) => code);
  clock.advance(1000);
  expect(await late).toBe('TIMEOUT');
  const flushed = producer.flush();
  const { session } = server;
  const [channel = 0] = session.published.keys();
  session.send(channel, { name: 'basic.ack', deliveryTag: 1, multiple: false });
  await flushed;
  await sent;
  expect(producer.pending).toBe(0);
  await conn.close();
});

test('an exchange that delays does so itself, and the expiration counts from then', async () => {
  await using broker = new MemoryBroker({ clock: 'manual' });
  await using conn = new Connection(broker);
  const later = new Exchange('later', {
    type: 'x-delayed-message',
    arguments: { 'x-delayed-type': 'direct' },
  });
  await new Queue('jobs', { exchange: later, routingKey: 'a' }).declare(conn);
  const to = { routingKey: 'a', delay: '90s', expiration: '60s' } as const;
  await conn.publish(later, 'x', to);
  const jobs = () => broker.messages('jobs').length;
  await broker.advance('89s');
  expect(jobs()).toBe(0);
  await broker.advance('1s');
  expect(jobs()).toBe(1);
  await broker.advance('59s');
  expect(jobs()).toBe(1);
  await broker.advance('1s');
  expect(jobs()).toBe(0);
});

test('passive only looks whether it is there, noDeclare does not even look', async () => {
  await using broker = new MemoryBroker();
  await using conn = new Connection(broker);
  const failure = await new Queue('jobs', { passive: true })
    .declare(conn)
    .catch(({ code }: { code: string }) => code);
  expect(failure).toBe('NOT_FOUND');
  await new Queue('jobs', { messageTtl: '1h' }).declare(conn);
  // Described otherwise than it is.
  await new Queue('jobs', { passive: true }).declare(conn);
  await conn.publish(new Queue('jobs', { noDeclare: true }), 1);
  expect(broker.messages('jobs')).toHaveLength(1);
});
