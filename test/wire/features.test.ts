// RabbitMQ's extensions beyond the classes (P1 rows of the semantics): CC and BCC, single active consumer, direct reply-to.
import { describe, expect, test } from 'vitest';
import { fill, openChannel } from '../support/wire.ts';

describe('RabbitMQ CC and BCC', () => {
  test('add routing keys; BCC is not delivered', async () => {
    const ch = await openChannel();
    const [to, cc, bcc] = [await ch.queue(), await ch.queue(), await ch.queue()];
    const headers = { CC: [cc], BCC: [bcc], other: 1 };
    ch.publish({ routingKey: to, body: 'x', properties: { headers } });
    for (const queue of [to, cc, bcc]) {
      const { properties, routingKey } = await ch.get(queue);
      expect(routingKey).toBe(to);
      expect(properties.headers?.entries.map(([name]) => name)).toEqual(['CC', 'other']);
    }
  });

  test('a queue named twice gets one copy', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    const headers = { CC: [queue, queue], BCC: [queue] };
    ch.publish({ routingKey: queue, body: 'once', properties: { headers } });
    expect(await ch.drain(queue)).toEqual(['once']);
  });

  test('work with topic exchanges as well', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('topic'), await ch.queue()];
    await ch.bind(queue, exchange, 'b.*');
    ch.publish({ exchange, routingKey: 'a', body: 'x', properties: { headers: { CC: ['b.c'] } } });
    expect(await ch.drain(queue)).toEqual(['x']);
  });

  test.each(['CC', 'BCC'])('%s that is no array: 406', async (header) => {
    const ch = await openChannel();
    ch.publish({ routingKey: 'x', properties: { headers: { [header]: 'x' } } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${header}",longstr}`,
    );
  });

  test('what is no text among them is passed over', async () => {
    const ch = await openChannel();
    const [to, cc] = [await ch.queue(), await ch.queue()];
    ch.publish({ routingKey: to, body: 'x', properties: { headers: { CC: [1, cc] } } });
    expect(await ch.drain(cc)).toEqual(['x']);
  });

  test('taking BCC out leaves every other octet as it was', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    // correlation-id of 200 octets that are not UTF-8, behind headers with an empty BCC.
    const headers = [0, 0, 0, 9, 3, 0x42, 0x43, 0x43, 0x41, 0, 0, 0, 0];
    const correlationId = [200, ...new Array<number>(200).fill(0xff)];
    const octets = Uint8Array.from([0x24, 0x00, ...headers, ...correlationId]);
    ch.publish({ routingKey: queue, properties: octets });
    const { propertyBytes } = await ch.get(queue);
    expect([...propertyBytes]).toEqual([0x24, 0x00, 0, 0, 0, 0, ...correlationId]);
  });
});

describe('RabbitMQ single active consumer', () => {
  test('only the first consumer gets messages, the next one when it goes', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ arguments: { 'x-single-active-consumer': true } });
    await ch.consume(queue, { consumerTag: 'first' });
    await ch.consume(queue, { consumerTag: 'second' });
    await fill(queue, 'a', 'b');
    await ch.expect('basic.deliver', { consumerTag: 'first', text: 'a' });
    await ch.expect('basic.deliver', { consumerTag: 'first', text: 'b' });
    await ch.call('basic.cancel', { consumerTag: 'first' });
    await fill(queue, 'c');
    await ch.expect('basic.deliver', { consumerTag: 'second', text: 'c' });
  });
});

describe('RabbitMQ direct reply-to', () => {
  const pseudo = 'amq.rabbitmq.reply-to';

  test('a reply comes straight back, and needs no acknowledgement', async () => {
    const [requester, server] = [await openChannel(), await openChannel()];
    const requests = await server.queue();
    const consumerTag = await requester.consume(pseudo, { noAck: true });
    requester.publish({ routingKey: requests, body: 'ask', properties: { replyTo: pseudo } });
    // The two connections are served in any order: wait until the request is there.
    await server.consume(requests, { noAck: true });
    const { properties } = await server.expect('basic.deliver', { text: 'ask' });
    expect(properties.replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
    const address = properties.replyTo ?? '';
    server.publish({ routingKey: address, body: 'answer', properties: { correlationId: 'c' } });
    const answer = await requester.expect('basic.deliver', {
      consumerTag,
      deliveryTag: 1,
      redelivered: false,
      exchange: '',
      routingKey: address,
      text: 'answer',
    });
    expect(answer.properties).toEqual({ correlationId: 'c' });
  });

  test('the requester’s own channel can answer', async () => {
    const ch = await openChannel();
    const requests = await ch.queue();
    await ch.consume(pseudo, { noAck: true });
    ch.publish({ routingKey: requests, body: 'ask', properties: { replyTo: pseudo } });
    const address = (await ch.get(requests)).properties.replyTo ?? '';
    ch.publish({ routingKey: address, body: 'answer' });
    await ch.expect('basic.deliver', { text: 'answer' });
  });

  test('a consumer that would acknowledge: 406', async () => {
    const ch = await openChannel();
    ch.send('basic.consume', { queue: pseudo });
    await ch.expectClose(406, 'PRECONDITION_FAILED - reply consumer cannot acknowledge');
  });

  test('a second consumer on the channel: 406', async () => {
    const ch = await openChannel();
    await ch.consume(pseudo, { noAck: true });
    ch.send('basic.consume', { queue: pseudo, noAck: true });
    await ch.expectClose(406, 'PRECONDITION_FAILED - reply consumer already set');
  });

  test('a request without a consumer: 406', async () => {
    const ch = await openChannel();
    ch.publish({ routingKey: await ch.queue(), properties: { replyTo: pseudo } });
    await ch.expectClose(406, 'PRECONDITION_FAILED - fast reply consumer does not exist');
  });

  test('declaring it says that it is there; an address of nobody is not', async () => {
    const ch = await openChannel();
    expect(await ch.call('queue.declare', { queue: pseudo, passive: true })).toMatchObject({
      queue: pseudo,
      messageCount: 0,
      consumerCount: 1,
    });
    ch.send('queue.declare', { queue: `${pseudo}.nobody`, passive: true });
    await ch.expectClose(404, `NOT_FOUND - no queue '${pseudo}.nobody' in vhost '/'`);
  });

  test('an address lives as long as its consumer', async () => {
    const ch = await openChannel();
    const requests = await ch.queue();
    const consumerTag = await ch.consume(pseudo, { noAck: true });
    ch.publish({ routingKey: requests, properties: { replyTo: pseudo } });
    const address = (await ch.get(requests)).properties.replyTo ?? '';
    await ch.call('basic.cancel', { consumerTag });
    ch.publish({ routingKey: address, body: 'too late' });
    await ch.expectNothing();
  });
});
