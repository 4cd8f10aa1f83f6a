// What a queue is declared with (1.7.2.1): declaring it again, arguments that are not valid, exclusive, auto-delete.
import { describe, expect, test } from 'vitest';
import { connect, fresh, openChannel } from '../support/wire.ts';
import type { PlainTable } from '../support/wire-methods.ts';
import { locked } from './texts.ts';

const inequivalent = (arg: string, queue: string, rest: string) =>
  `PRECONDITION_FAILED - inequivalent arg '${arg}' for queue '${queue}' in vhost '/': ${rest}`;
const invalid = (arg: string, queue: string, rest: string) =>
  `PRECONDITION_FAILED - invalid arg '${arg}' for queue '${queue}' in vhost '/': ${rest}`;

describe('1.7.2.1 declare again', () => {
  test('with the same properties: declare-ok', async () => {
    const ch = await openChannel();
    const fields = { durable: true, autoDelete: true, arguments: { 'x-expires': 60_000 } };
    const queue = await ch.queue({ ...fields, exclusive: false });
    await ch.queue({ ...fields, queue, exclusive: false });
  });

  test.each([
    ['durable', { durable: true }, { durable: false }],
    ['durable', { durable: false }, { durable: true }],
    ['auto_delete', { autoDelete: true }, { autoDelete: false }],
    ['auto_delete', { autoDelete: false }, { autoDelete: true }],
  ])('another %s (%j, then %j): 406', async (arg, first, second) => {
    const ch = await openChannel();
    const queue = await ch.queue({ ...first, exclusive: false });
    ch.send('queue.declare', { queue, ...second });
    const [received, current] = [Object.values(second)[0], Object.values(first)[0]];
    await ch.expectClose(
      406,
      inequivalent(arg, queue, `received '${received}' but current is '${current}'`),
    );
  });

  const inequivalentArguments: [string, PlainTable, PlainTable, string][] = [
    [
      'x-expires',
      {},
      { 'x-expires': 60_000 },
      "received the value '60000' of type 'signedint' but current is none",
    ],
    [
      'x-expires',
      { 'x-expires': 60_000 },
      {},
      "received none but current is the value '60000' of type 'signedint'",
    ],
    [
      'x-message-ttl',
      { 'x-message-ttl': 1 },
      { 'x-message-ttl': 2 },
      "received '2' but current is '1'",
    ],
    [
      'x-max-length',
      {},
      { 'x-max-length': 1 },
      "received the value '1' of type 'signedint' but current is none",
    ],
    [
      'x-overflow',
      { 'x-overflow': 'drop-head' },
      { 'x-overflow': 'reject-publish' },
      "received 'reject-publish' but current is 'drop-head'",
    ],
    [
      'x-dead-letter-exchange',
      {},
      { 'x-dead-letter-exchange': 'dlx' },
      "received the value 'dlx' of type 'longstr' but current is none",
    ],
    [
      'x-max-priority',
      { 'x-max-priority': 5 },
      { 'x-max-priority': 6 },
      "received '6' but current is '5'",
    ],
  ];
  test.each(inequivalentArguments)(
    'another %s (%j, then %j): 406',
    async (arg, first, second, rest) => {
      const ch = await openChannel();
      const queue = await ch.queue({ arguments: first });
      ch.send('queue.declare', { queue, exclusive: true, arguments: second });
      await ch.expectClose(406, inequivalent(arg, queue, rest));
    },
  );

  test('the width of an integer argument does not matter', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ arguments: { 'x-expires': { type: 'l', value: 60_000n } } });
    await ch.queue({ queue, arguments: { 'x-expires': { type: 'u', value: 60_000 } } });
  });

  test('arguments that no queue knows do not matter', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ arguments: { 'x-mine': 'a' } });
    await ch.queue({ queue, arguments: { 'x-yours': 'b' } });
  });

  test('no x-queue-type is the same as classic', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.queue({ queue, arguments: { 'x-queue-type': 'classic' } });
  });
});

describe('1.7.2.1 arguments that are not valid', () => {
  const cases: [PlainTable, string, string][] = [
    [{ 'x-expires': 0 }, 'x-expires', '{value_zero,0}'],
    [{ 'x-expires': -1 }, 'x-expires', '{value_negative,-1}'],
    [{ 'x-expires': 'soon' }, 'x-expires', '"expected integer, got longstr"'],
    [{ 'x-message-ttl': -1 }, 'x-message-ttl', '{value_negative,-1}'],
    [{ 'x-message-ttl': 'soon' }, 'x-message-ttl', '"expected integer, got longstr"'],
    [{ 'x-message-ttl': 315_360_000_001 }, 'x-message-ttl', '{value_too_large,315360000001}'],
    [{ 'x-max-length': -1 }, 'x-max-length', '{value_negative,-1}'],
    [{ 'x-max-priority': 256 }, 'x-max-priority', '{max_value_exceeded,256}'],
    [{ 'x-max-priority': -1 }, 'x-max-priority', '{value_negative,-1}'],
    [{ 'x-overflow': 'panic' }, 'x-overflow', 'invalid_overflow'],
    [
      { 'x-dead-letter-routing-key': 'k' },
      'x-dead-letter-routing-key',
      'routing_key_but_no_dlx_defined',
    ],
    [
      { 'x-single-active-consumer': 'yes' },
      'x-single-active-consumer',
      '{unacceptable_type,longstr}',
    ],
    [{ 'x-queue-type': 'box' }, 'x-queue-type', '"unsupported queue type \'box\'"'],
  ];
  test.each(cases)('%j: 406', async (args, arg, rest) => {
    const ch = await openChannel();
    const queue = fresh('queue');
    ch.send('queue.declare', { queue, exclusive: true, arguments: args });
    await ch.expectClose(406, invalid(arg, queue, rest));
  });

  test('x-dead-letter-exchange that is no text: 406', async () => {
    const ch = await openChannel();
    const queue = fresh('queue');
    const args = { 'x-dead-letter-exchange': 1 };
    ch.send('queue.declare', { queue, exclusive: true, arguments: args });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '${queue}' in vhost '/'`,
    );
  });
});

describe('1.7.2.1 exclusive', () => {
  test.each([
    ['queue.declare', {}],
    ['queue.declare', { passive: true }],
    ['queue.declare', { exclusive: true }],
    ['queue.bind', { exchange: 'amq.fanout' }],
    ['queue.unbind', { exchange: 'amq.fanout' }],
    ['queue.purge', {}],
    ['queue.delete', {}],
    ['basic.consume', {}],
    ['basic.get', {}],
  ] as const)('%s %j on another connection: 405', async (name, fields) => {
    const owner = await openChannel();
    const other = await openChannel();
    const queue = await owner.queue({ exclusive: true });
    await owner.bind(queue, 'amq.fanout');
    other.send(name, { queue, ...fields });
    await other.expectClose(405, locked(queue));
  });

  test('any channel of the owner may use it', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ exclusive: true });
    await ch.close();
    await other.consume(queue);
  });

  test('anyone may publish to it', async () => {
    const owner = await openChannel();
    const other = await openChannel();
    const queue = await owner.queue({ exclusive: true });
    await other.call('confirm.select');
    other.publish({ routingKey: queue, body: 'a', mandatory: true });
    await other.expect('basic.ack');
    expect(await owner.drain(queue)).toEqual(['a']);
  });

  test('a queue that is not exclusive cannot be declared so: 405', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: false });
    ch.send('queue.declare', { queue, exclusive: true });
    await ch.expectClose(405, locked(queue));
  });

  test('its owner cannot declare it otherwise', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: true });
    ch.send('queue.declare', { queue, exclusive: false });
    await ch.expectClose(405, locked(queue));
  });

  test('durable and exclusive may be declared again as either', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: true, durable: true });
    await ch.call('queue.declare', { queue, exclusive: true, durable: true });
  });
});

describe('1.7.2.1 auto-delete', () => {
  test('gone with its last consumer', async () => {
    const ch = await openChannel();
    const queue = await ch.queue({ exclusive: false, autoDelete: true });
    const [first, second] = [await ch.consume(queue), await ch.consume(queue)];
    await ch.call('basic.cancel', { consumerTag: first });
    expect(await ch.queueExists(queue)).toBe(true);
    await ch.call('basic.cancel', { consumerTag: second });
    expect(await ch.queueExists(queue)).toBe(false);
  });

  test('gone when the channel of its last consumer closes', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ exclusive: false, autoDelete: true });
    await ch.consume(queue);
    await ch.close();
    expect(await other.queueExists(queue)).toBe(false);
  });

  test('stays as long as it never had one', async () => {
    const conn = await connect();
    const queue = await (await conn.channel()).queue({ exclusive: false, autoDelete: true });
    await conn.close();
    expect(await (await openChannel()).queueExists(queue)).toBe(true);
  });

  test('basic.get is no consumer', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ exclusive: false, autoDelete: true });
    await ch.expectEmpty(queue);
    await ch.close();
    expect(await other.queueExists(queue)).toBe(true);
  });
});
