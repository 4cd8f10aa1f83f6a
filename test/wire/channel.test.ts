// Class channel (1.5): opening, numbers, closing in every order, flow; and access.request, which old clients send.
import { expect, test } from 'vitest';
import { methodFrame } from '../support/frames.ts';
import { connect, connectedChannel, fill, fresh, openChannel } from '../support/wire.ts';
import { method } from '../support/wire-methods.ts';
import { noQueue } from './texts.ts';

test('1.5.2.1 open twice: 504', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('channel.open');
  await conn.expectClose(504, "CHANNEL_ERROR - second 'channel.open' seen");
});

test('1.5.2.1 a method on a channel that is not open: 504', async () => {
  const conn = await connect();
  conn.unopened(1).send('queue.declare', { queue: 'x' });
  await conn.expectClose(504, "CHANNEL_ERROR - expected 'channel.open'");
});

test('1.5.2.1 publishing on a channel that is not open: 504', async () => {
  const conn = await connect();
  conn.unopened(1).publish({ routingKey: 'x', body: 'lost' });
  await conn.expectClose(504, "CHANNEL_ERROR - expected 'channel.open'");
});

test('1.5.2.1 any number will do: the limit is on how many channels there are', async () => {
  const conn = await connect({ channelMax: 2 });
  await conn.channel(65_535);
  await conn.channel(300);
  const third = conn.unopened(1);
  third.send('channel.open');
  await conn.expectClose(
    530,
    'NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)',
    'none',
  );
});

test('1.5.2.1 a closed channel makes room for another one', async () => {
  const conn = await connect({ channelMax: 1 });
  await (await conn.channel(1)).close();
  await (await conn.channel(2)).close();
  await conn.channel(3);
});

test('1.5.2.5 close: close-ok, and the number may be used again', async () => {
  const ch = await openChannel();
  await ch.close();
  await ch.open();
  await ch.expectNothing();
});

test('1.5.2.5 after the client has closed, methods need a new open', async () => {
  const [conn, ch] = await connectedChannel();
  await ch.close();
  ch.send('queue.declare', { queue: 'x' });
  await conn.expectClose(504, "CHANNEL_ERROR - expected 'channel.open'");
});

test('1.5.2.5 a soft error closes the one channel', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = fresh('nowhere');
  ch.send('queue.declare', { queue, passive: true });
  await ch.expectClose(404, noQueue(queue));
  await other.expectNothing();
});

test('1.5.2.6 after a soft error everything up to close-ok is ignored', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await other.queue({ exclusive: false });
  ch.send('queue.declare', { queue: fresh('nowhere'), passive: true });
  ch.send('queue.delete', { queue });
  ch.publish({ routingKey: queue, body: 'ignored' });
  ch.send('queue.declare-ok');
  await ch.expectClose(404, /^NOT_FOUND/, 'queue.declare');
  await ch.open();
  await ch.expectNothing();
  expect(await other.drain(queue)).toEqual([]);
});

test('1.5.2.6 the number may be used again after close-ok', async () => {
  const ch = await openChannel();
  ch.send('queue.declare', { queue: fresh('nowhere'), passive: true });
  await ch.expectClose(404, /^NOT_FOUND/);
  await ch.open();
  await ch.expectNothing();
});

test('1.5.2.6 open is not ignored: before close-ok it is a second open', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('queue.declare', { queue: fresh('nowhere'), passive: true });
  await ch.expect('channel.close', { replyCode: 404 });
  ch.send('channel.open');
  await conn.expectClose(504, "CHANNEL_ERROR - second 'channel.open' seen");
});

test('1.5.2.5 both sides close at once: each answers the other, the number is free after both', async () => {
  const [conn, ch] = await connectedChannel();
  conn.write(
    methodFrame(1, method('queue.declare', { queue: fresh('nowhere'), passive: true })),
    methodFrame(1, method('channel.close', { replyCode: 200 })),
  );
  await ch.expect('channel.close', { replyCode: 404 });
  await ch.expect('channel.close-ok');
  ch.send('channel.close-ok');
  await ch.open();
  await ch.expectNothing();
});

test('1.5.2.6 close-ok without a close: 503', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('channel.close-ok');
  await conn.expectClose(503, 'COMMAND_INVALID - unimplemented method');
});

test('1.5.2.5 closing requeues what was not acknowledged, at its place, redelivered', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c', 'd');
  await ch.get(queue);
  const b = await ch.get(queue);
  await ch.get(queue);
  ch.send('basic.ack', { deliveryTag: b.deliveryTag });
  await ch.close();
  const other = await conn.channel();
  expect(await other.get(queue)).toMatchObject({ text: 'a', redelivered: true, messageCount: 2 });
  expect(await other.get(queue)).toMatchObject({ text: 'c', redelivered: true });
  expect(await other.get(queue)).toMatchObject({ text: 'd', redelivered: false });
});

test('1.5.2.5 closing ends the consumers of the channel and of no other', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await ch.queue();
  await ch.consume(queue);
  await other.consume(queue);
  await ch.close();
  const { consumerCount } = await other.call('queue.declare', { queue, passive: true });
  expect(consumerCount).toBe(1);
});

test('1.5.2.5 delivery tags begin at 1 on a reopened channel', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b');
  expect(await ch.get(queue, { noAck: true })).toMatchObject({ deliveryTag: 1 });
  await ch.close();
  await ch.open();
  expect(await ch.get(queue, { noAck: true })).toMatchObject({ deliveryTag: 1 });
});

test('1.5.2.3 flow active=true: flow-ok', async () => {
  const ch = await openChannel();
  expect((await ch.call('channel.flow', { active: true })).active).toBe(true);
});

test('1.5.2.3 flow active=false: 540', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('channel.flow', { active: false });
  await conn.expectClose(540, 'NOT_IMPLEMENTED - active=false');
});

test('access.request of AMQP 0-9: ticket 1', async () => {
  const ch = await openChannel();
  expect(await ch.call('access.request', { realm: '/data', active: true })).toMatchObject({
    ticket: 1,
  });
});

test('4.3 methods need not wait for replies, which come in order', async () => {
  const ch = await openChannel();
  const queues = Array.from({ length: 20 }, () => fresh('queue'));
  for (const queue of queues) {
    ch.send('queue.declare', { queue, exclusive: true });
    ch.publish({ routingKey: queue, body: queue });
    ch.send('basic.get', { queue, noAck: true });
  }
  for (const queue of queues) {
    await ch.expect('queue.declare-ok', { queue });
    await ch.expect('basic.get-ok', { routingKey: queue, text: queue });
  }
});
