// From exchange to exchange: RabbitMQ's exchange bindings and alternate exchanges; and that no queue ever gets two copies.
import { describe, expect, test } from 'vitest';
import { fresh, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import { reaches } from './reaches.ts';

describe('RabbitMQ exchange-to-exchange bindings', () => {
  test('the message goes on through the second exchange by its own rules', async () => {
    const ch = await openChannel();
    const [source, destination] = [await ch.exchange('topic'), await ch.exchange('direct')];
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source, destination, routingKey: 'a.#' });
    await ch.bind(queue, destination, 'a.b');
    expect(await reaches(ch, queue, source, 'a.b')).toBe(true);
    expect(await reaches(ch, queue, source, 'a.c')).toBe(false);
    expect(await reaches(ch, queue, source, 'b')).toBe(false);
    await ch.call('exchange.unbind', { source, destination, routingKey: 'a.#' });
    expect(await reaches(ch, queue, source, 'a.b')).toBe(false);
  });

  test('the delivery names the exchange that was published to', async () => {
    const ch = await openChannel();
    const [source, destination] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source, destination });
    await ch.bind(queue, destination);
    ch.publish({ exchange: source, routingKey: 'k' });
    expect(await ch.get(queue)).toMatchObject({ exchange: source, routingKey: 'k' });
  });

  test('by two paths a queue gets one copy', async () => {
    const ch = await openChannel();
    const [top, left, right] = [
      await ch.exchange('fanout'),
      await ch.exchange('fanout'),
      await ch.exchange('fanout'),
    ];
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source: top, destination: left });
    await ch.call('exchange.bind', { source: top, destination: right });
    for (const exchange of [top, left, right]) await ch.bind(queue, exchange);
    ch.publish({ exchange: top, body: 'once' });
    expect(await ch.drain(queue)).toEqual(['once']);
  });

  test('a cycle ends', async () => {
    const ch = await openChannel();
    const [one, two] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source: one, destination: two });
    await ch.call('exchange.bind', { source: two, destination: one });
    await ch.call('exchange.bind', { source: one, destination: one });
    await ch.bind(queue, two);
    ch.publish({ exchange: one, body: 'once' });
    expect(await ch.drain(queue)).toEqual(['once']);
  });

  test('the destination may be internal', async () => {
    const ch = await openChannel();
    const source = await ch.exchange('fanout');
    const destination = await ch.exchange('fanout', { internal: true });
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source, destination });
    await ch.bind(queue, destination);
    expect(await reaches(ch, queue, source, '')).toBe(true);
  });

  test('a deleted destination is forgotten by the source', async () => {
    const ch = await openChannel();
    const [source, destination] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
    const queue = await ch.queue();
    await ch.call('exchange.bind', { source, destination });
    await ch.bind(queue, destination);
    await ch.call('exchange.delete', { exchange: destination });
    await ch.exchange('fanout', { exchange: destination });
    await ch.bind(queue, destination);
    expect(await reaches(ch, queue, source, '')).toBe(false);
  });
});

describe('RabbitMQ alternate exchanges', () => {
  async function withAlternate(ch: WireChannel): Promise<[exchange: string, alternate: string]> {
    const alternate = await ch.exchange('fanout');
    const args = { 'alternate-exchange': alternate };
    return [await ch.exchange('direct', { arguments: args }), alternate];
  }

  test('what the exchange cannot route goes there', async () => {
    const ch = await openChannel();
    const [exchange, alternate] = await withAlternate(ch);
    const [queue, rest] = [await ch.queue(), await ch.queue()];
    await ch.bind(queue, exchange, 'k');
    await ch.bind(rest, alternate);
    ch.publish({ exchange, routingKey: 'k', body: 'routed' });
    ch.publish({ exchange, routingKey: 'other', body: 'unrouted' });
    expect(await ch.drain(queue)).toEqual(['routed']);
    expect(await ch.get(rest)).toMatchObject({ text: 'unrouted', exchange, routingKey: 'other' });
    await ch.expectEmpty(rest);
  });

  test('what it takes counts as routed', async () => {
    const ch = await openChannel();
    const [exchange, alternate] = await withAlternate(ch);
    const queue = await ch.queue();
    await ch.bind(queue, alternate);
    ch.publish({ exchange, routingKey: 'k', mandatory: true, body: 'x' });
    expect(await ch.drain(queue)).toEqual(['x']);
  });

  test('what it cannot route either is returned', async () => {
    const ch = await openChannel();
    const [exchange] = await withAlternate(ch);
    ch.publish({ exchange, routingKey: 'k', mandatory: true, body: 'x' });
    await ch.expect('basic.return', { replyCode: 312, exchange, routingKey: 'k', text: 'x' });
  });

  test('a chain, and one that comes back to its start', async () => {
    const ch = await openChannel();
    const [one, two, three] = [fresh('direct'), fresh('direct'), fresh('direct')];
    await ch.exchange('direct', { exchange: one, arguments: { 'alternate-exchange': two } });
    await ch.exchange('direct', { exchange: two, arguments: { 'alternate-exchange': three } });
    await ch.exchange('direct', { exchange: three, arguments: { 'alternate-exchange': one } });
    const queue = await ch.queue();
    await ch.bind(queue, three, 'k');
    expect(await reaches(ch, queue, one, 'k')).toBe(true);
    ch.publish({ exchange: one, routingKey: 'other', mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
  });

  test('one that does not exist drops the message', async () => {
    const ch = await openChannel();
    const args = { 'alternate-exchange': fresh('nowhere') };
    const exchange = await ch.exchange('direct', { arguments: args });
    ch.publish({ exchange, routingKey: 'k', mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
  });

  test('not asked when a bound exchange leads nowhere', async () => {
    const ch = await openChannel();
    const [exchange, alternate] = await withAlternate(ch);
    const [destination, rest] = [await ch.exchange('fanout'), await ch.queue()];
    await ch.bind(rest, alternate);
    await ch.call('exchange.bind', { source: exchange, destination, routingKey: 'k' });
    ch.publish({ exchange, routingKey: 'k', mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
    expect(await ch.drain(rest)).toEqual([]);
  });
});
