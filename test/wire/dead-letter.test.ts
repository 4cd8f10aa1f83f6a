// Dead letters: why messages die, where they go, and what they bear (x-death is tested in broker/dead-letter.test.ts, too).
import { describe, expect, test } from 'vitest';
import type { FieldTable } from '../../src/protocol/field-table.ts';
import {
  addUser,
  canAddUsers,
  connect,
  elapse,
  fill,
  fresh,
  openChannel,
} from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainTable } from '../support/wire-methods.ts';

const SHORT_MS = 100;

/** A queue whose dead letters go to another, by way of the default exchange. */
async function deadly(
  more: PlainTable = {},
): Promise<[ch: WireChannel, queue: string, dead: string]> {
  const ch = await openChannel();
  const dead = await ch.queue();
  const queue = await ch.queue({
    arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, ...more },
  });
  return [ch, queue, dead];
}

async function put(ch: WireChannel, queue: string, ...texts: readonly string[]): Promise<void> {
  for (const body of texts) ch.publish({ routingKey: queue, body });
  await ch.expectNothing();
}

/** Waits for messages to get there: they travel by themselves. */
async function taken(ch: WireChannel, queue: string) {
  for (let tries = 0; tries < 50; tries++) {
    ch.send('basic.get', { queue, noAck: true });
    const came = await ch.expectOneOf('basic.get-ok', 'basic.get-empty');
    if (came.name === 'basic.get-ok') return came;
    await elapse(1);
  }
  throw new Error(`nothing came to ${queue}`);
}

const textOf = (headers: FieldTable | undefined, name: string) => headers?.get(name)?.value;

const deathsOf = (headers: FieldTable | undefined) => {
  const deaths = headers?.get('x-death');
  if (deaths?.type !== 'A') return [];
  return deaths.value.map((death) =>
    death.type === 'F'
      ? [textOf(death.value, 'queue'), textOf(death.value, 'reason'), textOf(death.value, 'count')]
      : [],
  );
};

describe('a message dies', () => {
  test.each(['basic.reject', 'basic.nack'] as const)('rejected, by %s', async (method) => {
    const [ch, queue, dead] = await deadly();
    await put(ch, queue, 'm');
    const { deliveryTag } = await ch.get(queue);
    ch.send(method, { deliveryTag, requeue: false });
    const { text, properties, exchange, routingKey } = await taken(ch, dead);
    expect([text, exchange, routingKey]).toEqual(['m', '', dead]);
    expect(deathsOf(properties.headers)).toEqual([[queue, 'rejected', 1n]]);
    expect(textOf(properties.headers, 'x-first-death-reason')).toBe('rejected');
  });

  test('not when it is given back', async () => {
    const [ch, queue, dead] = await deadly();
    await put(ch, queue, 'm');
    const { deliveryTag } = await ch.get(queue);
    ch.send('basic.reject', { deliveryTag, requeue: true });
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['m']);
    await ch.expectEmpty(dead);
  });

  test('expired, and loses its expiration', async () => {
    const [ch, queue, dead] = await deadly();
    ch.publish({ routingKey: queue, body: 'm', properties: { expiration: String(SHORT_MS) } });
    await ch.expectNothing();
    await elapse(SHORT_MS);
    const { text, properties } = await taken(ch, dead);
    expect(text).toBe('m');
    expect(properties.expiration).toBeUndefined();
    expect(deathsOf(properties.headers)).toEqual([[queue, 'expired', 1n]]);
  });

  test('one too many', async () => {
    const [ch, queue, dead] = await deadly({ 'x-max-length': 1 });
    await put(ch, queue, 'a', 'b', 'c');
    expect((await taken(ch, dead)).text).toBe('a');
    const { text, properties } = await taken(ch, dead);
    expect(text).toBe('b');
    expect(deathsOf(properties.headers)).toEqual([[queue, 'maxlen', 1n]]);
    expect(await ch.drain(queue)).toEqual(['c']);
  });

  test('but not by purge and delete', async () => {
    const [ch, queue, dead] = await deadly();
    await put(ch, queue, 'a');
    await ch.call('queue.purge', { queue });
    await put(ch, queue, 'b');
    await ch.call('queue.delete', { queue });
    await elapse(SHORT_MS);
    await ch.expectEmpty(dead);
  });

  test('nor by the expiry of its queue', async () => {
    const [ch, queue, dead] = await deadly({ 'x-expires': SHORT_MS });
    await put(ch, queue, 'a');
    await elapse(SHORT_MS * 2);
    await ch.expectEmpty(dead);
    expect(await ch.queueExists(queue)).toBe(false);
  });

  test('in a transaction, when it commits', async () => {
    const [ch, queue, dead] = await deadly();
    await put(ch, queue, 'm');
    await ch.call('tx.select');
    const { deliveryTag } = await ch.get(queue);
    ch.send('basic.reject', { deliveryTag, requeue: false });
    await ch.expectEmpty(dead);
    await ch.call('tx.commit');
    expect((await taken(ch, dead)).text).toBe('m');
  });
});

describe('a dead letter goes', () => {
  test('by its old key when the queue has none, and by those of CC', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct');
    const [byKey, byCc, byBcc] = [await ch.queue(), await ch.queue(), await ch.queue()];
    const queue = await ch.queue({ arguments: { 'x-dead-letter-exchange': exchange } });
    await ch.bind(byKey, exchange, queue);
    await ch.bind(byCc, exchange, 'cc');
    await ch.bind(byBcc, exchange, 'bcc');
    ch.publish({
      routingKey: queue,
      body: 'm',
      properties: { headers: { CC: ['cc'] }, expiration: '0' },
    });
    await ch.expectNothing();
    const { properties, routingKey } = await taken(ch, byKey);
    expect(routingKey).toBe(queue);
    expect(deathsOf(properties.headers)).toEqual([[queue, 'expired', 1n]]);
    expect((await taken(ch, byCc)).text).toBe('m');
    await ch.expectEmpty(byBcc);
    await ch.call('exchange.delete', { exchange });
  });

  test('nowhere when the exchange is not there, or nothing is bound', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    for (const name of [exchange, fresh('missing')]) {
      const queue = await ch.queue({ arguments: { 'x-dead-letter-exchange': name } });
      await put(ch, queue, 'm');
      const { deliveryTag } = await ch.get(queue);
      ch.send('basic.reject', { deliveryTag, requeue: false });
      await ch.expectNothing();
      await ch.expectEmpty(queue);
    }
    await ch.call('exchange.delete', { exchange });
  });

  test('on and on, and counts where it died before', async () => {
    const ch = await openChannel();
    const [one, two] = [fresh('one'), fresh('two')];
    const to = (key: string, ttl: number) => ({
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': key,
      'x-message-ttl': ttl,
    });
    // Rejected in one, it waits in two and comes back: the usual way to try again later.
    await ch.queue({ queue: one, arguments: to(two, 60_000) });
    await ch.queue({ queue: two, arguments: to(one, SHORT_MS) });
    await put(ch, one, 'm');
    for (let round = 1n; round <= 3n; round++) {
      const { deliveryTag, properties } = await ch.get(one);
      if (round > 1n) {
        expect(deathsOf(properties.headers)).toEqual([
          [two, 'expired', round - 1n],
          [one, 'rejected', round - 1n],
        ]);
      }
      ch.send('basic.reject', { deliveryTag, requeue: false });
      await ch.expectNothing();
      await elapse(SHORT_MS * 2);
    }
    expect(await ch.ready(one)).toBe(1);
  });

  test('not round in a circle by itself', async () => {
    const ch = await openChannel();
    const queue = fresh('circle');
    await ch.queue({
      queue,
      arguments: {
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queue,
        'x-message-ttl': SHORT_MS,
      },
    });
    await put(ch, queue, 'm');
    await elapse(SHORT_MS * 3);
    await ch.expectEmpty(queue);
  });

  test('in the order of dying', async () => {
    const [ch, queue, dead] = await deadly();
    const texts = Array.from({ length: 3000 }, (_, i) => String(i));
    await put(ch, queue, ...texts);
    await ch.consume(queue);
    await ch.expectDeliveries(...texts);
    ch.send('basic.nack', { deliveryTag: 0, multiple: true, requeue: false });
    await elapse(SHORT_MS);
    for (let tries = 0; tries < 100 && (await ch.ready(dead)) < texts.length; tries++)
      await elapse(1);
    expect(await ch.drain(dead)).toEqual(texts);
  });
});

describe('a queue with a dead letter exchange', () => {
  test.runIf(canAddUsers).each([
    [
      'read it',
      { configure: '.*', write: '.*', read: '^$' },
      (queue: string) => `queue '${queue}'`,
    ],
    [
      'write to that exchange',
      { configure: '.*', write: '^$', read: '.*' },
      () => "exchange 'dlx'",
    ],
  ])('is declared only by who may %s', async (_, permissions, resource) => {
    const conn = await connect(await addUser({ permissions }));
    const ch = await conn.channel();
    const queue = fresh('deadly');
    ch.send('queue.declare', {
      queue,
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': 'dlx' },
    });
    await ch.expectClose(403, new RegExp(`access to ${resource(queue)} in vhost '/' refused`));
  });
});

test('a message that died expires no more', async () => {
  const [ch, queue, dead] = await deadly();
  await fill(dead, 'other');
  ch.publish({ routingKey: queue, body: 'm', properties: { expiration: '1' } });
  await ch.expectNothing();
  await elapse(SHORT_MS);
  await elapse(SHORT_MS);
  expect(await ch.drain(dead)).toEqual(['other', 'm']);
});
