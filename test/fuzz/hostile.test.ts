// What a bad client may try, by name. After each, the broker serves others as before and keeps nothing.
import { connect as connectSocket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { BrokerOptions } from '../../src/broker/broker.ts';
import type { Method } from '../../src/protocol/methods.generated.ts';
import {
  bodyFrame,
  concat,
  FrameType,
  frame,
  headerFrame,
  headerPayload,
  heartbeatFrame,
  methodFrame,
  protocolHeader,
} from '../support/frames.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import { usualCapabilities } from '../support/wire-connection.ts';
import { method, table } from '../support/wire-methods.ts';
import { nestedTables } from './frames.ts';
import { MIB, Stage, settle, turns, until } from './stage.ts';

/** Deliveries to a connection stop above this (output.ts), and with all it has written above that. */
const CONGESTED_ABOVE_BYTES = MIB;
const FLOODED_ABOVE_BYTES = 32 * MIB;
/** What one turn may add before the broker looks: the answers to what one read brings. */
const SLACK_BYTES = 256 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const CHUNK_BYTES = 64 * 1024;

async function stage(options: Partial<BrokerOptions> = {}): Promise<Stage> {
  const started = await new Stage(options).start();
  onTestFinished(() => started.stop());
  return started;
}

const latin1 = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Everything a client says until it is in a vhost, without waiting for answers. */
function greeting(capabilities: Record<string, boolean> = usualCapabilities): Uint8Array {
  const startOk = method('connection.start-ok', {
    clientProperties: { capabilities: table(capabilities) },
    mechanism: 'PLAIN',
    response: '\0guest\0guest',
    locale: 'en_US',
  });
  const tuneOk = method('connection.tune-ok', { channelMax: 2047, frameMax: 131_072 });
  const open = method('connection.open', { virtualHost: '/' });
  return concat(protocolHeader, ...[startOk, tuneOk, open].map((each) => methodFrame(0, each)));
}

/** A client that counts what comes and looks no further; it stops reading when told, and never closes by itself. */
class RawClient {
  receivedBytes = 0;
  received = new Uint8Array(0);
  hasEnded = false;
  isClosed = false;
  /** Sent, and not read by the broker yet. */
  untakenBytes = 0;
  readonly #transport: ReturnType<Stage['dial']>;

  constructor(on: Stage, { keep = false } = {}) {
    this.#transport = on.dial();
    this.#transport.start({
      data: (block, at, end) => {
        this.receivedBytes += end - at;
        if (keep)
          this.received = concat(this.received, block.bytes.slice(at, end)) as typeof this.received;
      },
      ended: () => {
        this.hasEnded = true;
      },
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  send(...parts: readonly Uint8Array[]): void {
    const bytes = concat(...parts);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.slice(at, at + CHUNK_BYTES);
      this.untakenBytes += chunk.length;
      this.#transport.write(chunk, () => {
        this.untakenBytes -= chunk.length;
      });
    }
  }

  call(channel: number, ...methods: readonly Method[]): void {
    this.send(...methods.map((each) => methodFrame(channel, each)));
  }

  stopReading(): void {
    this.#transport.pause();
  }
  readAgain(): void {
    this.#transport.resume();
  }
  destroy(): void {
    this.#transport.destroy();
  }
}

/** A raw client with channel 1 open. */
function rawClient(on: Stage, capabilities?: Record<string, boolean>): RawClient {
  const client = new RawClient(on);
  client.send(greeting(capabilities), methodFrame(1, method('channel.open')));
  return client;
}

/** Somebody who behaves is served. */
async function expectService(on: Stage): Promise<void> {
  const connection = await on.wire().handshake();
  const channel = await connection.channel();
  await channel.call('confirm.select');
  const queue = await channel.queue();
  channel.publish({ routingKey: queue, body: 'hello' });
  await channel.expect('basic.ack');
  await channel.call('basic.get', { queue, noAck: true });
  await connection.close();
}

async function expectNothingLeft(on: Stage): Promise<void> {
  await until(() => on.server.connectionCount === 0);
  expect(on.broker.store.usedBytes).toBe(MIB);
  expect(on.logged.filter((line) => line.includes('internal error'))).toEqual([]);
}

async function publisher(on: Stage): Promise<WireChannel> {
  const channel = await (await on.wire().handshake()).channel();
  await channel.call('confirm.select');
  return channel;
}

// --- before the handshake is over

test.each([
  ['another version', latin1('AMQP\x00\x01\x00\x00'), /unsupported protocol version/],
  ['another protocol', latin1('HELO example.org\r\n'), /does not speak AMQP/],
  ['a TLS hello', latin1('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), /a TLS client/],
  ['an HTTP request', latin1('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /an HTTP client/],
])('%s is answered with AMQP 0 0 9 1, logged, and the socket closed', async (_, bytes, why) => {
  const on = await stage();
  const client = new RawClient(on, { keep: true });
  client.send(bytes);
  await settle();
  expect([...client.received]).toEqual([...protocolHeader]);
  expect(client.hasEnded).toBe(true);
  expect(on.logged.join('\n')).toMatch(why);
  // It does not close its side: the broker does not wait for that for ever.
  await on.outwait();
  await expectNothingLeft(on);
});

test.each([
  ['nothing', new Uint8Array(0)],
  ['half a header', protocolHeader.subarray(0, 5)],
  ['the header', protocolHeader],
  ['half a frame', concat(protocolHeader, greeting().subarray(8, 40))],
  ['start-ok', greeting().subarray(0, greeting().length - 40)],
])('a client that stops after %s is dropped after ten seconds', async (_, bytes) => {
  const on = await stage();
  const client = new RawClient(on);
  client.send(bytes);
  await settle();
  on.clock.advance(HANDSHAKE_TIMEOUT_MS - 1);
  await settle();
  expect(on.server.connectionCount).toBe(1);
  on.clock.advance(1);
  await settle();
  expect(client.isClosed || client.hasEnded).toBe(true);
  await expectNothingLeft(on);
});

test('a handshake that drips in is dropped after ten seconds all the same', async () => {
  const on = await stage();
  const client = new RawClient(on);
  for (const octet of greeting().subarray(0, 25)) {
    client.send(Uint8Array.of(octet));
    on.clock.advance(500);
    await turns(3);
  }
  await settle();
  await expectNothingLeft(on);
});

test('content on channel 0 is refused before any of its body is kept', async () => {
  for (const opening of [protocolHeader, greeting()]) {
    const on = await stage();
    const client = new RawClient(on, { keep: true });
    client.send(opening);
    client.call(0, method('basic.publish'));
    client.send(headerFrame(0, 2 ** 53 - 1));
    for (let i = 0; i < 200; i++) client.send(bodyFrame(0, new Uint8Array(CHUNK_BYTES)));
    await settle();
    // connection.close, 504 or 505.
    const text = Buffer.from(client.received).toString('latin1');
    expect(text).toMatch(/CHANNEL_ERROR|UNEXPECTED_FRAME/);
    client.destroy();
    await expectNothingLeft(on);
  }
});

test('a client that says goodbye and keeps its socket open is dropped in time', async () => {
  const on = await stage();
  const client = rawClient(on);
  client.call(0, method('connection.close', { replyCode: 200 }));
  await settle();
  expect(client.hasEnded).toBe(true);
  await on.outwait();
  await expectNothingLeft(on);
});

test('a client that does not answer the broker’s close is dropped in time', async () => {
  const on = await stage();
  const client = rawClient(on);
  client.call(1, method('channel.open'));
  await settle();
  expect(on.server.connectionCount).toBe(1);
  await on.outwait();
  expect(client.isClosed || client.hasEnded).toBe(true);
  await expectNothingLeft(on);
});

// --- channels, frames, tables

test('two thousand channels, each with a consumer, work and leave nothing behind', async () => {
  const on = await stage();
  const connection = await on.wire().handshake();
  const first = await connection.channel();
  const queue = await first.queue({ exclusive: false });
  for (let number = 2; number <= 2047; number++) {
    await (await connection.channel(number)).call('basic.consume', { queue, noAck: true });
  }
  connection.unopened(2048).send('channel.open');
  const tooMany = /number of channels opened \(2047\) has reached/;
  await connection.expectClose(530, tooMany, 'none');
  on.vhost.deleteQueue(on.vhost.requireQueue(queue, {}));
  await expectNothingLeft(on);
});

test('a method on a channel that was never opened, or is closed, is 504', async () => {
  const on = await stage();
  for (const closed of [false, true]) {
    const connection = await on.wire().handshake();
    const channel = closed ? await connection.channel(7) : connection.unopened(7);
    if (closed) await channel.close();
    channel.send('basic.qos');
    await connection.expectClose(504, /expected 'channel.open'/);
  }
  await expectNothingLeft(on);
});

test.each([
  ['a wrong end octet', heartbeatFrame().fill(0, 7), 501],
  ['a size of 4 GiB', frame(FrameType.METHOD, 1, new Uint8Array(4), { size: 0xffff_ffff }), 501],
  ['an unknown type', frame(77, 1, new Uint8Array(4)), 501],
  ['a heartbeat on a channel', heartbeatFrame(1), 505],
  ['a body before its method', bodyFrame(1, new Uint8Array(4)), 505],
  ['a header before its method', headerFrame(1, 4), 505],
])('%s is the end of the connection, with the right code', async (_, bytes, code) => {
  const on = await stage();
  const connection = await on.wire().handshake();
  await connection.channel();
  connection.write(bytes);
  await connection.expect('connection.close', { replyCode: code });
  connection.destroy();
  await expectService(on);
  await expectNothingLeft(on);
});

test('tables nested 128 deep are taken, deeper ones refused, whatever their depth', async () => {
  const on = await stage();
  const connection = await on.wire().handshake();
  const channel = await connection.channel();
  connection.write(nestedTables(1, 128, 'closed'));
  await channel.expect('queue.declare-ok');
  connection.destroy();
  for (const [depth, end] of [
    [130, 'closed'],
    [18_000, 'closed'],
    [10, 'cut'],
    [18_000, 'cut'],
  ] as const) {
    const bad = await on.wire().handshake();
    await bad.channel();
    bad.write(nestedTables(1, depth, end));
    const { replyCode } = await bad.expect('connection.close');
    expect([501, 502]).toContain(replyCode);
    bad.destroy();
  }
  await expectService(on);
  await expectNothingLeft(on);
});

test('a broken frame, however large, is a short line in the log', async () => {
  const on = await stage();
  for (const bytes of [
    frame(99, 1, new Uint8Array(131_000)),
    frame(
      FrameType.METHOD,
      1,
      concat(Uint8Array.of(0, 50, 0, 10), new Uint8Array(131_000).fill(255)),
    ),
    nestedTables(1, 18_000, 'cut'),
  ]) {
    const client = rawClient(on);
    client.send(bytes);
    await settle();
    client.destroy();
  }
  await expectNothingLeft(on);
  expect(Math.max(...on.logged.map((line) => line.length))).toBeLessThan(2000);
});

// --- bodies

test('a body announced as 2^60 bytes is refused from its header, and the channel can be opened again', async () => {
  const on = await stage();
  const header = headerPayload(0);
  new DataView(header.buffer).setUint32(4, 2 ** 28);
  const connection = await on.wire().handshake();
  const refused = await connection.channel();
  refused.send('basic.publish', { routingKey: 'anywhere' });
  connection.write(frame(FrameType.HEADER, refused.number, header));
  // What is on its way already is thrown away.
  connection.write(bodyFrame(refused.number, new Uint8Array(CHUNK_BYTES)));
  await refused.expectClose(
    406,
    /message size \d+ is larger than configured max size 16777216/,
    'basic.publish',
  );
  await refused.open();
  await refused.expectNothing();
  expect(on.broker.store.usedBytes).toBe(MIB);
});

test('16 MiB are taken; a byte more is refused, and the channel can be opened again', async () => {
  const on = await stage();
  const channel = await publisher(on);
  const queue = await channel.queue();
  channel.publish({ routingKey: queue, body: new Uint8Array(16 * MIB) });
  await channel.expect('basic.ack');
  channel.publish({ routingKey: queue, body: new Uint8Array(16 * MIB + 1) });
  await channel.expectClose(
    406,
    'PRECONDITION_FAILED - message size 16777217 is larger than configured max size 16777216',
  );
  await channel.open();
  expect(await channel.call('queue.declare', { queue, passive: true })).toMatchObject({
    messageCount: 1,
  });
  await channel.call('queue.purge', { queue });
  expect(on.broker.store.usedBytes).toBe(MIB);
});

// --- clients that do not read, or do not stop

test('a consumer that never reads holds publishers back, and nothing grows', async () => {
  const limit = 8 * MIB;
  const on = await stage({ memoryLimitBytes: limit });
  const consumer = rawClient(on);
  consumer.call(
    1,
    method('queue.declare', { queue: 'stuck' }),
    method('basic.consume', { queue: 'stuck', noAck: true }),
  );
  await settle();
  consumer.stopReading();

  const connection = await on.wire().handshake();
  const channel = await connection.channel();
  const body = new Uint8Array(CHUNK_BYTES);
  const count = 512;
  for (let i = 0; i < count; i++) {
    channel.publish({ routingKey: 'stuck', body });
    if (i % 8 === 0) await turns(2);
  }
  await connection.expect('connection.blocked', { reason: 'low on memory' });
  await settle();
  expect(on.network.unreadBytes).toBeLessThan(CONGESTED_ABOVE_BYTES + SLACK_BYTES);
  expect(on.broker.store.usedBytes).toBeLessThan(limit + 2 * MIB);

  consumer.readAgain();
  await connection.expect('connection.unblocked');
  await until(() => consumer.receivedBytes > count * body.length);
  await channel.expectNothing();
  expect(on.vhost.queue('stuck')?.readyCount).toBe(0);
  expect(on.network.unreadBytes).toBe(0);
});

test('a publisher that does not know connection.blocked is held back without a word', async () => {
  const on = await stage({ memoryLimitBytes: 4 * MIB });
  const client = rawClient(on, {});
  client.call(1, method('queue.declare', { queue: 'full' }));
  await settle();
  const before = client.receivedBytes;
  const publish = concat(
    methodFrame(1, method('basic.publish', { routingKey: 'full' })),
    headerFrame(1, CHUNK_BYTES),
    bodyFrame(1, new Uint8Array(CHUNK_BYTES)),
  );
  for (let i = 0; i < 256; i++) client.send(publish);
  await settle();
  await settle();
  expect(client.receivedBytes).toBe(before);
  expect(client.untakenBytes).toBeGreaterThan(8 * MIB);
  expect(on.broker.store.usedBytes).toBeLessThan(6 * MIB);
  // Others are served, as long as they do not publish.
  const other = await (await on.wire().handshake()).channel();
  await other.call('queue.purge', { queue: 'full' });
  await until(() => client.untakenBytes === 0 || on.broker.alarms.memory.isRaised);
  await other.call('queue.delete', { queue: 'full' });
});

test('a client that asks and asks and reads no answer is not read any more', async () => {
  const on = await stage();
  const client = rawClient(on);
  await settle();
  client.stopReading();
  const ask = methodFrame(1, method('basic.cancel', { consumerTag: 't'.repeat(255) }));
  const asks = 220_000;
  const answerBytes = ask.length - 1;
  const some = concat(...new Array<Uint8Array>(1000).fill(ask));
  const already = client.receivedBytes;
  for (let i = 0; i < asks / 1000; i++) {
    client.send(some);
    if (i % 20 === 0) await settle();
  }
  await settle();
  expect(on.network.unreadBytes).toBeGreaterThan(FLOODED_ABOVE_BYTES);
  expect(on.network.unreadBytes).toBeLessThan(FLOODED_ABOVE_BYTES + SLACK_BYTES);
  expect(client.untakenBytes).toBeGreaterThan(8 * MIB);
  await expectService(on);

  // It gets all its answers once it reads.
  client.readAgain();
  await until(() => client.receivedBytes - already >= asks * answerBytes);
  expect(client.receivedBytes - already).toBe(asks * answerBytes);
  client.destroy();
  await expectNothingLeft(on);
});

test('a client that publishes and reads no confirm is not read any more', async () => {
  const on = await stage();
  const client = rawClient(on);
  client.call(1, method('confirm.select'));
  await settle();
  client.stopReading();
  // Almost to the limit with answers, which are longer than confirms.
  const ask = methodFrame(1, method('basic.cancel', { consumerTag: 't'.repeat(255) }));
  const asks = Math.floor((FLOODED_ABOVE_BYTES - 4096) / (ask.length - 1));
  client.send(concat(...new Array<Uint8Array>(asks).fill(ask)));
  await settle();
  const publish = concat(
    methodFrame(1, method('basic.publish', { routingKey: 'nowhere' })),
    headerFrame(1, 0),
  );
  const confirmBytes = 21;
  for (let i = 0; i < (4 * 4096) / confirmBytes; i++) {
    client.send(publish);
    await turns(4);
  }
  expect(on.network.unreadBytes).toBeLessThan(FLOODED_ABOVE_BYTES + 2 * confirmBytes);
  expect(client.untakenBytes).toBeGreaterThan(0);
  client.destroy();
  await expectNothingLeft(on);
});

test('large messages fetched and not read stop at the limit', async () => {
  const on = await stage();
  const filler = await publisher(on);
  const queue = await filler.queue({ exclusive: false });
  for (let i = 0; i < 6; i++) {
    filler.publish({ routingKey: queue, body: new Uint8Array(15 * MIB) });
    await filler.expect('basic.ack');
  }
  const client = rawClient(on);
  await settle();
  client.stopReading();
  client.call(1, ...new Array<Method>(6).fill(method('basic.get', { queue })));
  await settle();
  // The one that went beyond it, and the one that noticed.
  expect(on.network.unreadBytes).toBeLessThan(FLOODED_ABOVE_BYTES + 2 * 15 * MIB);
  client.destroy();
  await settle();
  // What it never read goes back.
  expect(on.vhost.queue(queue)?.readyCount).toBe(6);
  await filler.call('queue.delete', { queue });
});

test('bodies that are begun on many channels and never ended are the end of the connection', async () => {
  const on = await stage({ maxMessageBytes: 2 * MIB });
  const connection = await on.wire().handshake();
  const body = new Uint8Array(CHUNK_BYTES);
  for (let number = 1; number <= 40; number++) {
    const channel = await connection.channel(number).catch(() => undefined);
    if (!channel) break;
    channel.send('basic.publish', { routingKey: 'nowhere' });
    connection.write(headerFrame(number, 2 * MIB));
    for (let sent = 0; sent < MIB; sent += body.length) connection.write(bodyFrame(number, body));
  }
  await connection.expect('connection.close', { replyCode: 506 });
  connection.destroy();
  await expectService(on);
  await expectNothingLeft(on);
});

test('bodies that are begun and not ended count as memory in use', async () => {
  const on = await stage({ memoryLimitBytes: 8 * MIB });
  const connection = await on.wire().handshake();
  const body = new Uint8Array(CHUNK_BYTES);
  for (let number = 1; number <= 12; number++) {
    const channel = await connection.channel(number).catch(() => undefined);
    if (!channel) break;
    channel.send('basic.publish', { routingKey: 'nowhere' });
    connection.write(headerFrame(number, 2 * MIB));
    for (let sent = 0; sent < MIB; sent += body.length) connection.write(bodyFrame(number, body));
    await turns(4);
    if (on.broker.alarms.memory.isRaised) break;
  }
  await connection.expect('connection.blocked');
  connection.destroy();
  await on.outwait();
  expect(on.broker.alarms.memory.isRaised).toBe(false);
  await expectNothingLeft(on);
});

test('a client that half-closes, with deliveries it does not read, has gone', async () => {
  const on = await stage();
  const socket = connectSocket({ port: on.tcpPort, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.pause();
  socket.write(greeting());
  for (const each of [
    method('channel.open'),
    method('queue.declare', { queue: 'mine', exclusive: true }),
    method('basic.consume', { queue: 'mine' }),
  ]) {
    socket.write(methodFrame(1, each));
  }
  await until(() => on.vhost.queue('mine')?.consumerCount === 1);
  const filler = await publisher(on);
  for (let i = 0; i < 16; i++) {
    filler.publish({ routingKey: 'mine', body: new Uint8Array(MIB) });
    await filler.expect('basic.ack');
  }
  socket.end();
  // Its exclusive queue goes with it, and others may have the name.
  await until(() => on.vhost.queue('mine') === undefined);
  expect(on.server.connectionCount).toBe(1);
});

// --- much of what is allowed

test('headers and binding arguments by the thousand take no time to speak of', async () => {
  const on = await stage();
  const channel = await publisher(on);
  const queue = await channel.queue();
  const named = (prefix: string) =>
    table(Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [prefix + i, null])));
  await channel.call('queue.bind', { queue, exchange: 'amq.headers', arguments: named('a') });
  const any = named('a').with('x-match', { type: 'S', value: 'any' });
  await channel.call('queue.bind', { queue, exchange: 'amq.headers', arguments: any });
  const before = process.cpuUsage();
  for (const [headers, arrives] of [
    [named('a'), true],
    [named('b'), false],
  ] as const) {
    for (let i = 0; i < 5; i++) {
      channel.publish({ exchange: 'amq.headers', mandatory: true, properties: { headers } });
      if (!arrives) await channel.expect('basic.return');
      await channel.expect('basic.ack');
    }
  }
  // Comparing each with each would take ten seconds and more; those of a processor that others do not use meanwhile.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000);
  await channel.call('queue.delete', { queue });
});

test('a chain of 20,000 auto-delete exchanges goes link by link', async () => {
  const on = await stage();
  const client = rawClient(on);
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    const exchange = `link-${i}`;
    client.call(
      1,
      method('exchange.declare', { exchange, type: 'fanout', autoDelete: true, noWait: true }),
    );
    if (i === 0) continue;
    const source = `link-${i - 1}`;
    client.call(1, method('exchange.bind', { source, destination: exchange, noWait: true }));
  }
  await until(() => on.vhost.exchange(`link-${count - 1}`) !== undefined);
  await settle();
  // The last link goes, so the one before loses its only binding and goes too, and so on.
  client.call(1, method('exchange.delete', { exchange: `link-${count - 1}`, noWait: true }));
  await settle();
  expect(on.logged.filter((line) => line.startsWith('error'))).toEqual([]);
  expect(on.vhost.exchange('link-0')).toBeUndefined();
  client.destroy();
  await expectNothingLeft(on);
});

test('close() twice at once is close() once', async () => {
  const on = await new Stage().start();
  rawClient(on);
  await settle();
  const both = Promise.all([on.server.close(), on.server.close()]);
  await on.outwait();
  await both;
  expect(on.server.connectionCount).toBe(0);
});
