// AMQP over WebSocket with a client of somebody else's: what is on the wire is not only what ours takes it for.
import { AMQPWebSocketClient } from '@cloudamqp/amqp-client/amqp-websocket-client';
import { Connection } from 'leveret';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';

/** Node 20 has no WebSocket of its own. */
const lacking = globalThis as { WebSocket?: unknown };
const own = lacking.WebSocket;

let broker: RunningBroker;
beforeAll(async () => {
  lacking.WebSocket ??= WebSocket;
  broker = await startBroker({ port: 0, webSocket: { port: 0 } });
});
afterAll(async () => {
  await broker.close();
  if (own) lacking.WebSocket = own;
  else delete lacking.WebSocket;
});

/** Users and passwords are AMQP's affair; amqp-client takes them apart from the URL. */
const client = () =>
  new AMQPWebSocketClient({ url: plainUrl(broker.webSocketUrl!), frameMax: 8192 });

function plainUrl(url: string): string {
  const { host, pathname } = new URL(url);
  return `ws://${host}${pathname}`;
}

describe('@cloudamqp/amqp-client over WebSocket', () => {
  test('publishes with confirms and consumes, small and large', async () => {
    const connection = await client().connect();
    const channel = await connection.channel();
    await channel.confirmSelect();
    await channel.queueDeclare('web', { durable: false });
    const received: string[] = [];
    let whenAll = () => {};
    const all = new Promise<void>((resolve) => {
      whenAll = resolve;
    });
    await channel.basicConsume('web', { noAck: true }, (message) => {
      received.push(message.bodyString() ?? '');
      if (received.length === 2) whenAll();
    });
    const bodies = ['small', 'x'.repeat(300_000)];
    for (const body of bodies) await channel.basicPublish('', 'web', body);
    await all;
    expect(received).toEqual(bodies);
    await connection.close();
  });

  test('is one broker with TCP', async () => {
    const { AMQPClient } = await import('@cloudamqp/amqp-client');
    const [web, tcp] = await Promise.all([
      client().connect(),
      new AMQPClient(broker.url).connect(),
    ]);
    const [fromWeb, fromTcp] = [await web.channel(), await tcp.channel()];
    await fromTcp.queueDeclare('shared', { durable: false });
    await fromWeb.basicPublish('', 'shared', 'across');
    await web.close();
    const message = await fromTcp.basicGet('shared');
    expect(message?.bodyString()).toBe('across');
    await tcp.close();
  });
});

describe('our own client over WebSocket', () => {
  test('publishes and consumes bodies of many frames, cut anywhere', async () => {
    const connection = new Connection(broker.webSocketUrl!);
    const bodies = [1, 131_064, 131_065, 3_000_000].map((length) =>
      Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
    );
    for (const body of bodies) await connection.publish('web-own', body);
    const received: number[] = [];
    for await (const message of connection.consume('web-own')) {
      const expected = bodies[received.length]!;
      expect(Buffer.compare(message.raw, expected)).toBe(0);
      received.push(message.raw.length);
      await message.ack();
      if (received.length === bodies.length) break;
    }
    await connection.close();
  });

  test('is told of a wrong password', async () => {
    const { host } = new URL(broker.webSocketUrl!);
    const connection = new Connection(`ws://guest:wrong@${host}/`);
    await expect(connection.connect()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    await connection.close();
  });
});

test('a broker without a WebSocket port has none', async () => {
  const plain = await startBroker({ port: 0 });
  expect(plain.webSocketUrl).toBeUndefined();
  await plain.close();
  await expect(startBroker({ port: 0, webSocket: { port: 70_000 } })).rejects.toThrow(
    'webSocket.port must be an integer from 0 to 65535, not 70000',
  );
});

test('a WebSocket port that is taken leaves nothing listening', async () => {
  const { port } = new URL(broker.webSocketUrl!);
  await expect(startBroker({ port: 0, webSocket: { port: Number(port) } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    port: Number(port),
  });
});

test('where AMQP is spoken WebSockets are accepted, too', async () => {
  const listeners = [{ host: '127.0.0.2', port: 0 }];
  const elsewhere = await startBroker({ listeners, webSocket: { port: 0 } });
  expect(new URL(elsewhere.webSocketUrl!).hostname).toBe('127.0.0.2');
  await elsewhere.close();
});
