// basic.qos (1.8.3.1) as RabbitMQ means it: global=false is a limit for each consumer started later, global=true one for the
// channel, and both hold.
import { expect, test } from 'vitest';
import { connect, connectedChannel, fill, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';

/** The next deliveries have these texts, and the queue keeps `ready` messages back. */
async function expectOnly(ch: WireChannel, queue: string, ready: number, ...texts: string[]) {
  const deliveries = await ch.expectDeliveries(...texts);
  expect(await ch.ready(queue)).toBe(ready);
  await ch.expectNothing();
  return deliveries;
}

test('1.8.3.1 a consumer gets no more than its prefetch, and one more for each ack', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c', 'd');
  await ch.call('basic.qos', { prefetchCount: 2 });
  await ch.consume(queue);
  await expectOnly(ch, queue, 2, 'a', 'b');
  ch.send('basic.ack', { deliveryTag: 2 });
  await expectOnly(ch, queue, 1, 'c');
  ch.send('basic.ack', { deliveryTag: 3, multiple: true });
  await expectOnly(ch, queue, 0, 'd');
});

test.each(['basic.reject', 'basic.nack'] as const)(
  '1.8.3.1 %s makes room as well',
  async (name) => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b');
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    await expectOnly(ch, queue, 1, 'a');
    ch.send(name, { deliveryTag: 1, requeue: false });
    await expectOnly(ch, queue, 0, 'b');
  },
);

test('1.8.3.1 global=false: each consumer has a limit of its own', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await ch.call('basic.qos', { prefetchCount: 1 });
  await ch.consume(queue, { consumerTag: 'one' });
  await ch.consume(queue, { consumerTag: 'two' });
  await fill(queue, 'a', 'b', 'c');
  const deliveries = await expectOnly(ch, queue, 1, 'a', 'b');
  expect(deliveries.map(({ consumerTag }) => consumerTag).sort()).toEqual(['one', 'two']);
});

test('1.8.3.1 global=false: consumers that are there keep their limit', async () => {
  const ch = await openChannel();
  const [one, two] = [await ch.queue(), await ch.queue()];
  await ch.call('basic.qos', { prefetchCount: 1 });
  await ch.consume(one);
  await ch.call('basic.qos', { prefetchCount: 2 });
  await ch.consume(two);
  await fill(one, 'a', 'b', 'c');
  await expectOnly(ch, one, 2, 'a');
  await fill(two, 'd', 'e', 'f');
  await expectOnly(ch, two, 1, 'd', 'e');
});

test('1.8.3.1 global=true: one limit for all consumers of the channel', async () => {
  const ch = await openChannel();
  const [one, two] = [await ch.queue(), await ch.queue()];
  await ch.call('basic.qos', { prefetchCount: 2, global: true });
  await ch.consume(one);
  await ch.consume(two);
  await fill(one, 'a', 'b', 'c');
  await expectOnly(ch, one, 1, 'a', 'b');
  await fill(two, 'd');
  await expectOnly(ch, two, 1);
  ch.send('basic.ack', { deliveryTag: 1 });
  const { text } = await ch.expect('basic.deliver');
  expect(['c', 'd']).toContain(text);
  await ch.expectNothing();
});

test('1.8.3.1 global=true holds for consumers that are there already', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await ch.consume(queue);
  await ch.call('basic.qos', { prefetchCount: 1, global: true });
  await fill(queue, 'a', 'b');
  await expectOnly(ch, queue, 1, 'a');
});

test('1.8.3.1 both limits hold: the smaller one decides', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await ch.call('basic.qos', { prefetchCount: 2, global: false });
  await ch.call('basic.qos', { prefetchCount: 3, global: true });
  await ch.consume(queue, { consumerTag: 'one' });
  await ch.consume(queue, { consumerTag: 'two' });
  await fill(queue, 'a', 'b', 'c', 'd', 'e');
  const deliveries = await expectOnly(ch, queue, 2, 'a', 'b', 'c');
  const toOne = deliveries.filter(({ consumerTag }) => consumerTag === 'one');
  expect([1, 2]).toContain(toOne.length);
});

test('1.8.3.1 global=false lifts the limit of the channel', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await ch.call('basic.qos', { prefetchCount: 1, global: true });
  await ch.call('basic.qos', { prefetchCount: 2, global: false });
  await ch.consume(queue);
  await fill(queue, 'a', 'b', 'c');
  await expectOnly(ch, queue, 1, 'a', 'b');
});

test('1.8.3.1 a larger limit for the channel lets more through at once', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  await ch.call('basic.qos', { prefetchCount: 1, global: true });
  await ch.consume(queue);
  await expectOnly(ch, queue, 2, 'a');
  ch.send('basic.qos', { prefetchCount: 2, global: true });
  await ch.expect('basic.qos-ok');
  await expectOnly(ch, queue, 1, 'b');
});

test('1.8.3.1 prefetch 0 is no limit', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
  await fill(queue, ...texts);
  await ch.call('basic.qos', { prefetchCount: 1 });
  await ch.call('basic.qos', { prefetchCount: 0 });
  await ch.consume(queue);
  await expectOnly(ch, queue, 0, ...texts);
});

test('1.8.3.1 the limit does not hold for no-ack', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  await ch.call('basic.qos', { prefetchCount: 1 });
  await ch.consume(queue, { noAck: true });
  await expectOnly(ch, queue, 0, 'a', 'b', 'c');
});

test('1.8.3.1 each channel has its own limits', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await ch.queue();
  await ch.call('basic.qos', { prefetchCount: 1 });
  await ch.consume(queue);
  await fill(queue, 'a', 'b', 'c');
  await expectOnly(ch, queue, 2, 'a');
  await other.consume(queue);
  await other.expectDeliveries('b', 'c');
});

test('1.8.3.1 a cancelled consumer leaves its unacked messages, a new one has a full prefetch', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  await ch.call('basic.qos', { prefetchCount: 1 });
  const consumerTag = await ch.consume(queue);
  await expectOnly(ch, queue, 2, 'a');
  await ch.call('basic.cancel', { consumerTag });
  await ch.consume(queue);
  await expectOnly(ch, queue, 1, 'b');
});

test('1.8.3.1 a prefetch size: 540', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('basic.qos', { prefetchSize: 1000 });
  await conn.expectClose(540, 'NOT_IMPLEMENTED - prefetch_size!=0 (1000)');
});
