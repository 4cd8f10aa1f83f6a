// queue.bind (1.7.2.3), queue.unbind (1.7.2.5) and RabbitMQ's exchange.bind and exchange.unbind: what a binding is, and who
// may have none.
import { describe, expect, test } from 'vitest';
import { fresh, openChannel } from '../support/wire.ts';
import { noExchange, noQueue, onDefaultExchange } from './texts.ts';

describe('1.7.2.3 bind', () => {
  test('the same binding twice is one', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.bind(queue, exchange, 'k');
    await ch.bind(queue, exchange, 'k');
    ch.publish({ exchange, routingKey: 'k', body: 'once' });
    expect(await ch.drain(queue)).toEqual(['once']);
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'k' });
    ch.publish({ exchange, routingKey: 'k', body: 'nowhere' });
    expect(await ch.drain(queue)).toEqual([]);
  });

  test('other arguments make another binding', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.bind(queue, exchange, 'k', { a: 1 });
    await ch.bind(queue, exchange, 'k', { a: 2 });
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'k', arguments: { a: 1 } });
    ch.publish({ exchange, routingKey: 'k', body: 'once' });
    expect(await ch.drain(queue)).toEqual(['once']);
  });

  test('neither exchange nor queue: the exchange is missed first', async () => {
    const ch = await openChannel();
    const [queue, exchange] = [fresh('queue'), fresh('exchange')];
    ch.send('queue.bind', { queue, exchange, routingKey: 'k' });
    await ch.expectClose(404, noExchange(exchange));
  });

  test('no queue: 404', async () => {
    const ch = await openChannel();
    const queue = fresh('nowhere');
    ch.send('queue.bind', { queue, exchange: 'amq.direct' });
    await ch.expectClose(404, noQueue(queue));
  });

  test('no exchange: 404', async () => {
    const ch = await openChannel();
    const [queue, exchange] = [await ch.queue(), fresh('nowhere')];
    ch.send('queue.bind', { queue, exchange });
    await ch.expectClose(404, noExchange(exchange));
  });

  test('no-wait: no bind-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.send('queue.bind', { queue, exchange: 'amq.direct', routingKey: queue, noWait: true });
    ch.publish({ exchange: 'amq.direct', routingKey: queue, body: 'a' });
    expect(await ch.drain(queue)).toEqual(['a']);
  });

  test.each(['queue.bind', 'queue.unbind'] as const)(
    '%s with the default exchange: 403',
    async (name) => {
      const ch = await openChannel();
      const queue = await ch.queue();
      ch.send(name, { queue, exchange: '', routingKey: 'k' });
      await ch.expectClose(403, onDefaultExchange);
    },
  );
});

describe('1.7.2.5 unbind', () => {
  test('the binding routes no more', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.bind(queue, exchange, 'k');
    await ch.bind(queue, exchange, 'l');
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'k' });
    ch.publish({ exchange, routingKey: 'k', body: 'no' });
    ch.publish({ exchange, routingKey: 'l', body: 'yes' });
    expect(await ch.drain(queue)).toEqual(['yes']);
  });

  test('a binding, a queue or an exchange that does not exist: unbind-ok', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'k' });
    await ch.call('queue.unbind', { queue: fresh('nowhere'), exchange, routingKey: 'k' });
    await ch.call('queue.unbind', { queue, exchange: fresh('nowhere'), routingKey: 'k' });
  });
});

describe('RabbitMQ exchange.bind', () => {
  test.each(['exchange.bind', 'exchange.unbind'] as const)(
    '%s with no-wait: no reply',
    async (name) => {
      const ch = await openChannel();
      const [source, destination] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
      ch.send(name, { source, destination, noWait: true });
      await ch.expectNothing();
    },
  );

  test('no source: 404', async () => {
    const ch = await openChannel();
    const [source, destination] = [fresh('nowhere'), await ch.exchange('fanout')];
    ch.send('exchange.bind', { source, destination });
    await ch.expectClose(404, noExchange(source));
  });

  test('no destination: 404', async () => {
    const ch = await openChannel();
    const [source, destination] = [await ch.exchange('fanout'), fresh('nowhere')];
    ch.send('exchange.bind', { source, destination });
    await ch.expectClose(404, noExchange(destination));
  });

  test.each(['source', 'destination'])('the default exchange as %s: 403', async (end) => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    ch.send('exchange.bind', { source: exchange, destination: exchange, [end]: '' });
    await ch.expectClose(403, onDefaultExchange);
  });

  test('unbind what is not bound, or not there: unbind-ok', async () => {
    const ch = await openChannel();
    const [source, destination] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
    await ch.call('exchange.unbind', { source, destination });
    await ch.call('exchange.unbind', { source: fresh('nowhere'), destination });
    await ch.call('exchange.unbind', { source, destination: fresh('nowhere') });
  });
});
