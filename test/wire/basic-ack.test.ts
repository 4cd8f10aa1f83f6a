// basic.ack (1.8.3.13), basic.reject (1.8.3.14) and RabbitMQ's basic.nack: one, many, all; and where a message goes back to.
import { describe, expect, test } from 'vitest';
import { connect, fill, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import { unknownTag } from './texts.ts';

/** A queue whose messages a to e were all delivered to the channel, with tags 1 to 5. */
async function deliveredFive(): Promise<[ch: WireChannel, queue: string, other: WireChannel]> {
  const conn = await connect();
  const [ch, other] = [await conn.channel(), await conn.channel()];
  const queue = await ch.queue();
  await fill(queue, 'a', 'b', 'c', 'd', 'e');
  for (let i = 0; i < 5; i++) await ch.get(queue);
  return [ch, queue, other];
}

describe('1.8.3.13 ack', () => {
  test('one message, and no other', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 2 });
    ch.send('basic.ack', { deliveryTag: 5 });
    ch.send('basic.ack', { deliveryTag: 1 });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['c', 'd']);
  });

  test('multiple: all up to the tag', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 3, multiple: true });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['d', 'e']);
  });

  test('multiple: what was settled before does not matter', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 2 });
    ch.send('basic.ack', { deliveryTag: 4, multiple: true });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['e']);
  });

  test('multiple and tag 0: all that are outstanding', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 0, multiple: true });
    await ch.close();
    expect(await other.drain(queue)).toEqual([]);
  });

  test('multiple and tag 0 with nothing outstanding is fine', async () => {
    const ch = await openChannel();
    ch.send('basic.ack', { deliveryTag: 0, multiple: true });
    await ch.expectNothing();
  });

  test('messages of several queues', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const [one, two] = [await ch.queue(), await ch.queue()];
    await fill(one, 'a', 'c');
    await fill(two, 'b', 'd');
    for (const queue of [one, two, one, two]) await ch.get(queue);
    ch.send('basic.ack', { deliveryTag: 3, multiple: true });
    await ch.close();
    expect(await other.drain(one)).toEqual([]);
    expect(await other.drain(two)).toEqual(['d']);
  });

  test.each([
    ['never delivered', { deliveryTag: 6 }],
    ['never delivered, multiple', { deliveryTag: 6, multiple: true }],
    ['0 without multiple', { deliveryTag: 0 }],
  ])('a tag that is unknown (%s): 406', async (_, fields) => {
    const [ch] = await deliveredFive();
    ch.send('basic.ack', fields);
    await ch.expectClose(406, unknownTag(fields.deliveryTag));
  });

  test('a tag twice: 406', async () => {
    const [ch] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 2 });
    ch.send('basic.ack', { deliveryTag: 2 });
    await ch.expectClose(406, unknownTag(2));
  });

  test('a tag below one that was acknowledged with multiple: 406', async () => {
    const [ch] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 3, multiple: true });
    ch.send('basic.ack', { deliveryTag: 2 });
    await ch.expectClose(406, unknownTag(2));
  });

  test('a tag of another channel: 406', async () => {
    const [, , other] = await deliveredFive();
    other.send('basic.ack', { deliveryTag: 1 });
    await other.expectClose(406, unknownTag(1));
  });

  test('an error requeues what is still outstanding', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.ack', { deliveryTag: 1 });
    ch.send('basic.ack', { deliveryTag: 9 });
    await ch.expectClose(406, unknownTag(9));
    // RabbitMQ gives back what the channel has while it closes, not before.
    await other.consume(queue);
    await other.expectDeliveries('b', 'c', 'd', 'e');
  });
});

describe('1.8.3.14 reject', () => {
  test('requeue=false: gone', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.reject', { deliveryTag: 2, requeue: false });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['a', 'c', 'd', 'e']);
  });

  test('requeue=true: back at its place, redelivered', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c', 'd');
    for (let i = 0; i < 3; i++) await ch.get(queue);
    ch.send('basic.reject', { deliveryTag: 2, requeue: true });
    expect(await ch.get(queue)).toMatchObject({ text: 'b', redelivered: true });
    expect(await ch.get(queue)).toMatchObject({ text: 'd', redelivered: false });
  });

  test('requeue=true: the order of publishing comes back, whatever the order of the rejects', async () => {
    const [ch, queue] = await deliveredFive();
    for (const deliveryTag of [4, 1, 5, 3, 2]) {
      ch.send('basic.reject', { deliveryTag, requeue: true });
    }
    expect(await ch.drain(queue)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('requeue=true: another consumer gets it, redelivered', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await fill(queue, 'a');
    const { deliveryTag } = await ch.get(queue);
    await other.consume(queue);
    ch.send('basic.reject', { deliveryTag, requeue: true });
    await other.expect('basic.deliver', { text: 'a', redelivered: true });
  });

  test('requeue=true: the only consumer gets it again under a new tag', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    await ch.consume(queue);
    await ch.expect('basic.deliver', { deliveryTag: 1, redelivered: false });
    ch.send('basic.reject', { deliveryTag: 1, requeue: true });
    await ch.expect('basic.deliver', { deliveryTag: 2, redelivered: true, text: 'a' });
  });

  test('an unknown tag: 406', async () => {
    const ch = await openChannel();
    ch.send('basic.reject', { deliveryTag: 1, requeue: true });
    await ch.expectClose(406, unknownTag(1));
  });
});

describe('RabbitMQ nack', () => {
  test('one message, requeue=false: gone', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.nack', { deliveryTag: 3 });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['a', 'b', 'd', 'e']);
  });

  test('multiple, requeue=true: all up to the tag go back to their places', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c', 'd');
    for (let i = 0; i < 3; i++) await ch.get(queue);
    ch.send('basic.nack', { deliveryTag: 2, multiple: true, requeue: true });
    expect(await ch.drain(queue)).toEqual(['a', 'b', 'd']);
  });

  test('multiple, requeue=false: all up to the tag are gone', async () => {
    const [ch, queue, other] = await deliveredFive();
    ch.send('basic.nack', { deliveryTag: 4, multiple: true });
    await ch.close();
    expect(await other.drain(queue)).toEqual(['e']);
  });

  test('multiple and tag 0: all that are outstanding', async () => {
    const [ch, queue] = await deliveredFive();
    ch.send('basic.nack', { deliveryTag: 0, multiple: true, requeue: true });
    expect(await ch.drain(queue)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('an unknown tag: 406', async () => {
    const [ch] = await deliveredFive();
    ch.send('basic.nack', { deliveryTag: 6, multiple: true });
    await ch.expectClose(406, unknownTag(6));
  });
});
