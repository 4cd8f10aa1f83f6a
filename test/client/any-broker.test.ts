// What the client reads from a broker's texts and order of methods, with the broker at AMQP_URL (RabbitMQ, in
// `npm run test:rabbitmq`) as with our own.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Connection, Exchange, Queue } from '../../src/client/index.ts';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

let broker: RunningBroker | undefined;
let url: string;
let conn: Connection;
const unique = `${process.pid}-${Date.now()}`;
const name = (what: string) => `client-test-${what}-${unique}`;

beforeAll(async () => {
  const given = process.env.AMQP_URL;
  if (given === undefined) broker = await startBroker({ port: 0 });
  url = given ?? broker!.url;
  conn = new Connection(url);
  await conn.connect();
});

afterAll(async () => {
  await conn.close();
  await broker?.close();
});

test('a message goes round', async () => {
  const queue = new Queue(name('round'), { exclusive: true });
  await conn.publish(queue, { id: 7 });
  const message = await conn.get(queue);
  expect(message?.body).toEqual({ id: 7 });
  await message?.ack();
});

describe('refusals', () => {
  test('a missing exchange fails its own publish, and no other', async () => {
    const queue = new Queue(name('blame'), { exclusive: true });
    await queue.declare(conn);
    const nowhere = new Exchange(name('nowhere'), { noDeclare: true });
    const results = await Promise.allSettled([
      conn.publish(queue, 1),
      conn.publish(nowhere, 2, { routingKey: 'x' }),
      conn.publish(queue, 3),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('several missing exchanges over one channel of many, each by its name', async () => {
    const names = Array.from({ length: 30 }, (_, i) => name(`many-${i}`));
    const there = names.filter((_, i) => i % 3 !== 0);
    for (const one of there) await new Exchange(one, 'fanout', { autoDelete: true }).declare(conn);
    const results = await Promise.allSettled(
      names.map((exchange) => conn.producer({ exchange }).publish('x', { routingKey: 'k' })),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(
      names.map((_, i) => i % 3 !== 0),
    );
    for (const one of there) await new Exchange(one).delete(conn);
  });

  test('an unroutable message comes back to its own publish', async () => {
    const producer = conn.producer({ exchange: 'amq.topic', mandatory: true });
    const failure = await failureOf(producer.publish('x', { routingKey: name('nobody') }));
    expect(failure).toMatchObject({ code: 'UNROUTABLE', replyCode: 312, exchange: 'amq.topic' });
  });

  test('a declaration that differs says in what', async () => {
    const queue = name('differs');
    await new Queue(queue, { exclusive: true, arguments: { 'x-max-length': 5 } }).declare(conn);
    const failure = await failureOf(
      new Queue(queue, { exclusive: true, arguments: { 'x-max-length': 6 } }).declare(conn),
    );
    expect(failure).toMatchObject({
      code: 'PRECONDITION_FAILED',
      method: 'queue.declare',
      mismatch: { argument: 'x-max-length', current: 5, declared: 6 },
    });
  });

  test('an exclusive consumer is waited for', async () => {
    const queue = new Queue(name('exclusive'), { durable: false });
    await queue.declare(conn);
    await using other = new Connection(url);
    const first = await other.consume(queue, () => {}, { exclusive: true });
    const second = conn.consume(queue, () => {}, { exclusive: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await first.stop();
    await (await second).stop();
    await queue.delete(conn);
  });

  test('a queue that is another connection’s', async () => {
    const queue = name('locked');
    await using other = new Connection(url);
    await new Queue(queue, { exclusive: true }).declare(other);
    expect(await failureOf(new Queue(queue, { exclusive: true }).declare(conn))).toMatchObject({
      code: 'RESOURCE_LOCKED',
      recoverable: true,
    });
  });

  test('wrong credentials, and a virtual host that is not there', async () => {
    const wrong = new URL(url);
    wrong.password = 'wrong';
    expect(await failureOf(new Connection(wrong.href).connect())).toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
    const lost = new URL(url);
    lost.pathname = '/nowhere';
    expect(await failureOf(new Connection(lost.href).connect())).toMatchObject({
      code: 'VHOST_NOT_FOUND',
    });
  });
});

test('a deleted queue cancels its consumer, which comes back', async () => {
  const queue = new Queue(name('deleted'), { durable: false });
  const bodies: unknown[] = [];
  const got = new Promise<void>((resolve) => {
    void conn.consume(queue, ({ body }) => {
      bodies.push(body);
      resolve();
    });
  });
  await conn.publish(queue, 'before');
  await got;
  const cancelled = new Promise((resolve) => conn.on('consumer-cancelled', resolve));
  await using other = new Connection(url);
  const channel = await other.channel();
  await channel.queueDelete(queue.name);
  await cancelled;
  while (bodies.length < 2) {
    await conn.publish(queue, 'after').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(bodies[1]).toBe('after');
  await queue.delete(conn);
});

test('calls go over direct reply-to', async () => {
  const queue = name('double');
  await conn.serve<number>(queue, (value) => value * 2);
  expect(await conn.call(queue, 21)).toBe(42);
  expect(await failureOf(conn.call(name('unserved'), 1))).toMatchObject({ code: 'UNROUTABLE' });
  await new Queue(queue).delete(conn);
});
