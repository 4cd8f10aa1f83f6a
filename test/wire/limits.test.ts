// How long a queue may become: x-max-length, x-max-length-bytes, x-overflow.
import { describe, expect, test } from 'vitest';
import { byBroker, connect, fill, openChannel } from '../support/wire.ts';
import type { PlainTable } from '../support/wire-methods.ts';

const limited = async (args: PlainTable) => {
  const ch = await openChannel();
  return [ch, await ch.queue({ exclusive: false, arguments: args })] as const;
};

describe('drop-head', () => {
  test('the oldest messages give way', async () => {
    const [ch, queue] = await limited({ 'x-max-length': 2 });
    await fill(queue, 'a', 'b', 'c', 'd');
    expect(await ch.ready(queue)).toBe(2);
    expect(await ch.drain(queue)).toEqual(['c', 'd']);
  });

  test('bytes of bodies count', async () => {
    const [ch, queue] = await limited({ 'x-max-length-bytes': 10 });
    await fill(queue, 'aaaa', 'bbbb', 'cc', 'dddd');
    expect(await ch.drain(queue)).toEqual(['bbbb', 'cc', 'dddd']);
    await fill(queue, 'a', 'too long for it');
    expect(await ch.drain(queue)).toEqual([]);
  });

  test('whichever limit is reached first', async () => {
    const [ch, queue] = await limited({ 'x-max-length': 3, 'x-max-length-bytes': 6 });
    await fill(queue, 'a', 'b', 'c', 'd');
    expect(await ch.ready(queue)).toBe(3);
    await fill(queue, 'eeeee');
    expect(await ch.drain(queue)).toEqual(['d', 'eeeee']);
  });

  test('what is unacknowledged does not count, and counts again when it comes back', async () => {
    const [ch, queue] = await limited({ 'x-max-length': 2 });
    await fill(queue, 'a', 'b');
    await ch.get(queue);
    await ch.get(queue);
    await fill(queue, 'c', 'd');
    expect(await ch.ready(queue)).toBe(2);
    ch.send('basic.nack', { deliveryTag: 0, multiple: true, requeue: true });
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['c', 'd']);
  });

  test('0: who is ready for it gets it, else it is dropped', async () => {
    const [ch, queue] = await limited({ 'x-max-length': 0 });
    await fill(queue, 'nobody');
    expect(await ch.ready(queue)).toBe(0);
    await ch.consume(queue, { noAck: true });
    await fill(queue, 'somebody');
    await ch.expectDeliveries('somebody');
  });

  test('consumers are served before anything is dropped', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ arguments: { 'x-max-length': 1 } });
    await ch.consume(queue, { noAck: true });
    for (const body of ['a', 'b', 'c', 'd']) other.publish({ routingKey: queue, body });
    await ch.expectDeliveries('a', 'b', 'c', 'd');
  });
});

describe('reject-publish', () => {
  const rejecting = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };

  test('is said by a nack', async () => {
    const [ch, queue] = await limited(rejecting);
    await ch.call('confirm.select');
    ch.publish({ routingKey: queue, body: 'a' });
    await ch.expect('basic.ack', { deliveryTag: 1 });
    ch.publish({ routingKey: queue, body: 'b' });
    await ch.expect('basic.nack', { deliveryTag: 2 });
    expect(await ch.drain(queue)).toEqual(['a']);
    ch.publish({ routingKey: queue, body: 'c' });
    await ch.expect('basic.ack', { deliveryTag: 3 });
  });

  test('is not said without confirms', async () => {
    const [ch, queue] = await limited(rejecting);
    for (const body of ['a', 'b']) ch.publish({ routingKey: queue, body, mandatory: true });
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['a']);
  });

  test('bytes count', async () => {
    const [ch, queue] = await limited({ 'x-max-length-bytes': 5, 'x-overflow': 'reject-publish' });
    await ch.call('confirm.select');
    ch.publish({ routingKey: queue, body: 'aaa' });
    await ch.expect('basic.ack', { deliveryTag: 1 });
    ch.publish({ routingKey: queue, body: 'bbb' });
    await ch.expect('basic.nack', { deliveryTag: 2 });
    ch.publish({ routingKey: queue, body: 'cc' });
    await ch.expect('basic.ack', { deliveryTag: 3 });
  });

  test('a consumer with room is served first', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ arguments: { ...rejecting, 'x-max-length': 0 } });
    await other.call('confirm.select');
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    other.publish({ routingKey: queue, body: 'a' });
    const isServed = byBroker({ leveret: true, rabbitmq: false });
    await other.expect(isServed ? 'basic.ack' : 'basic.nack', { deliveryTag: 1 });
    if (isServed) await ch.expectDeliveries('a');
    other.publish({ routingKey: queue, body: 'b' });
    await other.expect('basic.nack', { deliveryTag: 2 });
  });

  test('one of many queues refuses: a nack, and the others have it', async () => {
    const [ch, queue] = await limited(rejecting);
    const exchange = await ch.exchange('fanout');
    const other = await ch.queue();
    for (const bound of [queue, other]) await ch.bind(bound, exchange);
    await ch.call('confirm.select');
    ch.publish({ exchange, body: 'a' });
    await ch.expect('basic.ack', { deliveryTag: 1 });
    ch.publish({ exchange, body: 'b' });
    await ch.expect('basic.nack', { deliveryTag: 2 });
    expect(await ch.drain(queue)).toEqual(['a']);
    expect(await ch.drain(other)).toEqual(['a', 'b']);
  });

  test('with reject-publish-dlx it becomes a dead letter', async () => {
    const [ch, dead] = await limited({});
    const queue = await ch.queue({
      arguments: {
        'x-max-length': 1,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': dead,
      },
    });
    await ch.call('confirm.select');
    ch.publish({ routingKey: queue, body: 'a' });
    await ch.expect('basic.ack', { deliveryTag: 1 });
    ch.publish({ routingKey: queue, body: 'b' });
    await ch.expect('basic.nack', { deliveryTag: 2 });
    expect(await ch.drain(queue)).toEqual(['a']);
    expect(await ch.drain(dead)).toEqual(['b']);
  });
});
