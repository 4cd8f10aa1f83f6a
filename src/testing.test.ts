import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { transportPipe } from '../test/support/byte-pipe.ts';
import type { WireChannel } from '../test/support/wire-channel.ts';
import { WireConnection } from '../test/support/wire-connection.ts';
import { MemoryBroker } from './testing.ts';

let broker: MemoryBroker;
beforeEach(() => {
  broker = new MemoryBroker({ clock: 'manual' });
});
afterEach(() => broker.close());

async function connect(heartbeat = 0): Promise<WireConnection> {
  const stream = await broker.connect();
  return new WireConnection(transportPipe(stream)).handshake({ heartbeat });
}

/** A channel in confirm mode, and a queue. */
async function publisher(queue = 'q'): Promise<[WireConnection, WireChannel]> {
  const connection = await connect();
  const channel = await connection.channel();
  await channel.call('confirm.select');
  await channel.call('queue.declare', { queue });
  return [connection, channel];
}

const publish = (channel: WireChannel, body: string, queue = 'q') =>
  channel.publish({ routingKey: queue, body, properties: { contentType: 'text/plain' } });

const bodies = (queue = 'q') => broker.messages(queue).map(({ body }) => body);

describe('a broker in the process', () => {
  test('is the real one', async () => {
    const [, channel] = await publisher();
    publish(channel, 'one');
    await channel.expect('basic.ack', { deliveryTag: 1 });
    await channel.call('basic.consume', { queue: 'q', noAck: true });
    await channel.expect('basic.deliver', { text: 'one' });
    expect(bodies()).toEqual([]);
  });

  test('carries bodies of many frames', async () => {
    const [, channel] = await publisher();
    const body = 'x'.repeat(500_000);
    publish(channel, body);
    await channel.expect('basic.ack');
    await channel.call('basic.consume', { queue: 'q', noAck: true });
    await channel.expect('basic.deliver', { text: body });
  });

  test('shows what waits in a queue, and leaves it there', async () => {
    const [, channel] = await publisher();
    const packed = deflateSync('"packed"');
    channel.publish({
      exchange: 'amq.direct',
      routingKey: 'nowhere',
      body: 'unroutable',
    });
    channel.publish({
      routingKey: 'q',
      body: '{"id":7}',
      properties: {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        headers: { tries: 3 },
        messageId: 'm-1',
      },
    });
    channel.publish({
      routingKey: 'q',
      body: packed,
      properties: {
        contentType: 'application/json',
        headers: { compression: 'application/x-gzip' },
      },
    });
    channel.publish({
      routingKey: 'q',
      body: '{',
      properties: { contentType: 'application/json' },
    });
    await broker.idle();
    for (const _ of [1, 2]) {
      expect(broker.messages({ name: 'q' })).toEqual([
        {
          body: { id: 7 },
          headers: { tries: 3 },
          properties: expect.objectContaining({ messageId: 'm-1' }),
          exchange: '',
          routingKey: 'q',
        },
        expect.objectContaining({ body: 'packed' }),
        expect.objectContaining({ body: Uint8Array.of(0x7b) }),
      ]);
    }
    expect(broker.messages('no such queue')).toEqual([]);
  });

  test('shows returned messages in their old order', async () => {
    const [connection, channel] = await publisher();
    for (const body of ['a', 'b', 'c']) publish(channel, body);
    await broker.idle();
    await channel.expect('basic.ack');
    const consumer = await connection.channel();
    await consumer.call('basic.qos', { prefetchCount: 2 });
    await consumer.call('basic.consume', { queue: 'q' });
    await consumer.expect('basic.deliver', { text: 'a' });
    await consumer.expect('basic.deliver', { text: 'b' });
    expect(bodies()).toEqual(['c']);
    await consumer.call('channel.close', { replyCode: 200 });
    expect(bodies()).toEqual(['a', 'b', 'c']);
  });
});

describe('idle', () => {
  test('waits for what consumers can take to be answered', async () => {
    const [, channel] = await publisher();
    await channel.call('basic.consume', { queue: 'q' });
    publish(channel, 'one');
    let isIdle = false;
    const idle = broker.idle().then(() => {
      isIdle = true;
    });
    const { deliveryTag } = (await channel.expectOneOf('basic.deliver', 'basic.ack')) as never;
    await channel.expectOneOf('basic.deliver', 'basic.ack');
    expect(isIdle).toBe(false);
    channel.send('basic.ack', { deliveryTag });
    await idle;
  });

  test('says what it waits for, and not for ever', async () => {
    const [, channel] = await publisher();
    await channel.call('basic.consume', { queue: 'q' });
    publish(channel, 'one');
    await expect(broker.idle({ timeout: '20ms' })).rejects.toThrow(
      "the broker is not idle: 'q' has 1 unacknowledged",
    );
  });

  test('does not wait for queues that nobody reads', async () => {
    const [, channel] = await publisher();
    publish(channel, 'one');
    await broker.idle();
    expect(bodies()).toEqual(['one']);
  });
});

describe('a clock that is turned', () => {
  test('does what falls due, in order, with what follows from it', async () => {
    const seen: string[] = [];
    const startMs = broker.clock.now();
    const later = (seconds: number, run: () => void) =>
      broker.clock.after(seconds * 1000, () => {
        seen.push(`${(broker.clock.now() - startMs) / 1000}`);
        run();
      });
    later(20, () => {});
    later(5, () => void Promise.resolve().then(() => later(5, () => {})));
    await broker.advance('30s');
    expect(seen).toEqual(['5', '10', '20']);
    expect(broker.clock.now() - startMs).toBe(30_000);
  });

  test('ends a client that has stopped', async () => {
    const connection = await connect(10);
    await broker.advance('60s');
    await connection.expectEnd();
  });

  test('is only there when asked for', async () => {
    await using real = new MemoryBroker();
    await expect(real.advance(1)).rejects.toThrow("new MemoryBroker({ clock: 'manual' })");
    expect(Math.abs(real.clock.now() - Date.now())).toBeLessThan(1000);
  });
});

describe('faults', () => {
  test('a clean disconnect tells the client, which may come back at once', async () => {
    const [connection, channel] = await publisher();
    publish(channel, 'one');
    await channel.expect('basic.ack');
    broker.disconnect({ reason: 'maintenance' });
    await connection.expectClose(320, 'CONNECTION_FORCED - maintenance', 'none');
    const [, again] = await publisher();
    await again.call('basic.consume', { queue: 'q', noAck: true });
    await again.expect('basic.deliver', { text: 'one' });
  });

  test('a cut tells nobody, and what was unacknowledged is there again', async () => {
    const [connection, channel] = await publisher();
    publish(channel, 'one');
    await channel.expect('basic.ack');
    await channel.call('basic.consume', { queue: 'q' });
    await channel.expect('basic.deliver');
    expect(bodies()).toEqual([]);
    broker.disconnect({ clean: false });
    await connection.expectEnd();
    await broker.idle();
    expect(bodies()).toEqual(['one']);
  });

  test('a stall holds everything, in both directions, and loses nothing', async () => {
    const [, channel] = await publisher();
    const stall = broker.stall();
    publish(channel, 'one');
    const late = broker.connect();
    let isConnected = false;
    void late.then(() => {
      isConnected = true;
    });
    await broker.advance(1);
    expect([bodies(), isConnected]).toEqual([[], false]);
    stall[Symbol.dispose]();
    await channel.expect('basic.ack');
    expect(bodies()).toEqual(['one']);
    (await late).destroy();
  });

  test('a stall that lasts ends in missed heartbeats', async () => {
    const connection = await connect(10);
    const stall = broker.stall();
    await broker.advance(60);
    stall[Symbol.dispose]();
    await connection.expectEnd();
  });

  test('what was said last before a stall arrives after it', async () => {
    const stream = await broker.connect();
    let isClosed = false;
    stream.start({
      data: () => {},
      ended: () => stream.end(),
      closed: () => {
        isClosed = true;
      },
    });
    const stall = broker.stall();
    stream.end();
    await broker.advance(1);
    expect(isClosed).toBe(false);
    stall[Symbol.dispose]();
    await broker.idle();
    expect(isClosed).toBe(true);
  });

  test('a connect that waits for a stall can be given up', async () => {
    using _stall = broker.stall();
    const controller = new AbortController();
    const late = broker.connect({ signal: controller.signal });
    controller.abort(new Error('no time'));
    await expect(late).rejects.toThrow('no time');
  });

  test('a block is told to those who publish, and only then', async () => {
    const [connection, channel] = await publisher();
    publish(channel, 'before');
    await channel.expect('basic.ack');
    const consumer = await connect();
    const block = broker.block('disk is full');
    await connection.expect('connection.blocked', { reason: 'disk is full' });
    publish(channel, 'held');
    channel.send('queue.delete', { queue: 'q' });
    await broker.advance(1);
    expect(bodies()).toEqual(['before']);
    const other = await consumer.channel();
    await other.call('queue.declare', { queue: 'r' });
    block[Symbol.dispose]();
    block[Symbol.dispose]();
    await connection.expect('connection.unblocked');
    await channel.expect('queue.delete-ok', { messageCount: 2 });
    await channel.expect('basic.ack', { deliveryTag: 2 });
  });

  test('blocks add up', async () => {
    const [connection, channel] = await publisher();
    const first = broker.block();
    using _second = broker.block('disk is full');
    publish(channel, 'held');
    await connection.expect('connection.blocked', { reason: 'disk is full' });
    first[Symbol.dispose]();
    await broker.advance(1);
    expect(bodies()).toEqual([]);
  });

  test('consumers are cancelled, and their queue stays', async () => {
    const [, channel] = await publisher();
    const { consumerTag } = await channel.call('basic.consume', { queue: 'q' });
    expect(broker.cancelConsumers('q')).toBe(1);
    await channel.expect('basic.cancel', { consumerTag });
    publish(channel, 'one');
    await channel.expect('basic.ack');
    expect(bodies()).toEqual(['one']);
    expect(broker.cancelConsumers('q')).toBe(0);
  });

  test('a confirm is lost, though the broker has the message', async () => {
    const [, channel] = await publisher();
    broker.dropNextConfirm();
    for (const body of ['one', 'two', 'three']) publish(channel, body);
    await channel.expect('basic.ack', { deliveryTag: 2, multiple: false });
    await channel.expect('basic.ack', { deliveryTag: 3, multiple: false });
    publish(channel, 'four');
    await channel.expect('basic.ack', { deliveryTag: 4, multiple: false });
    expect(bodies()).toEqual(['one', 'two', 'three', 'four']);
  });

  test('several are lost, the ones of other channels counted too', async () => {
    const [connection, channel] = await publisher();
    const other = await connection.channel();
    await other.call('confirm.select');
    broker.dropNextConfirm(2);
    publish(channel, 'one');
    await broker.idle();
    publish(other, 'two');
    await broker.idle();
    publish(other, 'three');
    await other.expect('basic.ack', { deliveryTag: 2, multiple: false });
  });

  test('a disconnect after it comes when the confirm has been lost', async () => {
    broker.dropNextConfirm();
    broker.disconnect({ clean: false });
    const [connection, channel] = await publisher();
    publish(channel, 'one');
    await connection.expectEnd();
    expect(bodies()).toEqual(['one']);
    const [, again] = await publisher();
    publish(again, 'two');
    await again.expect('basic.ack');
  });
});

test('closing says goodbye to whoever is there', async () => {
  const connection = await connect();
  const closed = broker.close();
  await connection.expect('connection.close', { replyCode: 320, replyText: /'shutdown'$/ });
  connection.send('connection.close-ok');
  await closed;
  await expect(broker.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
