// basic.get (1.8.3.10): one message at a time, whatever the prefetch.
import { expect, test } from 'vitest';
import { connect, connectedChannel, fill, fresh, openChannel } from '../support/wire.ts';
import { noQueue, unknownTag } from './texts.ts';

test('1.8.3.10 an empty queue: get-empty', async () => {
  const ch = await openChannel();
  await ch.expectEmpty(await ch.queue());
});

test('1.8.3.11 get-ok tells how many messages are left', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  const fields = { exchange: '', routingKey: queue, redelivered: false };
  expect(await ch.get(queue)).toMatchObject({ ...fields, deliveryTag: 1, messageCount: 2 });
  expect(await ch.get(queue)).toMatchObject({ ...fields, deliveryTag: 2, messageCount: 1 });
  expect(await ch.get(queue)).toMatchObject({ ...fields, deliveryTag: 3, messageCount: 0 });
  await ch.expectEmpty(queue);
});

test('1.8.3.10 no-ack: the message is gone', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue();
  await fill(queue, 'a');
  const { deliveryTag } = await ch.get(queue, { noAck: true });
  ch.send('basic.ack', { deliveryTag });
  await ch.expectClose(406, unknownTag(1));
  await (await conn.channel()).expectEmpty(queue);
});

test('1.8.3.10 without no-ack the message waits for its ack', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await ch.queue();
  await fill(queue, 'a');
  const { deliveryTag } = await ch.get(queue);
  await other.expectEmpty(queue);
  ch.send('basic.ack', { deliveryTag });
  await ch.close();
  await other.expectEmpty(queue);
});

test('1.8.3.10 a queue that does not exist: 404', async () => {
  const ch = await openChannel();
  const queue = fresh('nowhere');
  ch.send('basic.get', { queue });
  await ch.expectClose(404, noQueue(queue));
});

test('1.8.3.10 the prefetch does not count', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  await ch.call('basic.qos', { prefetchCount: 1, global: true });
  expect(await ch.get(queue)).toMatchObject({ text: 'a' });
  expect(await ch.get(queue)).toMatchObject({ text: 'b' });
});

test('1.8.3.10 a requeued message comes again, redelivered', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a');
  const { deliveryTag } = await ch.get(queue);
  ch.send('basic.reject', { deliveryTag, requeue: true });
  expect(await ch.get(queue)).toMatchObject({ deliveryTag: 2, text: 'a', redelivered: true });
});

test('1.8.3.10 many gets without waiting are answered in order', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b');
  for (let i = 0; i < 3; i++) ch.send('basic.get', { queue, noAck: true });
  await ch.expect('basic.get-ok', { text: 'a' });
  await ch.expect('basic.get-ok', { text: 'b' });
  await ch.expect('basic.get-empty');
});
