// x-delayed-message (§3 of the semantics). RabbitMQ has it as a plugin that is not among its own, so it is no control here;
// the texts are those of the plugin's source.
import { describe, expect, test } from 'vitest';
import { byBroker, openChannel, passTime } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainTable } from '../support/wire-methods.ts';

const hasType = byBroker({ leveret: true, rabbitmq: false });

async function laterAndQueue(ch: WireChannel): Promise<{ exchange: string; queue: string }> {
  const args = { 'x-delayed-type': 'direct' };
  const exchange = await ch.exchange('x-delayed-message', { arguments: args });
  const queue = await ch.queue();
  await ch.bind(queue, exchange, 'k');
  return { exchange, queue };
}

describe.skipIf(!hasType)('x-delayed-message', () => {
  test('delivers when the time has come, with the delay negated', async () => {
    const ch = await openChannel();
    const { exchange, queue } = await laterAndQueue(ch);
    await ch.consume(queue, { noAck: true });
    const headers = { 'x-delay': 5000, a: 'b' };
    ch.publish({ exchange, routingKey: 'k', body: 'x', properties: { headers } });
    await passTime(4999);
    await ch.expectNothing();
    await passTime(1);
    const delivery = await ch.expect('basic.deliver', { text: 'x', exchange, routingKey: 'k' });
    expect(delivery.properties.headers?.entries).toEqual([
      ['x-delay', { type: 'I', value: -5000 }],
      ['a', { type: 'S', value: 'b' }],
    ]);
  });

  test.each([0, -1])('x-delay %s and none at all: at once', async (delay) => {
    const ch = await openChannel();
    const { exchange, queue } = await laterAndQueue(ch);
    const headers = { 'x-delay': delay };
    ch.publish({ exchange, routingKey: 'k', body: '1', properties: { headers } });
    ch.publish({ exchange, routingKey: 'k', body: '2' });
    expect(await ch.drain(queue)).toEqual(['1', '2']);
  });

  test('is confirmed while it is held back, and never returned', async () => {
    const ch = await openChannel();
    const { exchange } = await laterAndQueue(ch);
    await ch.call('confirm.select');
    const headers = { 'x-delay': 5000 };
    ch.publish({ exchange, routingKey: 'other', mandatory: true, properties: { headers } });
    await ch.expect('basic.ack', { deliveryTag: 1 });
    await passTime(5000);
    await ch.expectNothing();
    ch.publish({ exchange, routingKey: 'other', mandatory: true });
    await ch.expect('basic.return', { replyCode: 312 });
  });

  test('in a transaction: held back from the commit on', async () => {
    const ch = await openChannel();
    const { exchange, queue } = await laterAndQueue(ch);
    await ch.call('tx.select');
    const headers = { 'x-delay': 1000 };
    ch.publish({ exchange, routingKey: 'k', body: 'x', properties: { headers } });
    await passTime(1000);
    await ch.call('tx.commit');
    await passTime(999);
    expect(await ch.ready(queue)).toBe(0);
    await passTime(1);
    expect(await ch.drain(queue)).toEqual(['x']);
  });

  test.each([
    ['soon', 'soon'],
    [{ type: 'l', value: 2n ** 60n } as const, String(2n ** 60n)],
  ])('x-delay %o: 406', async (delay, text) => {
    const ch = await openChannel();
    const { exchange } = await laterAndQueue(ch);
    ch.publish({ exchange, properties: { headers: { 'x-delay': delay } } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - invalid x-delay '${text}': expected a number of ms, at most 315360000000`,
    );
  });

  test.each<[PlainTable, string]>([
    [{}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
    [
      { 'x-delayed-type': 'x-delayed-message' },
      "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
    ],
    [{ 'x-delayed-type': 'nonsense' }, "unknown exchange type 'nonsense'"],
  ])('declared with %o: 406', async (args, text) => {
    const ch = await openChannel();
    const exchange = 'wire-never-there';
    ch.send('exchange.declare', { exchange, type: 'x-delayed-message', arguments: args });
    await ch.expectClose(406, `PRECONDITION_FAILED - ${text}`);
  });
});
