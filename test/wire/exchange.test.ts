// Class exchange (1.6): declare and declare again, passive, reserved names, delete, auto-delete, internal. How they route is
// in routing.test.ts.
import { describe, expect, test } from 'vitest';
import { byBroker, connectedChannel, fresh, openChannel } from '../support/wire.ts';
import { noExchange, onDefaultExchange } from './texts.ts';

describe('1.6.2.1 declare', () => {
  test.each(['direct', 'fanout', 'topic', 'headers'])('type %s', async (type) => {
    const ch = await openChannel();
    expect(await ch.exchangeExists(await ch.exchange(type))).toBe(true);
  });

  test('no-wait: no declare-ok', async () => {
    const ch = await openChannel();
    const exchange = fresh('fanout');
    ch.send('exchange.declare', { exchange, type: 'fanout', noWait: true });
    await ch.expectNothing();
    expect(await ch.exchangeExists(exchange)).toBe(true);
  });

  test('an unknown type is refused', async () => {
    const [conn, ch] = await connectedChannel();
    ch.send('exchange.declare', { exchange: fresh('odd'), type: 'x-odd' });
    const text = "unknown exchange type 'x-odd'";
    await byBroker({
      leveret: () => ch.expectClose(406, `PRECONDITION_FAILED - ${text}`),
      rabbitmq: () => conn.expectClose(503, `COMMAND_INVALID - ${text}`),
    })();
  });

  test('a name with the reserved prefix: 403', async () => {
    const ch = await openChannel();
    ch.send('exchange.declare', { exchange: 'amq.mine', type: 'direct' });
    await ch.expectClose(
      403,
      "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
    );
  });

  test('CR and LF are taken out of the name', async () => {
    const ch = await openChannel();
    const exchange = fresh('direct');
    await ch.call('exchange.declare', { exchange: `${exchange}\r\n`, type: 'direct' });
    expect(await ch.exchangeExists(exchange)).toBe(true);
  });

  test.each([true, false])('the default exchange (passive %s): 403', async (passive) => {
    const ch = await openChannel();
    ch.send('exchange.declare', { exchange: '', type: 'direct', passive });
    await ch.expectClose(403, onDefaultExchange);
  });

  test.each([
    ['amq.direct', 'direct'],
    ['amq.fanout', 'fanout'],
    ['amq.topic', 'topic'],
    ['amq.headers', 'headers'],
    ['amq.match', 'headers'],
  ])('%s is there and durable', async (exchange, type) => {
    const ch = await openChannel();
    await ch.call('exchange.declare', { exchange, type, durable: true });
  });

  test('amq.rabbitmq.trace is there, a durable internal topic exchange', async () => {
    const ch = await openChannel();
    await ch.call('exchange.declare', {
      exchange: 'amq.rabbitmq.trace',
      type: 'topic',
      durable: true,
      internal: true,
    });
  });
});

describe('1.6.2.1 declare again', () => {
  test('with the same properties: declare-ok', async () => {
    const ch = await openChannel();
    const fields = { durable: true, autoDelete: true, internal: true };
    const exchange = await ch.exchange('topic', fields);
    await ch.exchange('topic', { ...fields, exchange });
  });

  test.each([
    ['type', {}, { type: 'fanout' }, "received 'fanout' but current is 'direct'"],
    ['durable', {}, { durable: true }, "received 'true' but current is 'false'"],
    ['auto_delete', {}, { autoDelete: true }, "received 'true' but current is 'false'"],
    ['internal', { internal: true }, {}, "received 'false' but current is 'true'"],
    [
      'alternate-exchange',
      {},
      { arguments: { 'alternate-exchange': 'a' } },
      "received the value 'a' of type 'longstr' but current is none",
    ],
    [
      'alternate-exchange',
      { arguments: { 'alternate-exchange': 'a' } },
      {},
      "received none but current is the value 'a' of type 'longstr'",
    ],
    [
      'alternate-exchange',
      { arguments: { 'alternate-exchange': 'a' } },
      { arguments: { 'alternate-exchange': 'b' } },
      "received 'b' but current is 'a'",
    ],
  ] as const)('another %s (%j, then %j): 406', async (arg, first, second, rest) => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct', first);
    ch.send('exchange.declare', { exchange, type: 'direct', ...second });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - inequivalent arg '${arg}' for exchange '${exchange}' in vhost '/': ${rest}`,
    );
  });

  test('other arguments do not matter', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct', { arguments: { 'x-mine': 1 } });
    await ch.exchange('direct', { exchange, arguments: { 'x-mine': 2, 'x-yours': 3 } });
  });

  test('an alternate exchange that is no text: 406', async () => {
    const ch = await openChannel();
    const exchange = fresh('direct');
    const args = { 'alternate-exchange': 1 };
    ch.send('exchange.declare', { exchange, type: 'direct', arguments: args });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange '${exchange}' in vhost '/'`,
    );
  });
});

describe('1.6.2.1 passive', () => {
  test('an exchange that does not exist: 404', async () => {
    const ch = await openChannel();
    const exchange = fresh('nowhere');
    ch.send('exchange.declare', { exchange, passive: true });
    await ch.expectClose(404, noExchange(exchange));
  });

  test('whatever the other fields say', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct');
    await ch.call('exchange.declare', { exchange, type: 'x-odd', passive: true, durable: true });
  });
});

describe('1.6.2.3 delete', () => {
  test('an exchange', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    await ch.call('exchange.delete', { exchange });
    expect(await ch.exchangeExists(exchange)).toBe(false);
  });

  test('one that does not exist: delete-ok all the same', async () => {
    const ch = await openChannel();
    await ch.call('exchange.delete', { exchange: fresh('nowhere') });
    await ch.call('exchange.delete', { exchange: fresh('nowhere'), ifUnused: true });
  });

  test('no-wait: no delete-ok', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    ch.send('exchange.delete', { exchange, noWait: true });
    await ch.expectNothing();
    expect(await ch.exchangeExists(exchange)).toBe(false);
  });

  test('if-unused with a binding: 406', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('fanout'), await ch.queue()];
    await ch.bind(queue, exchange);
    ch.send('exchange.delete', { exchange, ifUnused: true });
    await ch.expectClose(406, `PRECONDITION_FAILED - exchange '${exchange}' in vhost '/' in use`);
    await ch.open();
    await ch.call('queue.unbind', { queue, exchange });
    await ch.call('exchange.delete', { exchange, ifUnused: true });
  });

  test('if-unused: being the destination of a binding is no use', async () => {
    const ch = await openChannel();
    const [source, exchange] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
    await ch.call('exchange.bind', { source, destination: exchange });
    await ch.call('exchange.delete', { exchange, ifUnused: true });
    expect(await ch.exchangeExists(exchange)).toBe(false);
  });

  test('the default exchange: 403', async () => {
    const ch = await openChannel();
    ch.send('exchange.delete', { exchange: '' });
    await ch.expectClose(403, onDefaultExchange);
  });

  test.each(['amq.direct', 'amq.topic', 'amq.rabbitmq.trace'])('%s: 403', async (exchange) => {
    const ch = await openChannel();
    ch.send('exchange.delete', { exchange });
    await ch.expectClose(
      403,
      `ACCESS_REFUSED - deletion of system exchange '${exchange}' in vhost '/' not allowed`,
    );
  });

  test('its bindings go with it', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('fanout'), await ch.queue()];
    await ch.bind(queue, exchange);
    await ch.call('exchange.delete', { exchange });
    await ch.exchange('fanout', { exchange });
    ch.publish({ exchange, mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
  });
});

describe('1.6.2.1 auto-delete', () => {
  test('gone with the last binding of which it is the source', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct', { autoDelete: true });
    const queue = await ch.queue();
    await ch.bind(queue, exchange, 'a');
    await ch.bind(queue, exchange, 'b');
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'a' });
    expect(await ch.exchangeExists(exchange)).toBe(true);
    await ch.call('queue.unbind', { queue, exchange, routingKey: 'b' });
    expect(await ch.exchangeExists(exchange)).toBe(false);
  });

  test('gone when the queue of its last binding is deleted', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct', { autoDelete: true });
    const queue = await ch.queue();
    await ch.bind(queue, exchange);
    await ch.call('queue.delete', { queue });
    expect(await ch.exchangeExists(exchange)).toBe(false);
  });

  test('one after the other along a chain of exchanges', async () => {
    const ch = await openChannel();
    const first = await ch.exchange('fanout', { autoDelete: true });
    const second = await ch.exchange('fanout', { autoDelete: true });
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source: first, destination: second });
    await ch.bind(queue, second);
    await ch.call('queue.delete', { queue });
    expect(await ch.exchangeExists(second)).toBe(false);
    expect(await ch.exchangeExists(first)).toBe(false);
  });

  test('stays while it is only the destination of a binding', async () => {
    const ch = await openChannel();
    const source = await ch.exchange('fanout');
    const exchange = await ch.exchange('fanout', { autoDelete: true });
    await ch.call('exchange.bind', { source, destination: exchange });
    await ch.call('exchange.unbind', { source, destination: exchange });
    expect(await ch.exchangeExists(exchange)).toBe(true);
  });
});
