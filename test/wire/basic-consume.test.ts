// basic.consume (1.8.3.3), basic.cancel (1.8.3.5), basic.deliver (1.8.3.9): tags, exclusive consumers, who gets what.
import { describe, expect, test } from 'vitest';
import { connect, connectedChannel, fill, fresh, openChannel } from '../support/wire.ts';
import { usualCapabilities } from '../support/wire-connection.ts';
import { noQueue, unknownTag } from './texts.ts';

describe('1.8.3.3 consume', () => {
  test('what is there is delivered after consume-ok, in order', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c');
    ch.send('basic.consume', { queue, consumerTag: 'tag' });
    await ch.expect('basic.consume-ok', { consumerTag: 'tag' });
    const fields = { consumerTag: 'tag', exchange: '', routingKey: queue, redelivered: false };
    await ch.expect('basic.deliver', { ...fields, deliveryTag: 1, text: 'a' });
    await ch.expect('basic.deliver', { ...fields, deliveryTag: 2, text: 'b' });
    await ch.expect('basic.deliver', { ...fields, deliveryTag: 3, text: 'c' });
  });

  test('what comes later is delivered at once', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.consume(queue);
    for (const body of ['a', 'b']) {
      ch.publish({ routingKey: queue, body });
      await ch.expectDeliveries(body);
    }
  });

  test('the broker makes a tag', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const tag = await ch.consume(queue);
    expect(tag).toMatch(/^amq\.ctag-[A-Za-z0-9_-]{22}$/);
    expect(await ch.consume(queue)).not.toBe(tag);
  });

  test('no-wait: deliveries without consume-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    ch.send('basic.consume', { queue, consumerTag: 'tag', noWait: true });
    await ch.expect('basic.deliver', { consumerTag: 'tag', text: 'a' });
  });

  test('a tag in use on the channel: 530', async () => {
    const [conn, ch] = await connectedChannel();
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    ch.send('basic.consume', { queue, consumerTag: 'tag' });
    await conn.expectClose(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'");
  });

  test('the same tag on another channel is another consumer', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    await other.consume(queue, { consumerTag: 'tag' });
  });

  test('a tag may be used again after cancel-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    await ch.call('basic.cancel', { consumerTag: 'tag' });
    await ch.consume(queue, { consumerTag: 'tag' });
  });

  test('a queue that does not exist: 404', async () => {
    const ch = await openChannel();
    const queue = fresh('nowhere');
    ch.send('basic.consume', { queue });
    await ch.expectClose(404, noQueue(queue));
  });

  test('no-ack: nothing to acknowledge, nothing left behind', async () => {
    const [conn, ch] = await connectedChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b');
    await ch.consume(queue, { noAck: true });
    await ch.expectDeliveries('a', 'b');
    await ch.close();
    expect(await (await conn.channel()).drain(queue)).toEqual([]);
  });

  test('no-ack: acknowledging is a mistake, 406', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    await ch.consume(queue, { noAck: true });
    const { deliveryTag } = await ch.expect('basic.deliver');
    ch.send('basic.ack', { deliveryTag });
    await ch.expectClose(406, unknownTag(1));
  });

  test('no-local is ignored', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.consume(queue, { noLocal: true });
    ch.publish({ routingKey: queue, body: 'own' });
    await ch.expectDeliveries('own');
  });

  test('gets and deliveries share the delivery tags of the channel', async () => {
    const ch = await openChannel();
    const [one, two] = [await ch.queue(), await ch.queue()];
    await fill(one, 'a', 'b');
    await fill(two, 'c');
    expect(await ch.get(one)).toMatchObject({ deliveryTag: 1 });
    await ch.consume(two);
    await ch.expect('basic.deliver', { deliveryTag: 2, text: 'c' });
    expect(await ch.get(one, { noAck: true })).toMatchObject({ deliveryTag: 3 });
  });

  test('delivery tags are the channel’s own', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await fill(queue, 'a', 'b');
    expect(await ch.get(queue)).toMatchObject({ deliveryTag: 1 });
    expect(await other.get(queue)).toMatchObject({ deliveryTag: 1 });
  });
});

describe('1.8.3.3 exclusive consumers', () => {
  const inUse = (queue: string) =>
    `ACCESS_REFUSED - queue '${queue}' in vhost '/' in exclusive use`;

  test('no second consumer beside one: 403', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    const consumerTag = await ch.consume(queue, { exclusive: true });
    other.send('basic.consume', { queue });
    await other.expectClose(403, inUse(queue));
    await ch.call('basic.cancel', { consumerTag });
    await other.open();
    await other.consume(queue);
  });

  test('not where there is a consumer already: 403', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue);
    other.send('basic.consume', { queue, exclusive: true });
    await other.expectClose(403, inUse(queue));
  });

  test('basic.get is free to all', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue, { exclusive: true });
    await other.expectEmpty(queue);
  });
});

describe('1.8.3.9 who gets what', () => {
  test('consumers take turns', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    for (const consumerTag of ['1', '2', '3']) await ch.consume(queue, { consumerTag });
    await fill(queue, 'a', 'b', 'c', 'd', 'e', 'f');
    const tags: string[] = [];
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) {
      tags.push((await ch.expect('basic.deliver', { text })).consumerTag);
    }
    expect(tags.slice(0, 3).sort()).toEqual(['1', '2', '3']);
    expect(tags.slice(3)).toEqual(tags.slice(0, 3));
  });

  test('one with a full prefetch is passed over', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue, { consumerTag: 'one' });
    await ch.call('basic.qos', { prefetchCount: 0 });
    await ch.consume(queue, { consumerTag: 'any' });
    await fill(queue, 'a', 'b', 'c', 'd');
    const tags: string[] = [];
    for (let i = 0; i < 4; i++) tags.push((await ch.expect('basic.deliver')).consumerTag);
    expect(tags.sort()).toEqual(['any', 'any', 'any', 'one']);
  });

  test('an x-priority that is no integer: 406', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.send('basic.consume', { queue, arguments: { 'x-priority': 'high' } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid arg 'x-priority' for queue '${queue}' in vhost '/': "expected integer, got longstr"`,
    );
  });

  test('a higher x-priority goes first until its prefetch is full', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.call('basic.qos', { prefetchCount: 2 });
    await ch.consume(queue, { consumerTag: 'low' });
    await ch.consume(queue, { consumerTag: 'high', arguments: { 'x-priority': 10 } });
    await fill(queue, 'a', 'b', 'c');
    await ch.expect('basic.deliver', { consumerTag: 'high', text: 'a' });
    await ch.expect('basic.deliver', { consumerTag: 'high', text: 'b' });
    await ch.expect('basic.deliver', { consumerTag: 'low', text: 'c' });
  });

  test('a message goes to one consumer of a queue and to each of several queues', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    const [one, two] = [await ch.queue(), await ch.queue()];
    await ch.bind(one, exchange);
    await ch.bind(two, exchange);
    await ch.consume(one, { consumerTag: '1a' });
    await ch.consume(one, { consumerTag: '1b' });
    await ch.consume(two, { consumerTag: '2' });
    ch.publish({ exchange, body: 'x' });
    const tags = [
      (await ch.expect('basic.deliver', { text: 'x' })).consumerTag,
      (await ch.expect('basic.deliver', { text: 'x' })).consumerTag,
    ];
    expect(tags.map((tag) => tag.charAt(0)).sort()).toEqual(['1', '2']);
    await ch.expectNothing();
  });
});

describe('1.8.3.5 cancel', () => {
  test('cancel-ok, then no more deliveries', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const consumerTag = await ch.consume(queue);
    expect(await ch.call('basic.cancel', { consumerTag })).toMatchObject({ consumerTag });
    await fill(queue, 'a');
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['a']);
  });

  test('an unknown tag: cancel-ok all the same', async () => {
    const ch = await openChannel();
    const ok = await ch.call('basic.cancel', { consumerTag: 'nobody' });
    expect(ok.consumerTag).toBe('nobody');
  });

  test('no-wait: no cancel-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const consumerTag = await ch.consume(queue);
    ch.send('basic.cancel', { consumerTag, noWait: true });
    await ch.expectNothing();
    await fill(queue, 'a');
    expect(await ch.drain(queue)).toEqual(['a']);
  });

  test('what was delivered stays unacked and may be acknowledged', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await fill(queue, 'a', 'b');
    const consumerTag = await ch.consume(queue);
    await ch.expectDeliveries('a', 'b');
    await ch.call('basic.cancel', { consumerTag });
    await other.expectEmpty(queue);
    ch.send('basic.ack', { deliveryTag: 1 });
    await ch.close();
    expect(await other.get(queue)).toMatchObject({ text: 'b', redelivered: true });
    await other.expectEmpty(queue);
  });
});

describe('RabbitMQ consumer_cancel_notify', () => {
  test('a deleted queue cancels its consumers', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    await other.call('queue.delete', { queue });
    await ch.expect('basic.cancel', { consumerTag: 'tag', noWait: true });
    await ch.expectNothing();
  });

  test('on the channel that deletes it, too', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    ch.send('queue.delete', { queue });
    const names = [(await next()).name, (await next()).name];
    expect(names.sort()).toEqual(['basic.cancel', 'queue.delete-ok']);
    async function next() {
      return await ch.expectOneOf('queue.delete-ok', 'basic.cancel');
    }
  });

  test.each([
    ['without capabilities', {}],
    ['with the capability off', { ...usualCapabilities, consumer_cancel_notify: false }],
  ])('clients %s are told nothing', async (_, capabilities) => {
    const conn = await connect({ capabilities });
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue);
    await other.call('queue.delete', { queue });
    await other.expectNothing();
    await ch.expectNothing();
  });

  test('the tag may be used again', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    await ch.consume(queue, { consumerTag: 'tag' });
    await other.call('queue.delete', { queue });
    await ch.expect('basic.cancel', { consumerTag: 'tag' });
    await ch.consume(await ch.queue(), { consumerTag: 'tag' });
  });
});
