// RabbitMQ's extensions beyond the classes (P1 rows of the semantics): CC and BCC, single active consumer.
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
