// Exchanges that hand every message to one of their queues: x-consistent-hash, x-modulus-hash, x-random (§3 of the semantics).
// Which queue a key goes to is each broker's own affair; that it is one, and the right share, is not.
import { describe, expect, test } from 'vitest';
import { byBroker, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainProperties, PlainTable } from '../support/wire-methods.ts';

const MESSAGES = 400;

/** Publishes many messages and counts what each queue got; every message must have reached just one. */
async function spread(
  ch: WireChannel,
  exchange: string,
  queues: readonly string[],
  message: (n: number) => { routingKey?: string; properties?: PlainProperties },
): Promise<number[]> {
  await ch.call('confirm.select');
  for (let n = 0; n < MESSAGES; n++) ch.publish({ exchange, body: `${n}`, ...message(n) });
  // RabbitMQ confirms in any order.
  const waiting = new Set(Array.from({ length: MESSAGES }, (_, n) => n + 1));
  while (waiting.size > 0) {
    const { deliveryTag, multiple } = await ch.expect('basic.ack');
    for (const tag of waiting) {
      if (tag === deliveryTag || (multiple && tag < deliveryTag)) waiting.delete(tag);
    }
  }
  const texts: (string | undefined)[] = [];
  const counts: number[] = [];
  for (const queue of queues) {
    const drained = await ch.drain(queue);
    counts.push(drained.length);
    texts.push(...drained);
  }
  expect(new Set(texts).size).toBe(MESSAGES);
  expect(texts).toHaveLength(MESSAGES);
  return counts;
}

async function bound(
  ch: WireChannel,
  type: string,
  keys: readonly string[],
  args: PlainTable = {},
) {
  const exchange = await ch.exchange(type, { arguments: args });
  const queues: string[] = [];
  for (const key of keys) {
    const queue = await ch.queue();
    await ch.bind(queue, exchange, key);
    queues.push(queue);
  }
  return { exchange, queues };
}

const byKey = (n: number) => ({ routingKey: `key ${n}` });

describe('x-consistent-hash', () => {
  test('one queue per message, in the proportion of the weights', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '3']);
    const [one = 0] = await spread(ch, exchange, queues, byKey);
    expect(one / MESSAGES).toBeGreaterThan(0.15);
    expect(one / MESSAGES).toBeLessThan(0.35);
  });

  test('messages of one key stay together', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1', '1']);
    const counts = await spread(ch, exchange, queues, () => ({ routingKey: 'same' }));
    expect(counts.toSorted()).toEqual([0, 0, MESSAGES]);
  });

  test('CC does not make it more than one queue', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1', '1']);
    const properties = { headers: { CC: ['1', '2', '3', '4', '5', '6'] } };
    await spread(ch, exchange, queues, (n) => ({ routingKey: `key ${n}`, properties }));
  });

  test('a header may decide; messages without it go together', async () => {
    const ch = await openChannel();
    const args = { 'hash-header': 'h' };
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1'], args);
    const [a = 0, b = 0] = await spread(ch, exchange, queues, (n) => ({
      routingKey: 'same',
      properties: { headers: { h: `${n}` } },
    }));
    expect(Math.min(a, b)).toBeGreaterThan(MESSAGES / 4);
    const other = await openChannel();
    const without = await bound(other, 'x-consistent-hash', ['1', '1'], args);
    const counts = await spread(other, without.exchange, without.queues, byKey);
    expect(counts.toSorted()).toEqual([0, MESSAGES]);
  });

  test.each(['message_id', 'correlation_id', 'timestamp'])('%s may decide', async (property) => {
    const ch = await openChannel();
    const args = { 'hash-property': property };
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1'], args);
    const [a = 0, b = 0] = await spread(ch, exchange, queues, (n) => ({
      routingKey: 'same',
      properties: { messageId: `${n}`, correlationId: `${n}`, timestamp: BigInt(n) },
    }));
    expect(Math.min(a, b)).toBeGreaterThan(MESSAGES / 4);
  });

  test('of two bindings of one queue the first counts', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1']);
    await ch.bind(queues[0]!, exchange, '50');
    const [a = 0, b = 0] = await spread(ch, exchange, queues, byKey);
    expect(Math.min(a, b)).toBeGreaterThan(MESSAGES / 4);
  });

  test('a queue of two bindings that loses one', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, 'x-consistent-hash', ['1', '1']);
    const [twice = ''] = queues;
    await ch.bind(twice, exchange, '2');
    await ch.call('queue.unbind', { queue: twice, exchange, routingKey: '1' });
    const [a = 0] = await spread(ch, exchange, queues, byKey);
    // RabbitMQ takes the queue out with either of them, though it stays bound.
    expect(a > 0).toBe(byBroker({ leveret: true, rabbitmq: false }));
  });

  test.each([
    ['', 'The binding key must be an integer: <<>>'],
    ['a', 'The binding key must be an integer: <<"a">>'],
    ['1.5', 'The binding key must be an integer: <<"1.5">>'],
    ['0', 'The binding key must be greater than 0'],
    ['-1', 'The binding key must be greater than 0'],
  ])('weight %j: 406', async (routingKey, text) => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('x-consistent-hash'), await ch.queue()];
    ch.send('queue.bind', { queue, exchange, routingKey });
    await ch.expectClose(406, `PRECONDITION_FAILED - ${text}`);
  });

  test.each<[PlainTable, string]>([
    [
      { 'hash-header': 'h', 'hash-property': 'message_id' },
      'hash-header and hash-property are mutually exclusive',
    ],
    [{ 'hash-property': 'app_id' }, 'Unsupported property: app_id'],
  ])('arguments %o: 406', async (args, text) => {
    const ch = await openChannel();
    ch.send('exchange.declare', {
      exchange: 'wire-never-there',
      type: 'x-consistent-hash',
      arguments: args,
    });
    await ch.expectClose(406, `PRECONDITION_FAILED - ${text}`);
  });

  test('declared again with another argument it stays as it is', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('x-consistent-hash', { arguments: { 'hash-header': 'h' } });
    await ch.exchange('x-consistent-hash', { exchange });
  });
});

describe.each(['x-random', 'x-modulus-hash'])('%s', (type) => {
  test('one queue per message, every queue gets some, keys of bindings do not matter', async () => {
    const ch = await openChannel();
    const { exchange, queues } = await bound(ch, type, ['a', '', 'a.b']);
    for (const count of await spread(ch, exchange, queues, byKey)) {
      expect(count).toBeGreaterThan(MESSAGES / 6);
    }
  });
});

test.each(['x-consistent-hash', 'x-random', 'x-modulus-hash'])(
  '%s without bindings: a mandatory message is returned',
  async (type) => {
    const ch = await openChannel();
    const exchange = await ch.exchange(type);
    ch.publish({ exchange, routingKey: 'k', mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
  },
);
