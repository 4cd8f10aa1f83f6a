// basic.recover (1.8.3.16) and basic.recover-async (1.8.3.15): everything unacked on the channel goes back to its queue.
import { expect, test } from 'vitest';
import { connect, connectedChannel, fill, openChannel } from '../support/wire.ts';
import { unknownTag } from './texts.ts';

test('1.8.3.16 requeue=true: back to their places, redelivered, then recover-ok', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c');
  await ch.get(queue);
  await ch.get(queue);
  await ch.call('basic.recover', { requeue: true });
  expect(await ch.get(queue)).toMatchObject({ deliveryTag: 3, text: 'a', redelivered: true });
  expect(await ch.get(queue)).toMatchObject({ deliveryTag: 4, text: 'b', redelivered: true });
  expect(await ch.get(queue)).toMatchObject({ deliveryTag: 5, text: 'c', redelivered: false });
});

test('1.8.3.16 the consumer of the channel gets its messages again', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b');
  await ch.consume(queue);
  await ch.expectDeliveries('a', 'b');
  ch.send('basic.recover', { requeue: true });
  const came = [];
  for (let i = 0; i < 3; i++) came.push(await ch.expectOneOf('basic.recover-ok', 'basic.deliver'));
  const deliveries = came.filter(({ name }) => name === 'basic.deliver');
  expect(deliveries).toMatchObject([
    { deliveryTag: 3, text: 'a', redelivered: true },
    { deliveryTag: 4, text: 'b', redelivered: true },
  ]);
});

test('1.8.3.16 what was acknowledged stays so; old tags are unknown', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a', 'b');
  await ch.get(queue);
  await ch.get(queue);
  ch.send('basic.ack', { deliveryTag: 1 });
  await ch.call('basic.recover', { requeue: true });
  expect(await ch.get(queue)).toMatchObject({ text: 'b' });
  ch.send('basic.ack', { deliveryTag: 2 });
  await ch.expectClose(406, unknownTag(2));
});

test('1.8.3.16 messages of other channels are left alone', async () => {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await ch.queue();
  await fill(queue, 'a');
  await other.get(queue);
  await ch.call('basic.recover', { requeue: true });
  await ch.expectEmpty(queue);
});

test('1.8.3.16 nothing outstanding: recover-ok', async () => {
  const ch = await openChannel();
  await ch.call('basic.recover', { requeue: true });
});

test.each(['basic.recover', 'basic.recover-async'] as const)(
  '1.8.3.16 %s with requeue=false: 540',
  async (name) => {
    const [conn, ch] = await connectedChannel();
    ch.send(name, { requeue: false });
    await conn.expectClose(540, 'NOT_IMPLEMENTED - requeue=false');
  },
);

test('1.8.3.15 recover-async has no reply', async () => {
  const ch = await openChannel();
  const queue = await ch.queue();
  await fill(queue, 'a');
  await ch.get(queue);
  ch.send('basic.recover-async', { requeue: true });
  await ch.expectNothing();
  expect(await ch.get(queue)).toMatchObject({ text: 'a', redelivered: true });
});
