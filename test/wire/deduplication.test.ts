// Repeated messages: x-message-deduplication on exchanges and queues. RabbitMQ has nothing of the kind on board, so it is no
// control here; arguments and header are LavinMQ's.
import { describe, expect, test } from 'vitest';
import { byBroker, openChannel, passTime } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainTable } from '../support/wire-methods.ts';

const hasDeduplication = byBroker({ leveret: true, rabbitmq: false });
const ON = { 'x-message-deduplication': true };

async function onExchange(ch: WireChannel, more: PlainTable = {}) {
  const exchange = await ch.exchange('direct', { arguments: { ...ON, ...more } });
  const queue = await ch.queue();
  await ch.bind(queue, exchange, 'k');
  return { exchange, queue };
}

const keyed = (key: string) => ({ headers: { 'x-deduplication-header': key } });

describe.skipIf(!hasDeduplication)('x-message-deduplication', () => {
  test('a repeated message is confirmed and dropped', async () => {
    const ch = await openChannel();
    const { exchange, queue } = await onExchange(ch);
    await ch.call('confirm.select');
    for (const body of ['1', '2']) {
      ch.publish({ exchange, routingKey: 'k', body, mandatory: true, properties: keyed('a') });
      await ch.expect('basic.ack');
    }
    expect(await ch.drain(queue)).toEqual(['1']);
  });

  test('one that led nowhere is returned each time', async () => {
    const ch = await openChannel();
    const { exchange } = await onExchange(ch);
    for (const body of ['1', '2']) {
      ch.publish({ exchange, routingKey: 'no', body, mandatory: true, properties: keyed('a') });
      await ch.expect('basic.return', { text: body });
    }
  });

  test('on a queue, and only there', async () => {
    const ch = await openChannel();
    const once = await ch.queue({ arguments: ON });
    const all = await ch.queue();
    const exchange = await ch.exchange('fanout');
    await ch.bind(once, exchange);
    await ch.bind(all, exchange);
    for (const body of ['1', '2']) ch.publish({ exchange, body, properties: keyed('a') });
    ch.publish({ routingKey: once, body: '3', properties: keyed('a') });
    expect(await ch.drain(once)).toEqual(['1']);
    expect(await ch.drain(all)).toEqual(['1', '2']);
  });

  test('a dead letter that comes back is no repetition of itself', async () => {
    const ch = await openChannel();
    const back = await ch.exchange('fanout');
    const retry = await ch.queue({
      arguments: { 'x-message-ttl': 100, 'x-dead-letter-exchange': back },
    });
    const queue = await ch.queue({
      arguments: { ...ON, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': retry },
    });
    await ch.bind(queue, back);
    ch.publish({ routingKey: queue, body: 'x', properties: keyed('a') });
    const first = await ch.get(queue);
    ch.send('basic.reject', { deliveryTag: first.deliveryTag });
    await ch.expectNothing();
    await ch.consume(queue, { noAck: true });
    await passTime(100);
    await ch.expect('basic.deliver', { text: 'x' });
  });

  test('in a transaction', async () => {
    const ch = await openChannel();
    const { exchange, queue } = await onExchange(ch);
    await ch.call('tx.select');
    for (const body of ['1', '2']) {
      ch.publish({ exchange, routingKey: 'k', body, properties: keyed('a') });
    }
    await ch.call('tx.commit');
    expect(await ch.drain(queue)).toEqual(['1']);
  });

  test('x-cache-ttl: after that it is new', async () => {
    const ch = await openChannel();
    const { exchange, queue } = await onExchange(ch, { 'x-cache-ttl': 1000 });
    ch.publish({ exchange, routingKey: 'k', body: '1', properties: keyed('a') });
    await ch.expectNothing();
    await passTime(1000);
    ch.publish({ exchange, routingKey: 'k', body: '2', properties: keyed('a') });
    expect(await ch.drain(queue)).toEqual(['1', '2']);
  });

  test('x-cache-size of nothing: 406', async () => {
    const ch = await openChannel();
    const exchange = 'wire-never-there';
    ch.send('exchange.declare', { exchange, type: 'direct', arguments: { 'x-cache-size': 0 } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid arg 'x-cache-size' for exchange '${exchange}' in vhost '/': {value_zero,0}`,
    );
  });
});
