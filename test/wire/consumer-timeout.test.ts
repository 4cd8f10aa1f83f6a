// How long a consumer may keep a delivery: x-consumer-timeout, of the queue or of the consumer itself. RabbitMQ closes the
// channel instead, and looks once a minute; so this is tested against Leveret alone.
import { describe, expect, test } from 'vitest';
import { byBroker, connect, elapse, fill, openChannel } from '../support/wire.ts';

const TIMEOUT_MS = 1000;
const arguments_ = { 'x-consumer-timeout': TIMEOUT_MS };
const isOurs = byBroker({ leveret: true, rabbitmq: false });

describe.runIf(isOurs)('x-consumer-timeout', () => {
  test('a consumer that is late is cancelled, and another gets what it has', async () => {
    const conn = await connect();
    const [late, other] = [await conn.channel(), await conn.channel()];
    const queue = await late.queue({ exclusive: true, arguments: arguments_ });
    const consumerTag = await late.consume(queue);
    other.publish({ routingKey: queue, body: 'a' });
    other.publish({ routingKey: queue, body: 'b' });
    const [a] = await late.expectDeliveries('a', 'b');
    await elapse(TIMEOUT_MS - 1);
    await late.expectNothing();
    await elapse(1);
    await late.expect('basic.cancel', { consumerTag, noWait: true });
    await other.consume(queue);
    const deliveries = await other.expectDeliveries('a', 'b');
    expect(deliveries.map(({ redelivered }) => redelivered)).toEqual([true, true]);
    // What comes too late is no mistake, and means nothing.
    late.send('basic.ack', { deliveryTag: a!.deliveryTag });
    await late.expectNothing();
    await other.close();
    expect(await late.ready(queue)).toBe(2);
  });

  test('one that acknowledges in time goes on', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: false, arguments: arguments_ });
    await ch.consume(queue);
    for (let i = 0; i < 5; i++) {
      await fill(queue, 'm');
      const [{ deliveryTag } = { deliveryTag: 0 }] = await ch.expectDeliveries('m');
      await elapse(TIMEOUT_MS - 1);
      ch.send('basic.ack', { deliveryTag });
    }
    await elapse(TIMEOUT_MS * 2);
    await ch.expectNothing();
  });

  test.each([
    ['shorter', { 'x-consumer-timeout': 10 }, 10],
    ['longer', { 'x-consumer-timeout': TIMEOUT_MS * 2 }, TIMEOUT_MS * 2],
  ])('its own comes before that of the queue: %s', async (_, own, timeoutMs) => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: false, arguments: arguments_ });
    const consumerTag = await ch.consume(queue, { arguments: own });
    await fill(queue, 'm');
    await ch.expectDeliveries('m');
    await elapse(timeoutMs - 1);
    await ch.expectNothing();
    await elapse(1);
    await ch.expect('basic.cancel', { consumerTag });
  });

  test('0 is none', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: false, arguments: arguments_ });
    await ch.consume(queue, { arguments: { 'x-consumer-timeout': 0 } });
    await fill(queue, 'm');
    await ch.expectDeliveries('m');
    await elapse(TIMEOUT_MS * 100);
    await ch.expectNothing();
  });

  test('it does not count as a failed delivery', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({
      exclusive: false,
      durable: true,
      arguments: { ...arguments_, 'x-queue-type': 'quorum' },
    });
    await ch.consume(queue);
    await fill(queue, 'm');
    await ch.expectDeliveries('m');
    await elapse(TIMEOUT_MS);
    await ch.expect('basic.cancel');
    expect((await ch.get(queue)).properties.headers?.has('x-delivery-count') ?? false).toBe(false);
  });

  test.each([
    ['a', '"expected integer, got longstr"'],
    [-1, '{value_negative,-1}'],
  ])('%j is refused', async (value, problem) => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.send('basic.consume', { queue, arguments: { 'x-consumer-timeout': value } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid arg 'x-consumer-timeout' for queue '${queue}' in vhost '/': ${problem}`,
    );
  });
});
