// Queues of type quorum: what they promise on one node. Replication is not what is tested here.
import { describe, expect, test } from 'vitest';
import { byBroker, connect, elapse, fresh, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { Fields, PlainTable } from '../support/wire-methods.ts';

const TYPE = { 'x-queue-type': 'quorum' };

async function quorum(
  more: PlainTable = {},
  fields: Fields<'queue.declare'> = {},
): Promise<[WireChannel, string]> {
  const ch = await openChannel();
  const queue = fresh('quorum');
  await ch.queue({
    queue,
    durable: true,
    exclusive: false,
    ...fields,
    arguments: { ...TYPE, ...more },
  });
  return [ch, queue];
}

/** Confirmed, so that it is there. */
async function put(ch: WireChannel, queue: string, ...texts: readonly string[]): Promise<void> {
  await ch.call('confirm.select');
  for (const body of texts) {
    ch.publish({ routingKey: queue, body });
    await ch.expect('basic.ack');
  }
}

describe('declared', () => {
  test.each([
    ['durable', { durable: false }, 'non-durable'],
    ['for all connections', { exclusive: true }, 'exclusive-owner'],
    ['for good', { autoDelete: true }, 'auto-delete'],
  ])('%s, or not at all', async (_, fields, property) => {
    const ch = await openChannel();
    const queue = fresh('quorum');
    ch.send('queue.declare', { queue, durable: true, ...fields, arguments: TYPE });
    const text = `PRECONDITION_FAILED - invalid property '${property}' for queue '${queue}' in vhost '/'`;
    await ch.expectClose(406, text);
  });

  test('with a name', async () => {
    const ch = await openChannel();
    ch.send('queue.declare', { durable: true, arguments: TYPE });
    await ch.expectClose(
      406,
      'PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue',
    );
  });

  test('as what it is', async () => {
    const [ch, queue] = await quorum();
    await ch.queue({ queue, durable: true, exclusive: false, arguments: TYPE });
    ch.send('queue.declare', { queue, durable: true });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '${queue}' in vhost '/': received none but current is the value 'quorum' of type 'longstr'`,
    );
  });
});

describe('refused', () => {
  test.each([
    ['if-unused', { ifUnused: true }],
    ['if-empty', { ifEmpty: true }],
  ])('delete with %s', async (flag, fields) => {
    const [, queue] = await quorum();
    const conn = await connect();
    const ch = await conn.channel();
    ch.send('queue.delete', { queue, ...fields });
    await conn.expectClose(
      540,
      `NOT_IMPLEMENTED - cannot delete queue '${queue}' in vhost '/'. queue.delete operations with ${flag} flag set are not supported by quorum queues`,
    );
  });

  test('a limit over all consumers', async () => {
    const [, queue] = await quorum();
    const conn = await connect();
    const ch = await conn.channel();
    await ch.call('basic.qos', { prefetchCount: 1, global: true });
    ch.send('basic.consume', { queue });
    await conn.expectClose(
      540,
      `NOT_IMPLEMENTED - queue '${queue}' in vhost '/' does not support global qos`,
    );
  });

  test('basic.get where one consumer is active', async () => {
    const [ch, queue] = await quorum({ 'x-single-active-consumer': true });
    ch.send('basic.get', { queue });
    await ch.expectClose(
      405,
      `RESOURCE_LOCKED - cannot obtain access to locked queue '${queue}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer`,
    );
  });
});

test('an exclusive consumer is one like any other', async () => {
  const [ch, queue] = await quorum();
  await ch.consume(queue, { exclusive: true });
  await ch.consume(queue, { exclusive: true });
  await put(ch, queue);
});

describe('deliveries that failed', () => {
  type Headers = { get(name: string): { value: unknown } | undefined } | undefined;
  const countIn = (headers: Headers) => headers?.get('x-delivery-count')?.value;
  const acquiredIn = (headers: Headers) => headers?.get('x-acquired-count')?.value;

  test('are counted and told', async () => {
    const [ch, queue] = await quorum();
    await put(ch, queue, 'm');
    await ch.consume(queue);
    for (const count of [undefined, 1n, 2n]) {
      const { properties, deliveryTag, redelivered } = await ch.expect('basic.deliver');
      expect([countIn(properties.headers), redelivered]).toEqual([count, count !== undefined]);
      const acquired = byBroker({ leveret: count, rabbitmq: undefined });
      expect(acquiredIn(properties.headers)).toBe(acquired);
      ch.send('basic.reject', { deliveryTag, requeue: true });
    }
  });

  test('what is given back without blame does not count', async () => {
    const [ch, queue] = await quorum();
    await put(ch, queue, 'm');
    await ch.consume(queue);
    const first = await ch.expect('basic.deliver');
    ch.send('basic.nack', { deliveryTag: first.deliveryTag, requeue: true });
    const { properties, redelivered } = await ch.expect('basic.deliver');
    expect(redelivered).toBe(true);
    expect(countIn(properties.headers)).toBe(byBroker({ leveret: undefined, rabbitmq: 1n }));
    expect(acquiredIn(properties.headers)).toBe(byBroker({ leveret: 1n, rabbitmq: undefined }));
  });

  test('a channel that goes counts', async () => {
    const [, queue] = await quorum();
    const conn = await connect();
    const [one, two] = [await conn.channel(), await conn.channel()];
    await put(two, queue, 'm');
    await one.consume(queue);
    await one.expectDeliveries('m');
    await one.close();
    await two.consume(queue);
    expect(countIn((await two.expect('basic.deliver')).properties.headers)).toBe(1n);
  });

  test('the headers that it had are still there', async () => {
    const [ch, queue] = await quorum();
    await ch.call('confirm.select');
    ch.publish({
      routingKey: queue,
      body: 'm',
      properties: { messageId: 'id', headers: { a: 1 } },
    });
    await ch.expect('basic.ack');
    await ch.consume(queue);
    const first = await ch.expect('basic.deliver');
    ch.send('basic.reject', { deliveryTag: first.deliveryTag, requeue: true });
    const { properties, text } = await ch.expect('basic.deliver');
    expect([text, properties.messageId, properties.headers?.get('a')?.value]).toEqual([
      'm',
      'id',
      1,
    ]);
  });

  test.each([0, 1, 2])('x-delivery-limit %i: then it is given up', async (limit) => {
    const [ch, queue] = await quorum({ 'x-delivery-limit': limit });
    await put(ch, queue, 'm');
    await ch.consume(queue);
    for (let delivery = 0; delivery <= limit; delivery++) {
      const { deliveryTag } = await ch.expect('basic.deliver');
      ch.send('basic.reject', { deliveryTag, requeue: true });
    }
    await elapse(50);
    await ch.expectNothing();
    expect(await ch.ready(queue)).toBe(0);
  });

  test('what is given up is a dead letter', async () => {
    const [ch, queue] = await quorum({
      'x-delivery-limit': 0,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'dead',
    });
    const dead = await ch.queue();
    const deadly = await quorum({
      'x-delivery-limit': 0,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
    });
    await put(ch, deadly[1], 'm');
    await ch.consume(deadly[1]);
    const { deliveryTag } = await ch.expect('basic.deliver');
    ch.send('basic.reject', { deliveryTag, requeue: true });
    await elapse(100);
    const { properties, text } = await ch.get(dead);
    expect(text).toBe('m');
    expect(properties.headers?.get('x-first-death-reason')?.value).toBe('delivery_limit');
    expect(await ch.ready(queue)).toBe(0);
  });
});

describe('as any queue', () => {
  test('limits, by refusal', async () => {
    const [ch, queue] = await quorum({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await put(ch, queue, 'a');
    ch.publish({ routingKey: queue, body: 'b' });
    // RabbitMQ lets some through before it refuses.
    await ch.expect(byBroker({ leveret: 'basic.nack', rabbitmq: 'basic.ack' } as const));
  });

  test('limits, by dropping', async () => {
    const [ch, queue] = await quorum({ 'x-max-length': 2 });
    await put(ch, queue, 'a', 'b', 'c');
    expect(await ch.drain(queue)).toEqual(['b', 'c']);
  });

  test('a time to live', async () => {
    const [ch, queue] = await quorum({ 'x-message-ttl': 100 });
    await put(ch, queue, 'a');
    await elapse(200);
    await ch.expectEmpty(queue);
  });

  test('purge and delete', async () => {
    const [ch, queue] = await quorum();
    await put(ch, queue, 'a', 'b');
    expect(await ch.call('queue.purge', { queue })).toMatchObject({ messageCount: 2 });
    await put(ch, queue, 'c');
    expect(await ch.call('queue.delete', { queue })).toMatchObject({ messageCount: 1 });
  });
});

test('a single active consumer gives way to a higher priority when it has settled what it has', async () => {
  const [ch, queue] = await quorum({ 'x-single-active-consumer': true });
  const consume = (consumerTag: string, priority: number) =>
    ch.consume(queue, { consumerTag, arguments: { 'x-priority': priority } });
  await consume('low', 0);
  const publisher = await openChannel();
  await put(publisher, queue, 'a');
  const { deliveryTag } = await ch.expect('basic.deliver', { consumerTag: 'low', text: 'a' });
  await consume('high', 5);
  await put(publisher, queue, 'b');
  const consumerTag = byBroker({ leveret: 'high', rabbitmq: 'low' });
  if (consumerTag === 'high') await ch.expectNothing();
  ch.send('basic.ack', { deliveryTag });
  await ch.expect('basic.deliver', { consumerTag, text: 'b' });
});

test('priorities without asking for them: 32 levels, 4 for messages that do not say', async () => {
  const [ch, queue] = await quorum();
  await ch.call('confirm.select');
  for (const priority of [3, undefined, 5, 40, 31, 4]) {
    const properties = priority === undefined ? {} : { priority };
    ch.publish({ routingKey: queue, body: String(priority), properties });
    await ch.expectOneOf('basic.ack');
  }
  expect(await ch.drain(queue)).toEqual(
    byBroker({
      leveret: ['40', '31', '5', 'undefined', '4', '3'],
      rabbitmq: ['3', 'undefined', '5', '40', '31', '4'],
    }),
  );
});

describe('x-delayed-retry', () => {
  // RabbitMQ 3.10 takes no notice of it.
  const retry = { 'x-delayed-retry-min': 100, 'x-delayed-retry-max': 250 };
  const isOurs = byBroker({ leveret: true, rabbitmq: false });

  test.runIf(isOurs)('what failed waits, longer each time', async () => {
    const [ch, queue] = await quorum({ ...retry, 'x-delayed-retry-type': 'failed' });
    await put(ch, queue, 'm');
    await ch.consume(queue);
    for (const waitMs of [100, 200, 250]) {
      const { deliveryTag } = await ch.expect('basic.deliver');
      ch.send('basic.reject', { deliveryTag, requeue: true });
      await elapse(waitMs - 1);
      await ch.expectNothing();
      await elapse(1);
    }
    const { deliveryTag } = await ch.expect('basic.deliver');
    ch.send('basic.nack', { deliveryTag, requeue: true });
    await ch.expect('basic.deliver');
  });

  test.runIf(isOurs)('what is given back without blame waits, if asked', async () => {
    const [ch, queue] = await quorum({ ...retry, 'x-delayed-retry-type': 'returned' });
    await put(ch, queue, 'm');
    await ch.consume(queue);
    const { deliveryTag } = await ch.expect('basic.deliver');
    ch.send('basic.nack', { deliveryTag, requeue: true });
    await ch.expectNothing();
    await elapse(100);
    await ch.expect('basic.deliver');
  });
});
