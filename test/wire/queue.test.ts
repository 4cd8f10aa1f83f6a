// queue.declare (1.7.2.1): names, passive, the last queue declared; and queue.purge and queue.delete.
import { describe, expect, test } from 'vitest';
import { byBroker, connect, fill, fresh, openChannel } from '../support/wire.ts';
import { noQueue } from './texts.ts';

describe('1.7.2.1 declare', () => {
  test('declare-ok names the queue and counts nothing', async () => {
    const ch = await openChannel();
    const queue = fresh('queue');
    const ok = await ch.call('queue.declare', { queue, exclusive: true });
    expect(ok).toMatchObject({ queue, messageCount: 0, consumerCount: 0 });
  });

  test('declaring again counts the messages that are ready, and the consumers', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c');
    await ch.get(queue);
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    await ch.expectDeliveries('b');
    const ok = await ch.call('queue.declare', { queue, exclusive: true });
    expect(ok).toMatchObject({ queue, messageCount: 1, consumerCount: 1 });
  });

  test('no-wait: no declare-ok', async () => {
    const ch = await openChannel();
    const queue = fresh('queue');
    ch.send('queue.declare', { queue, exclusive: true, noWait: true });
    await ch.expectNothing();
    expect(await ch.queueExists(queue)).toBe(true);
  });

  test('a name of 255 octets', async () => {
    const ch = await openChannel();
    const queue = fresh('queue').padEnd(255, 'ü'.normalize('NFD').charAt(0));
    const ok = await ch.call('queue.declare', { queue, exclusive: true });
    expect(ok.queue).toBe(queue);
  });

  test('a name in other scripts', async () => {
    const ch = await openChannel();
    const queue = `${fresh('queue')}-äöü-队列-🐇`;
    expect((await ch.call('queue.declare', { queue, exclusive: true })).queue).toBe(queue);
  });

  test('CR and LF are taken out of the name', async () => {
    const ch = await openChannel();
    const queue = fresh('queue');
    const ok = await ch.call('queue.declare', { queue: `\r\n${queue}\n`, exclusive: true });
    expect(ok.queue).toBe(queue);
  });

  test('a name with the reserved prefix: 403', async () => {
    const ch = await openChannel();
    ch.send('queue.declare', { queue: 'amq.mine', exclusive: true });
    await ch.expectClose(
      403,
      "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    );
  });

  test('the reserved prefix is allowed for a queue that exists', async () => {
    const ch = await openChannel();
    const { queue } = await ch.call('queue.declare', { exclusive: true });
    ch.send('queue.declare', { queue, exclusive: true });
    await byBroker({
      leveret: () => ch.expect('queue.declare-ok', { queue }),
      rabbitmq: () => ch.expectClose(403, /contains reserved prefix/),
    })();
  });

  test('an empty name: the server makes one', async () => {
    const ch = await openChannel();
    const { queue } = await ch.call('queue.declare', { exclusive: true });
    expect(queue).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/);
    const other = await ch.call('queue.declare', { exclusive: true });
    expect(other.queue).not.toBe(queue);
  });
});

describe('1.7.2.1 passive', () => {
  test('a queue that does not exist: 404', async () => {
    const ch = await openChannel();
    const queue = fresh('nowhere');
    ch.send('queue.declare', { queue, passive: true });
    await ch.expectClose(404, noQueue(queue));
  });

  test('whatever the other fields say', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.call('queue.declare', {
      queue,
      passive: true,
      durable: true,
      autoDelete: true,
      arguments: { 'x-expires': 'nonsense' },
    });
  });

  test('with an empty name: the last one declared', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.send('queue.declare', { passive: true });
    await byBroker({
      leveret: () => ch.expect('queue.declare-ok', { queue }),
      rabbitmq: () => ch.expectClose(404, noQueue('')),
    })();
  });

  test('no-wait and no queue: the channel closes', async () => {
    const ch = await openChannel();
    const queue = fresh('nowhere');
    ch.send('queue.declare', { queue, passive: true, noWait: true });
    await ch.expectClose(404, noQueue(queue));
  });
});

describe('1.7.2 the empty name is the last queue declared on the channel', () => {
  test('for consume, get, bind, purge, unbind and delete', async () => {
    const ch = await openChannel();
    const { queue } = await ch.call('queue.declare', { exclusive: true });
    const exchange = await ch.exchange('direct');
    await ch.call('queue.bind', { exchange, routingKey: 'k' });
    await fill(queue, 'a', 'b');
    expect(await ch.get('', { noAck: true })).toMatchObject({ text: 'a' });
    expect(await ch.call('queue.purge')).toMatchObject({ messageCount: 1 });
    await ch.call('queue.unbind', { exchange, routingKey: 'k' });
    await ch.consume('', { consumerTag: 'c' });
    await ch.call('basic.cancel', { consumerTag: 'c' });
    await ch.call('queue.delete');
    expect(await ch.queueExists(queue)).toBe(false);
  });

  test('a passive declare counts too', async () => {
    const ch = await openChannel();
    const first = await ch.queue();
    await ch.queue();
    await ch.ready(first);
    await fill(first, 'a');
    expect(await ch.get('')).toMatchObject({ text: 'a' });
  });

  test('bind with an empty key as well: the key is the name of the queue', async () => {
    const ch = await openChannel();
    const { queue } = await ch.call('queue.declare', { exclusive: true });
    await ch.call('queue.bind', { exchange: 'amq.direct' });
    ch.publish({ exchange: 'amq.direct', routingKey: queue, body: 'a' });
    expect(await ch.get(queue)).toMatchObject({ text: 'a', routingKey: queue });
  });

  test('bind with an empty key and the name given: the key is empty', async () => {
    const ch = await openChannel();
    const { queue } = await ch.call('queue.declare', { exclusive: true });
    const exchange = await ch.exchange('direct');
    await ch.bind(queue, exchange, '');
    ch.publish({ exchange, routingKey: queue, body: 'by name' });
    ch.publish({ exchange, routingKey: '', body: 'empty' });
    expect(await ch.drain(queue)).toEqual(['empty']);
  });

  test.each([
    ['queue.purge', {}],
    ['queue.delete', {}],
    ['queue.bind', { exchange: 'amq.direct' }],
    ['queue.unbind', { exchange: 'amq.direct' }],
    ['basic.consume', {}],
    ['basic.get', {}],
  ] as const)('none declared, %s: 404', async (name, fields) => {
    const ch = await openChannel();
    ch.send(name, fields);
    await ch.expectClose(404, 'NOT_FOUND - no previously declared queue');
  });

  test('none declared, passive declare: 404', async () => {
    const ch = await openChannel();
    ch.send('queue.declare', { passive: true });
    const text = byBroker({
      leveret: 'NOT_FOUND - no previously declared queue',
      rabbitmq: noQueue(''),
    });
    await ch.expectClose(404, text);
  });
});

describe('1.7.2.9 delete', () => {
  test('delete-ok counts the messages that are ready', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c');
    await ch.get(queue);
    expect(await ch.call('queue.delete', { queue })).toMatchObject({ messageCount: 2 });
    expect(await ch.queueExists(queue)).toBe(false);
  });

  test('a queue that does not exist: delete-ok all the same', async () => {
    const ch = await openChannel();
    const ok = await ch.call('queue.delete', { queue: fresh('nowhere') });
    expect(ok).toMatchObject({ messageCount: 0 });
  });

  test('if-unused with a consumer: 406', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue();
    const consumerTag = await other.consume(queue);
    ch.send('queue.delete', { queue, ifUnused: true });
    await ch.expectClose(406, `PRECONDITION_FAILED - queue '${queue}' in vhost '/' in use`);
    await other.call('basic.cancel', { consumerTag });
    await other.call('queue.delete', { queue, ifUnused: true });
  });

  test('if-empty with a message: 406', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    ch.send('queue.delete', { queue, ifEmpty: true });
    await ch.expectClose(406, `PRECONDITION_FAILED - queue '${queue}' in vhost '/' not empty`);
    await ch.open();
    await ch.call('queue.purge', { queue });
    await ch.call('queue.delete', { queue, ifEmpty: true });
  });

  test('no-wait: no delete-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.send('queue.delete', { queue, noWait: true });
    await ch.expectNothing();
    expect(await ch.queueExists(queue)).toBe(false);
  });

  test('bindings go with the queue', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    const queue = await ch.queue();
    await ch.bind(queue, exchange);
    await ch.call('queue.delete', { queue });
    await ch.queue({ queue });
    ch.publish({ exchange, mandatory: true, body: 'unroutable' });
    await ch.expect('basic.return', { replyCode: 312 });
  });

  test('what was delivered before may still be acknowledged', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    const { deliveryTag } = await ch.get(queue);
    await ch.call('queue.delete', { queue });
    ch.send('basic.ack', { deliveryTag });
    await ch.expectNothing();
  });
});

describe('1.7.2.7 purge', () => {
  test('purge-ok counts the messages that were ready; unacked ones stay', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a', 'b', 'c');
    const { deliveryTag } = await ch.get(queue);
    expect(await ch.call('queue.purge', { queue })).toMatchObject({ messageCount: 2 });
    await ch.expectEmpty(queue);
    ch.send('basic.reject', { deliveryTag, requeue: true });
    expect(await ch.drain(queue)).toEqual(['a']);
  });

  test('a queue that does not exist: 404', async () => {
    const ch = await openChannel();
    const queue = fresh('nowhere');
    ch.send('queue.purge', { queue });
    await ch.expectClose(404, noQueue(queue));
  });

  test('no-wait: no purge-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await fill(queue, 'a');
    ch.send('queue.purge', { queue, noWait: true });
    await ch.expectEmpty(queue);
  });
});
