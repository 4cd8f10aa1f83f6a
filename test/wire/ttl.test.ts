// Time to live of messages and queues: `expiration`, x-message-ttl, x-expires.
import { describe, expect, test } from 'vitest';
import { byBroker, connect, elapse, fill, fresh, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';

const LONG_MS = 60_000;
const SHORT_MS = 100;

async function put(
  ch: WireChannel,
  queue: string,
  body: string,
  expiration?: number,
): Promise<void> {
  const properties = expiration === undefined ? {} : { expiration: String(expiration) };
  ch.publish({ routingKey: queue, body, properties, mandatory: true });
  await ch.expectNothing();
}

describe('a message with an expiration', () => {
  test('is gone when its time has come, and not before', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'short', SHORT_MS);
    await put(ch, queue, 'long', LONG_MS);
    await put(ch, queue, 'for ever');
    expect(await ch.ready(queue)).toBe(3);
    await elapse(SHORT_MS);
    expect(await ch.ready(queue)).toBe(2);
    expect(await ch.drain(queue)).toEqual(['long', 'for ever']);
  });

  test('goes from the middle of the queue, too', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'first');
    await put(ch, queue, 'short', SHORT_MS);
    await put(ch, queue, 'last');
    await elapse(SHORT_MS);
    // RabbitMQ looks at the head only.
    expect(await ch.ready(queue)).toBe(byBroker({ leveret: 2, rabbitmq: 3 }));
    expect(await ch.drain(queue)).toEqual(['first', 'last']);
  });

  test('is never delivered late, whoever comes', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'short', SHORT_MS);
    await elapse(SHORT_MS);
    await put(ch, queue, 'fresh', LONG_MS);
    await ch.consume(queue, { noAck: true });
    await ch.expectDeliveries('fresh');
    await ch.expectNothing();
  });

  test('keeps the property', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'm', LONG_MS);
    expect((await ch.get(queue)).properties.expiration).toBe(String(LONG_MS));
  });

  test('does not expire while it is unacknowledged', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'm', SHORT_MS);
    const { deliveryTag } = await ch.get(queue);
    await elapse(SHORT_MS);
    ch.send('basic.ack', { deliveryTag });
    await ch.expectNothing();
  });

  test('keeps its time when it is given back', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'short', SHORT_MS);
    await put(ch, queue, 'long', LONG_MS);
    const tags = [(await ch.get(queue)).deliveryTag, (await ch.get(queue)).deliveryTag];
    await elapse(SHORT_MS);
    for (const deliveryTag of tags) ch.send('basic.nack', { deliveryTag, requeue: true });
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['long']);
  });

  test('expires from among those that were given back', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    for (const body of ['a', 'b', 'c'])
      await put(ch, queue, body, body === 'b' ? SHORT_MS : LONG_MS);
    for (let i = 0; i < 3; i++) await ch.get(queue);
    ch.send('basic.nack', { deliveryTag: 0, multiple: true, requeue: true });
    await ch.expectNothing();
    expect(await ch.ready(queue)).toBe(3);
    await elapse(SHORT_MS);
    expect(await ch.drain(queue)).toEqual(['a', 'c']);
  });
});

describe('a message with an expiration that comes while somebody consumes', () => {
  test('expires if nobody took it', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    for (const expiration of [LONG_MS, SHORT_MS, LONG_MS]) {
      const properties = { expiration: String(expiration) };
      other.publish({ routingKey: queue, body: `${expiration}`, properties });
    }
    await ch.expectDeliveries(`${LONG_MS}`);
    // On a busy machine a real broker may have found out by now.
    expect([1, 2]).toContain(await other.ready(queue));
    await elapse(SHORT_MS);
    // RabbitMQ finds out as well, since it is at the head.
    expect(await other.ready(queue)).toBe(1);
  });

  test('keeps its time when its consumer gives it back', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue);
    await put(other, queue, 'short', SHORT_MS);
    const { deliveryTag } = await ch.expect('basic.deliver');
    await elapse(SHORT_MS);
    ch.send('basic.nack', { deliveryTag, requeue: true });
    await ch.expectNothing();
    expect(await other.ready(queue)).toBe(0);
  });
});

describe('an expiration of 0', () => {
  test('is delivered to who is ready for it', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue, { noAck: true });
    await put(other, queue, 'now', 0);
    await ch.expectDeliveries('now');
  });

  test('expires at once when nobody is', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, 'a', 0);
    expect(await ch.ready(queue)).toBe(0);
    await ch.expectEmpty(queue);
  });

  test('expires at once when everybody has enough', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    await put(other, queue, 'held');
    await ch.expectDeliveries('held');
    await put(other, queue, 'nobody', 0);
    await put(other, queue, 'later');
    ch.send('basic.ack', { deliveryTag: 1 });
    await ch.expectDeliveries('later');
  });
});

describe('x-message-ttl', () => {
  test('holds for every message, unless its own is shorter', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ arguments: { 'x-message-ttl': SHORT_MS * 3 } });
    await put(ch, queue, 'shorter', SHORT_MS);
    await put(ch, queue, 'longer', LONG_MS);
    await put(ch, queue, 'none');
    await elapse(SHORT_MS);
    expect(await ch.ready(queue)).toBe(2);
    await elapse(SHORT_MS * 2);
    expect(await ch.ready(queue)).toBe(0);
  });

  test('0: deliver at once or not at all', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ arguments: { 'x-message-ttl': 0 } });
    await put(other, queue, 'nobody');
    await ch.consume(queue, { noAck: true });
    await put(other, queue, 'somebody');
    await ch.expectDeliveries('somebody');
    await ch.expectNothing();
  });

  test('each queue of a fanout has its own', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    const short = await ch.queue({ arguments: { 'x-message-ttl': SHORT_MS } });
    const long = await ch.queue();
    for (const queue of [short, long]) await ch.bind(queue, exchange);
    ch.publish({ exchange, body: 'm' });
    await ch.expectNothing();
    await elapse(SHORT_MS);
    expect([await ch.ready(short), await ch.ready(long)]).toEqual([0, 1]);
    await ch.call('exchange.delete', { exchange });
  });

  test('many at once', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ arguments: { 'x-message-ttl': SHORT_MS } });
    for (let i = 0; i < 5000; i++) ch.publish({ routingKey: queue, body: String(i) });
    await ch.expectNothing();
    await elapse(SHORT_MS);
    await ch.expectEmpty(queue);
    expect(await ch.ready(queue)).toBe(0);
  });
});

describe('x-expires', () => {
  const exists = async (queue: string) => (await openChannel()).queueExists(queue);

  test('a queue that nobody uses goes, with what is in it', async () => {
    const ch = await openChannel();
    const queue = fresh('expiring');
    await ch.queue({ queue, exclusive: false, arguments: { 'x-expires': SHORT_MS } });
    await fill(queue, 'm');
    await elapse(SHORT_MS);
    expect(await exists(queue)).toBe(false);
  });

  test('a consumer keeps it, and its time begins when the last one has gone', async () => {
    const ch = await openChannel();
    const queue = fresh('expiring');
    await ch.queue({ queue, exclusive: false, arguments: { 'x-expires': SHORT_MS } });
    const consumerTag = await ch.consume(queue);
    await elapse(SHORT_MS * 2);
    expect(await exists(queue)).toBe(true);
    await ch.call('basic.cancel', { consumerTag });
    expect(await exists(queue)).toBe(true);
    await elapse(SHORT_MS);
    expect(await exists(queue)).toBe(false);
  });

  test.each([
    [
      'declaring it again',
      (ch: WireChannel, queue: string) =>
        ch.queue({ queue, exclusive: false, arguments: { 'x-expires': SHORT_MS * 4 } }),
    ],
    ['basic.get', (ch: WireChannel, queue: string) => ch.expectEmpty(queue)],
  ])('%s counts as use', async (_, use) => {
    const ch = await openChannel();
    const queue = fresh('expiring');
    await ch.queue({ queue, exclusive: false, arguments: { 'x-expires': SHORT_MS * 4 } });
    await elapse(SHORT_MS * 2);
    await use(ch, queue);
    await elapse(SHORT_MS * 2);
    expect(await exists(queue)).toBe(true);
    await elapse(SHORT_MS * 4);
    expect(await exists(queue)).toBe(false);
  });
});
