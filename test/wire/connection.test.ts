// An open connection (1.4.2.9 and 4.2.7): closing in every order, what it leaves behind, update-secret, heartbeats.
import { expect, test } from 'vitest';
import { frame, heartbeatFrame, methodFrame } from '../support/frames.ts';
import { connect, connectedChannel, fill, fresh, openChannel, passTime } from '../support/wire.ts';
import { method } from '../support/wire-methods.ts';

test('1.4.2.9 close: close-ok, whatever is open', async () => {
  const [conn, ch] = await connectedChannel();
  await conn.channel();
  await ch.consume(await ch.queue());
  await conn.close();
});

test('1.4.2.9 close while the broker closes a channel', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('queue.declare', { queue: fresh('nowhere'), passive: true });
  await ch.expect('channel.close', { replyCode: 404 });
  await conn.close();
});

test('1.4.2.9 both sides close at once: each answers the other', async () => {
  const conn = await connect();
  conn.write(
    methodFrame(0, method('connection.open', { virtualHost: '/' })),
    methodFrame(0, method('connection.close', { replyCode: 200 })),
  );
  await conn.expect('connection.close', { replyCode: 504 });
  await conn.expect('connection.close-ok');
  conn.send('connection.close-ok');
  await conn.expectEnd();
});

test('1.4.2.9 after a hard error everything but close and close-ok is ignored', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue({ exclusive: false });
  conn.write(
    methodFrame(0, method('connection.open', {})),
    methodFrame(1, method('queue.delete', { queue })),
    frame(9, 7, Uint8Array.of(1, 2, 3)),
  );
  await conn.expectClose(504, /unexpected method/, 'connection.open');
  const other = await openChannel();
  expect(await other.ready(queue)).toBe(0);
});

test('1.4.2.9 exclusive queues are gone when close-ok comes', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue({ exclusive: true });
  await conn.close();
  const other = await openChannel();
  expect(await other.queueExists(queue)).toBe(false);
});

test('1.4.2.9 a close in order requeues what was not acknowledged', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue({ exclusive: false });
  await fill(queue, 'a', 'b');
  await ch.get(queue);
  await conn.close();
  const other = await openChannel();
  expect(await other.get(queue)).toMatchObject({ text: 'a', redelivered: true });
  expect(await other.get(queue)).toMatchObject({ text: 'b', redelivered: false });
});

test('1.4 a connection that breaks off leaves its unacked messages to others', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = await ch.queue({ exclusive: false });
  await fill(queue, 'a', 'b');
  await ch.consume(queue);
  await ch.expectDeliveries('a', 'b');
  const other = await openChannel();
  await other.consume(queue);
  conn.destroy();
  const [a, b] = await other.expectDeliveries('a', 'b');
  expect([a?.redelivered, b?.redelivered]).toEqual([true, true]);
});

test('RabbitMQ update-secret is answered with update-secret-ok', async () => {
  const conn = await connect();
  await conn.call('connection.update-secret', { newSecret: 'guest', reason: 'renewed' });
  await (await conn.channel()).expectNothing();
});

test('4.2.7 heartbeats come at half the interval', async () => {
  const conn = await connect({ heartbeat: 1 });
  const first = conn.heartbeat();
  await passTime(500);
  await first;
  const second = conn.heartbeat();
  await passTime(500);
  await second;
});

test('4.2.7 a peer that is silent for more than two intervals is dropped without a method', async () => {
  const conn = await connect({ heartbeat: 1 });
  await passTime(3_000);
  await conn.expectEnd();
});

test('4.2.7 heartbeats keep a connection alive', async () => {
  const conn = await connect({ heartbeat: 1 });
  for (let second = 0; second < 4; second++) {
    const beat = conn.heartbeat();
    conn.write(heartbeatFrame());
    await passTime(1_000);
    await beat;
  }
  await (await conn.channel()).expectNothing();
});

test('4.2.7 interval 0: no heartbeats are expected', async () => {
  const conn = await connect({ heartbeat: 0 });
  await passTime(600_000);
  await (await conn.channel()).expectNothing();
});
