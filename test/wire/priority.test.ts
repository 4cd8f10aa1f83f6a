// Queues with priorities: x-max-priority.
import { describe, expect, test } from 'vitest';
import { connect, openChannel } from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';

/** Publishes texts that begin with their priority, `-` for none. */
async function put(ch: WireChannel, queue: string, ...texts: readonly string[]): Promise<void> {
  for (const body of texts) {
    const priority = Number.parseInt(body, 10);
    const properties = Number.isNaN(priority) ? {} : { priority };
    ch.publish({ routingKey: queue, body, properties });
  }
  await ch.expectNothing();
}

async function queueOf(max: number, more = {}): Promise<[WireChannel, string]> {
  const ch = await openChannel();
  return [ch, await ch.queue({ arguments: { 'x-max-priority': max, ...more } })];
}

describe('x-max-priority', () => {
  test('higher ones first, in order among themselves; none is 0', async () => {
    const [ch, queue] = await queueOf(5);
    await put(ch, queue, '-a', '1a', '5a', '0b', '5b', '3a', '1b');
    expect(await ch.ready(queue)).toBe(7);
    expect(await ch.drain(queue)).toEqual(['5a', '5b', '3a', '1a', '1b', '-a', '0b']);
  });

  test('what is above the highest counts as the highest', async () => {
    const [ch, queue] = await queueOf(2);
    await put(ch, queue, '2a', '9a', '1a', '255a');
    expect(await ch.drain(queue)).toEqual(['2a', '9a', '255a', '1a']);
  });

  test('without it priorities are ignored', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await put(ch, queue, '1a', '9a', '5a');
    expect(await ch.drain(queue)).toEqual(['1a', '9a', '5a']);
  });

  test('a message that comes back goes to its place in its level', async () => {
    const [ch, queue] = await queueOf(5);
    await put(ch, queue, '2a', '2b', '1a');
    const { deliveryTag } = await ch.get(queue);
    await put(ch, queue, '2c', '3a');
    ch.send('basic.nack', { deliveryTag, requeue: true });
    await ch.expectNothing();
    expect(await ch.drain(queue)).toEqual(['3a', '2a', '2b', '2c', '1a']);
  });

  test('consumers get the highest there is whenever they can take one', async () => {
    const conn = await connect();
    const [ch, other] = [await conn.channel(), await conn.channel()];
    const queue = await ch.queue({ arguments: { 'x-max-priority': 10 } });
    await put(other, queue, '1a', '1b');
    await ch.call('basic.qos', { prefetchCount: 1 });
    await ch.consume(queue);
    await ch.expectDeliveries('1a');
    await put(other, queue, '9a');
    ch.send('basic.ack', { deliveryTag: 1 });
    await ch.expectDeliveries('9a');
    ch.send('basic.ack', { deliveryTag: 2 });
    await ch.expectDeliveries('1b');
  });

  test('255 levels', async () => {
    const [ch, queue] = await queueOf(255);
    await put(ch, queue, '254a', '255a', '0a', '128a');
    expect(await ch.drain(queue)).toEqual(['255a', '254a', '128a', '0a']);
  });

  test('a length limit drops from the highest level', async () => {
    const [ch, queue] = await queueOf(5, { 'x-max-length': 3 });
    await put(ch, queue, '1a', '4a', '4b', '2a');
    expect(await ch.drain(queue)).toEqual(['4b', '2a', '1a']);
  });

  test('a purge empties all levels', async () => {
    const [ch, queue] = await queueOf(3);
    await put(ch, queue, '1a', '3a', '2a');
    expect(await ch.call('queue.purge', { queue })).toMatchObject({ messageCount: 3 });
    await ch.expectEmpty(queue);
  });
});
