// basic.publish (1.8.3.7) and basic.return (1.8.3.8), what is checked before a message is taken, and RabbitMQ's publisher
// confirms.
import { describe, expect, test } from 'vitest';
import { bodyFrame, headerFrame } from '../support/frames.ts';
import { byBroker, connectedChannel, fresh, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainProperties } from '../support/wire-methods.ts';
import { noExchange } from './texts.ts';

async function confirmChannel(): Promise<WireChannel> {
  const ch = await openChannel();
  await ch.call('confirm.select');
  return ch;
}

/** Reads acks until all tags up to `last` are confirmed; each exactly once, whichever way they are bundled. */
async function expectConfirms(ch: WireChannel, first: number, last: number): Promise<void> {
  const open = new Set<number>();
  for (let tag = first; tag <= last; tag++) open.add(tag);
  while (open.size > 0) {
    const { deliveryTag, multiple } = await ch.expect('basic.ack');
    const confirmed = multiple ? [...open].filter((tag) => tag <= deliveryTag) : [deliveryTag];
    expect(confirmed).toContain(deliveryTag);
    for (const tag of confirmed) expect(open.delete(tag)).toBe(true);
  }
}

describe('1.8.3.7 publish', () => {
  test('the message arrives as it was sent', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const properties = { contentType: 'text/plain', headers: { a: 1 } };
    ch.publish({ routingKey: queue, body: 'hello', properties });
    const message = await ch.get(queue);
    expect(message).toMatchObject({ text: 'hello', exchange: '', routingKey: queue });
    expect(message.properties.contentType).toBe('text/plain');
    expect(message.redelivered).toBe(false);
  });

  test('no reply comes, routed or not', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue });
    ch.publish({ routingKey: fresh('nowhere') });
    await ch.expectNothing();
  });

  test('order is kept from one channel to one queue', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const texts = Array.from({ length: 200 }, (_, i) => `${i}`);
    for (const body of texts) ch.publish({ routingKey: queue, body });
    expect(await ch.drain(queue)).toEqual(texts);
  });

  test('an exchange that does not exist: 404', async () => {
    const ch = await openChannel();
    const exchange = fresh('nowhere');
    ch.publish({ exchange, body: 'lost' });
    await ch.expectClose(404, noExchange(exchange));
  });

  test('what follows on the channel is lost, up to close-ok', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ exchange: fresh('nowhere'), body: 'lost' });
    for (let i = 0; i < 10; i++) ch.publish({ routingKey: queue, body: 'lost too' });
    await ch.expectClose(404, /^NOT_FOUND/);
    await ch.open();
    expect(await ch.drain(queue)).toEqual([]);
  });

  test('an internal exchange: 403', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout', { internal: true });
    ch.publish({ exchange });
    await ch.expectClose(
      403,
      `ACCESS_REFUSED - cannot publish to internal exchange '${exchange}' in vhost '/'`,
    );
  });

  test('immediate: 540', async () => {
    const [conn, ch] = await connectedChannel();
    ch.publish({ routingKey: 'x', immediate: true });
    await conn.expectClose(540, 'NOT_IMPLEMENTED - immediate=true');
  });

  test('the largest message size', async () => {
    const limit = 16 * 1024 * 1024;
    const [conn, ch] = await connectedChannel();
    const queue = await ch.queue();
    ch.send('basic.publish', { routingKey: queue });
    conn.write(headerFrame(1, limit + 1));
    const piece = bodyFrame(1, new Uint8Array(128 * 1024));
    for (let i = 0; i < 128; i++) conn.write(piece);
    conn.write(bodyFrame(1, Uint8Array.of(0)));
    await byBroker({
      leveret: () =>
        ch.expectClose(
          406,
          `PRECONDITION_FAILED - message size ${limit + 1} is larger than configured max size ${limit}`,
        ),
      rabbitmq: async () => expect((await ch.get(queue)).body.length).toBe(limit + 1),
    })();
  });
});

describe('1.8.3.7 mandatory', () => {
  test('an unroutable message is returned whole', async () => {
    const ch = await openChannel();
    const routingKey = fresh('nowhere');
    const properties: PlainProperties = { messageId: 'm', headers: { a: 1 } };
    ch.publish({ exchange: 'amq.direct', routingKey, mandatory: true, properties, body: 'back' });
    const { properties: back } = await ch.expect('basic.return', {
      replyCode: 312,
      replyText: 'NO_ROUTE',
      exchange: 'amq.direct',
      routingKey,
      text: 'back',
    });
    expect(back.messageId).toBe('m');
    expect(back.headers?.get('a')).toEqual({ type: 'I', value: 1 });
  });

  test('a routed message is not returned', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue, mandatory: true, body: 'kept' });
    expect(await ch.drain(queue)).toEqual(['kept']);
  });

  test('an unroutable message is returned before its ack', async () => {
    const ch = await confirmChannel();
    ch.publish({ routingKey: fresh('nowhere'), mandatory: true, body: 'back' });
    await ch.expect('basic.return', { replyCode: 312, text: 'back' });
    await ch.expect('basic.ack', { deliveryTag: 1, multiple: false });
  });

  test('without it an unroutable message is dropped', async () => {
    const ch = await openChannel();
    ch.publish({ exchange: 'amq.direct', routingKey: fresh('nowhere') });
    await ch.expectNothing();
  });

  test('a message without body is returned without body', async () => {
    const ch = await openChannel();
    ch.publish({ routingKey: fresh('nowhere'), mandatory: true });
    expect((await ch.expect('basic.return')).body.length).toBe(0);
    await ch.expectNothing();
  });
});

describe('RabbitMQ confirms', () => {
  test('select: select-ok, twice as well', async () => {
    const ch = await openChannel();
    await ch.call('confirm.select');
    await ch.call('confirm.select');
  });

  test('select with no-wait: no reply', async () => {
    const ch = await openChannel();
    ch.send('confirm.select', { nowait: true });
    ch.publish({ routingKey: fresh('nowhere') });
    await ch.expect('basic.ack', { deliveryTag: 1 });
  });

  test('tags count from 1 from the select on, over all exchanges', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue, body: 'before' });
    await ch.call('confirm.select');
    for (const [deliveryTag, exchange] of [
      [1, ''],
      [2, 'amq.fanout'],
      [3, ''],
    ] as const) {
      ch.publish({ exchange, routingKey: queue });
      await ch.expect('basic.ack', { deliveryTag, multiple: false });
    }
  });

  test('selecting again does not start the tags anew', async () => {
    const ch = await confirmChannel();
    ch.publish({});
    await ch.expect('basic.ack', { deliveryTag: 1 });
    await ch.call('confirm.select');
    ch.publish({});
    await ch.expect('basic.ack', { deliveryTag: 2 });
  });

  test('each message is confirmed once, bundled or not', async () => {
    const ch = await confirmChannel();
    const queue = await ch.queue();
    for (let i = 0; i < 500; i++) {
      ch.publish({ routingKey: i % 3 === 0 ? fresh('nowhere') : queue, body: `${i}` });
    }
    await expectConfirms(ch, 1, 500);
    await ch.expectNothing();
  });

  test('a persistent message to a durable queue', async () => {
    const ch = await confirmChannel();
    const queue = await ch.queue({ exclusive: false, durable: true });
    ch.publish({ routingKey: queue, properties: { deliveryMode: 2 }, body: 'kept' });
    await ch.expect('basic.ack', { deliveryTag: 1, multiple: false });
    expect(await ch.ready(queue)).toBe(1);
  });

  test('one ack for a message that reaches many queues', async () => {
    const ch = await confirmChannel();
    const exchange = await ch.exchange('fanout');
    for (let i = 0; i < 5; i++) await ch.bind(await ch.queue(), exchange);
    ch.publish({ exchange });
    await ch.expect('basic.ack', { deliveryTag: 1, multiple: false });
    await ch.expectNothing();
  });

  test('a message that is refused with an error takes no ack, and a reopened channel no confirms', async () => {
    const ch = await confirmChannel();
    ch.publish({ exchange: fresh('nowhere') });
    await ch.expectClose(404, /^NOT_FOUND/);
    await ch.open();
    ch.publish({ routingKey: fresh('nowhere') });
    await ch.expectNothing();
  });

  test('after tx.select: 406', async () => {
    const ch = await openChannel();
    await ch.call('tx.select');
    ch.send('confirm.select');
    await ch.expectClose(406, 'PRECONDITION_FAILED - cannot switch from tx to confirm mode');
  });

  test('before tx.select: 406', async () => {
    const ch = await confirmChannel();
    ch.send('tx.select');
    await ch.expectClose(406, 'PRECONDITION_FAILED - cannot switch from confirm to tx mode');
  });
});

describe('1.8.2 expiration', () => {
  test.each(['0', '1', '60000', '315360000000'])('%j is accepted', async (expiration) => {
    const ch = await confirmChannel();
    ch.publish({ routingKey: fresh('nowhere'), properties: { expiration } });
    await ch.expect('basic.ack', { deliveryTag: 1 });
  });

  test.each([
    ['', 'no_integer'],
    ['soon', 'no_integer'],
    ['1.5', '{leftover_string,".5"}'],
    ['10s', '{leftover_string,"s"}'],
    ['60000 ', '{leftover_string," "}'],
    [' 60000', 'no_integer'],
    ['-1', '{value_negative,-1}'],
    ['315360000001', '{value_too_large,315360000001}'],
  ])('%j: 406', async (expiration, rest) => {
    const ch = await openChannel();
    ch.publish({ routingKey: fresh('nowhere'), properties: { expiration } });
    await ch.expectClose(406, `PRECONDITION_FAILED - invalid expiration '${expiration}': ${rest}`);
  });

  test('+1, which Erlang reads as 1', async () => {
    const ch = await confirmChannel();
    ch.publish({ routingKey: fresh('nowhere'), properties: { expiration: '+1' } });
    await byBroker({
      leveret: () => ch.expectClose(406, /^PRECONDITION_FAILED - invalid expiration '\+1'/),
      rabbitmq: () => ch.expect('basic.ack', { deliveryTag: 1 }),
    })();
  });
});

describe('1.8.2 user-id', () => {
  test('the name of the login is accepted and delivered', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue, properties: { userId: 'guest' } });
    expect((await ch.get(queue)).properties.userId).toBe('guest');
  });

  test('another name: 406', async () => {
    const ch = await openChannel();
    ch.publish({ routingKey: 'x', properties: { userId: 'other' } });
    await ch.expectClose(
      406,
      "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
    );
  });
});

describe('order of the checks', () => {
  test('an exchange that does not exist comes before a bad expiration', async () => {
    const ch = await openChannel();
    const exchange = fresh('nowhere');
    ch.publish({ exchange, properties: { expiration: 'soon' } });
    await ch.expectClose(404, noExchange(exchange));
  });

  test('a bad expiration and a wrong user-id', async () => {
    const ch = await openChannel();
    ch.publish({ routingKey: 'x', properties: { expiration: 'soon', userId: 'other' } });
    await ch.expectClose(
      406,
      byBroker({
        leveret: /^PRECONDITION_FAILED - invalid expiration 'soon'/,
        rabbitmq: /^PRECONDITION_FAILED - user_id property set/,
      }),
    );
  });
});
