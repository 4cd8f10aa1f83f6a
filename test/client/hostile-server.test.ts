// The client against servers that are silent, hang up, or talk nonsense: every promise settles, with an error that says what was
// the matter, and nothing ends the process.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  type Channel,
  ChannelError,
  Connection,
  ConnectionError,
  TimeoutError,
} from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import type { MethodName } from '../../src/protocol/methods.generated.ts';
import { FakeServer } from '../support/fake-server.ts';
import { bodyFrame, frame, headerFrame, methodFrame } from '../support/frames.ts';

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

/** Lets what is on its way arrive. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}

/** A connection whose time stands still until it is turned. */
function connectionTo(server: FakeServer): Connection {
  return new Connection(server, { recovery: { maxRetries: 0 } });
}

describe('the handshake', () => {
  const steps = ['header', 'connection.start-ok', 'connection.open'] as const;

  test.each(steps)('no answer to %s: the attempt ends after connectTimeout', async (step) => {
    const clock = new ManualClock();
    const server = new FakeServer(clock).on(step);
    const failure = failureOf(connectionTo(server).connect());
    await settle();
    clock.advance(10_000);
    expect(await failure).toMatchObject({ code: 'CONNECTION_LOST', recoverable: true });
    await settle();
    expect(server.session.isClosed).toBe(true);
  });

  test.each(steps)('a link that breaks at %s', async (step) => {
    const server = new FakeServer().on(step, ({ session }) => session.cut());
    expect(await failureOf(connectionTo(server).connect())).toMatchObject({
      code: 'CONNECTION_LOST',
    });
  });

  test.each([
    [403, 'ACCESS_REFUSED - Login was refused', 'AUTHENTICATION_FAILED'],
    [530, 'NOT_ALLOWED - vhost none not found', 'VHOST_NOT_FOUND'],
    [530, "NOT_ALLOWED - access to vhost '/' refused for user 'guest'", 'NOT_ALLOWED'],
    [541, 'INTERNAL_ERROR', 'PROTOCOL_ERROR'],
  ])('closed with %i %s', async (replyCode, replyText, code) => {
    const server = new FakeServer().on('connection.open', ({ answer }) =>
      answer({ name: 'connection.close', replyCode, replyText, classId: 10, methodId: 40 }),
    );
    const failure = await failureOf(connectionTo(server).connect());
    expect(failure).toBeInstanceOf(ConnectionError);
    expect(failure).toMatchObject({ code, replyCode, replyText });
  });

  test('a server of another protocol', async () => {
    const server = new FakeServer().on('header', ({ session }) =>
      session.raw(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    expect(await failureOf(connectionTo(server).connect())).toMatchObject({
      code: 'PROTOCOL_ERROR',
    });
  });

  test('frames smaller than AMQP allows', async () => {
    const server = new FakeServer().on('connection.start-ok', ({ answer }) =>
      answer({ name: 'connection.tune', channelMax: 1, frameMax: 100, heartbeat: 0 }),
    );
    expect(await failureOf(connectionTo(server).connect())).toMatchObject({
      code: 'PROTOCOL_ERROR',
    });
  });

  test('a signal ends the attempt with its reason', async () => {
    const server = new FakeServer().on('connection.open');
    const controller = new AbortController();
    const failure = failureOf(connectionTo(server).connect({ signal: controller.signal }));
    await settle();
    controller.abort(new Error('enough'));
    expect(await failure).toMatchObject({ message: 'enough' });
  });
});

/** Every call of a channel, and the method that asks. */
const calls: [MethodName, (channel: Channel) => Promise<unknown>][] = [
  ['exchange.declare', (channel) => channel.exchangeDeclare('e', 'fanout')],
  ['exchange.delete', (channel) => channel.exchangeDelete('e')],
  ['exchange.bind', (channel) => channel.exchangeBind('d', 's')],
  ['exchange.unbind', (channel) => channel.exchangeUnbind('d', 's')],
  ['queue.declare', (channel) => channel.queueDeclare('q')],
  ['queue.bind', (channel) => channel.queueBind('q', 'e')],
  ['queue.unbind', (channel) => channel.queueUnbind('q', 'e')],
  ['queue.purge', (channel) => channel.queuePurge('q')],
  ['queue.delete', (channel) => channel.queueDelete('q')],
  ['basic.qos', (channel) => channel.basicQos({ prefetchCount: 1 })],
  ['basic.get', (channel) => channel.basicGet('q')],
  ['basic.consume', (channel) => channel.basicConsume('q', () => {})],
  ['basic.cancel', (channel) => channel.basicCancel('tag')],
  ['basic.recover', (channel) => channel.basicRecover()],
  ['confirm.select', (channel) => channel.confirmSelect()],
  ['tx.select', (channel) => channel.txSelect()],
  ['tx.commit', (channel) => channel.txCommit()],
  ['tx.rollback', (channel) => channel.txRollback()],
];

describe.each(calls)('%s', (name, call) => {
  test('is never answered: times out', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock).on(name);
    const channel = await connectionTo(server).channel();
    const failure = failureOf(call(channel));
    await settle();
    clock.advance(30_000);
    expect(await failure).toBeInstanceOf(TimeoutError);
  });

  test('the link breaks instead of an answer', async () => {
    const server = new FakeServer().on(name, ({ session }) => session.cut());
    const channel = await connectionTo(server).channel();
    expect(await failureOf(call(channel))).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(channel.isOpen).toBe(false);
  });

  test('the channel closes instead of an answer', async () => {
    const server = new FakeServer().on(name, ({ answer }) =>
      answer({
        name: 'channel.close',
        replyCode: 404,
        replyText: 'NOT_FOUND - no',
        classId: 50,
        methodId: 10,
      }),
    );
    const channel = await connectionTo(server).channel();
    const failure = await failureOf(call(channel));
    expect(failure).toBeInstanceOf(ChannelError);
    expect(failure).toMatchObject({ code: 'NOT_FOUND', method: 'queue.declare' });
    // And so do later calls, at once.
    expect(await failureOf(channel.queueDeclare('q'))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('the connection closes instead of an answer', async () => {
    const server = new FakeServer().on(name, ({ session }) =>
      session.send(0, {
        name: 'connection.close',
        replyCode: 320,
        replyText: 'CONNECTION_FORCED - going down',
        classId: 0,
        methodId: 0,
      }),
    );
    const channel = await connectionTo(server).channel();
    expect(await failureOf(call(channel))).toMatchObject({ code: 'CONNECTION_FORCED' });
    await settle();
    expect(server.sessions[0]!.received).toContain('connection.close-ok');
  });

  test('another answer than the one that was asked for', async () => {
    const server = new FakeServer().on(name, ({ answer }) =>
      answer({ name: 'access.request-ok', ticket: 1 }),
    );
    const channel = await connectionTo(server).channel();
    expect(await failureOf(call(channel))).toMatchObject({ code: 'PROTOCOL_ERROR' });
  });
});

describe('nonsense on an open connection', () => {
  const text = new TextEncoder().encode('x');
  const nonsense: [string, Uint8Array][] = [
    ['a frame type that there is not', frame(9, 0, text)],
    ['a frame without its end', frame(1, 0, text, { end: 0 })],
    ['a frame that is larger than agreed', frame(1, 1, text, { size: 0x7fff_ffff })],
    ['a frame for a channel that is not open', methodFrame(77, { name: 'basic.get-empty' })],
    ['a method that a server does not send', methodFrame(1, { name: 'tx.select' })],
    ['a method that there is not', frame(1, 1, Uint8Array.of(0, 60, 0, 200))],
    ['a method that is cut off', frame(1, 1, Uint8Array.of(0, 60, 0, 60, 9))],
    ['a body that nothing announced', bodyFrame(1, text)],
    ['a header that nothing announced', headerFrame(1, 10)],
    ['an answer that nobody asked for', methodFrame(1, { name: 'queue.bind-ok' })],
    ['the handshake once more', methodFrame(0, { name: 'connection.open-ok' })],
    ['content on channel 0', bodyFrame(0, text)],
    [
      'a confirm of what was never sent',
      methodFrame(1, { name: 'basic.ack', deliveryTag: 7, multiple: false }),
    ],
  ];

  test.each(nonsense)('%s', async (_what, bytes) => {
    const server = new FakeServer().on('basic.get');
    const connection = connectionTo(server);
    const channel = await connection.channel();
    const failure = failureOf(channel.basicGet('q'));
    await settle();
    server.session.raw(bytes);
    expect(await failure).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await settle();
    expect(server.sessions[0]!.received).toContain('connection.close');
  });

  test('a delivery for a consumer that nobody knows is left alone', async () => {
    const server = new FakeServer();
    const channel = await connectionTo(server).channel();
    server.session.deliver(channel.id, 'stranger', 1, 'hello');
    await settle();
    expect(channel.isOpen).toBe(true);
  });
});

describe('a link that is half open', () => {
  test('is given up after two silent heartbeats', async () => {
    const clock = new ManualClock();
    const server = new FakeServer(clock).on('basic.get');
    const connection = new Connection(server, { heartbeat: 10, recovery: { maxRetries: 0 } });
    const channel = await connection.channel();
    const failure = failureOf(channel.basicGet('q', { timeout: '10m' }));
    const lost: unknown[] = [];
    connection.on('disconnected', ({ error }) => lost.push(error.code));
    await settle();
    server.refusals.push(new Error('gone'));
    // One interval for what came in it, two of silence.
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      await settle();
    }
    expect(lost[0]).toBe('HEARTBEAT_TIMEOUT');
    expect(await failure).toMatchObject({ code: 'HEARTBEAT_TIMEOUT' });
  });
});
