// Class tx (1.9): publishes and acknowledgements wait for the commit.
import { describe, expect, test } from 'vitest';
import { connect, fill, fresh, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import { noExchange, unknownTag } from './texts.ts';

/** A channel in a transaction, and one that is not, of one connection, and a queue. */
async function transaction(): Promise<[tx: WireChannel, other: WireChannel, queue: string]> {
  const conn = await connect();
  const [tx, other] = [await conn.channel(), await conn.channel()];
  const queue = await other.queue();
  await tx.call('tx.select');
  return [tx, other, queue];
}

describe('1.9.2.1 select', () => {
  test('select-ok, twice as well', async () => {
    const ch = await openChannel();
    await ch.call('tx.select');
    await ch.call('tx.select');
  });

  test.each(['tx.commit', 'tx.rollback'] as const)('%s without it: 406', async (name) => {
    const ch = await openChannel();
    ch.send(name);
    await ch.expectClose(406, 'PRECONDITION_FAILED - channel is not transactional');
  });
});

describe('1.9.2.3 commit', () => {
  test('messages arrive with the commit, in order', async () => {
    const [tx, other, queue] = await transaction();
    tx.publish({ routingKey: queue, body: 'a' });
    tx.publish({ routingKey: queue, body: 'b' });
    await tx.expectNothing();
    await other.expectEmpty(queue);
    await tx.call('tx.commit');
    expect(await other.drain(queue)).toEqual(['a', 'b']);
  });

  test('the next transaction begins at once', async () => {
    const [tx, other, queue] = await transaction();
    tx.publish({ routingKey: queue, body: 'a' });
    await tx.call('tx.commit');
    tx.publish({ routingKey: queue, body: 'b' });
    await tx.expectNothing();
    expect(await other.drain(queue)).toEqual(['a']);
    await tx.call('tx.commit');
    expect(await other.drain(queue)).toEqual(['b']);
  });

  test('an empty transaction: commit-ok', async () => {
    const [tx] = await transaction();
    await tx.call('tx.commit');
  });

  test('acknowledgements take effect with the commit', async () => {
    const [tx, other, queue] = await transaction();
    await fill(queue, 'a', 'b', 'c');
    for (let i = 0; i < 3; i++) await tx.get(queue);
    tx.send('basic.ack', { deliveryTag: 1 });
    tx.send('basic.reject', { deliveryTag: 2, requeue: true });
    tx.send('basic.nack', { deliveryTag: 3, requeue: false });
    await tx.expectNothing();
    await other.expectEmpty(queue);
    await tx.call('tx.commit');
    expect(await other.drain(queue)).toEqual(['b']);
    await tx.close();
    await other.expectEmpty(queue);
  });

  test('an unroutable mandatory message is returned with the commit', async () => {
    const [tx] = await transaction();
    tx.publish({ routingKey: fresh('nowhere'), mandatory: true, body: 'back' });
    await tx.expectNothing();
    tx.send('tx.commit');
    await tx.expect('basic.return', { replyCode: 312, text: 'back' });
    await tx.expect('tx.commit-ok');
  });

  test('a queue that refuses a message: 406, and the rest is carried out', async () => {
    const [tx, other, queue] = await transaction();
    const full = await other.queue({
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    await fill(queue, 'acked');
    await tx.get(queue);
    tx.send('basic.ack', { deliveryTag: 1 });
    for (const body of ['a', 'b', 'c']) tx.publish({ routingKey: full, body });
    tx.publish({ routingKey: queue, body: 'd' });
    tx.send('tx.commit');
    await tx.expectClose(406, 'PRECONDITION_FAILED - partial tx completion');
    expect((await other.drain(full))[0]).toBe('a');
    expect(await other.drain(queue)).toEqual(['d']);
  });

  test('an exchange that does not exist is noticed at once: 404', async () => {
    const [tx, other, queue] = await transaction();
    const exchange = fresh('nowhere');
    tx.publish({ routingKey: queue, body: 'a' });
    tx.publish({ exchange });
    await tx.expectClose(404, noExchange(exchange));
    await other.expectEmpty(queue);
  });

  test('an unknown delivery tag is noticed at once: 406', async () => {
    const [tx] = await transaction();
    tx.send('basic.ack', { deliveryTag: 1 });
    await tx.expectClose(406, unknownTag(1));
  });
});

describe('1.9.2.5 rollback', () => {
  test('the messages of the transaction are forgotten', async () => {
    const [tx, other, queue] = await transaction();
    tx.publish({ routingKey: queue, body: 'a' });
    await tx.call('tx.rollback');
    await tx.call('tx.commit');
    await other.expectEmpty(queue);
  });

  test('acknowledgements are forgotten; the messages stay unacked, not redelivered', async () => {
    const [tx, other, queue] = await transaction();
    await fill(queue, 'a');
    await tx.consume(queue);
    await tx.expectDeliveries('a');
    tx.send('basic.ack', { deliveryTag: 1 });
    await tx.call('tx.rollback');
    await tx.expectNothing();
    await other.expectEmpty(queue);
    tx.send('basic.ack', { deliveryTag: 1 });
    await tx.call('tx.commit');
    await tx.close();
    await other.expectEmpty(queue);
  });

  test('after a rollback unacked messages can be rejected as well', async () => {
    const [tx, other, queue] = await transaction();
    await fill(queue, 'a');
    await tx.get(queue);
    tx.send('basic.ack', { deliveryTag: 1 });
    await tx.call('tx.rollback');
    tx.send('basic.reject', { deliveryTag: 1, requeue: true });
    await tx.call('tx.commit');
    expect(await other.get(queue)).toMatchObject({ text: 'a', redelivered: true });
  });
});

describe('1.9 a transaction that is not finished', () => {
  test('is discarded when the channel closes', async () => {
    const [tx, other, queue] = await transaction();
    await fill(queue, 'a');
    await tx.get(queue);
    tx.send('basic.ack', { deliveryTag: 1 });
    tx.publish({ routingKey: queue, body: 'b' });
    await tx.close();
    expect(await other.get(queue)).toMatchObject({ text: 'a', redelivered: true });
    await other.expectEmpty(queue);
  });

  test('leaves the reopened channel without one', async () => {
    const [tx, other, queue] = await transaction();
    await tx.close();
    await tx.open();
    tx.publish({ routingKey: queue, body: 'at once' });
    await tx.expectNothing();
    expect(await other.drain(queue)).toEqual(['at once']);
  });
});
