import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { Listener, Transport } from '../platform/transport.ts';
import { READ_HEADROOM_BYTES } from '../platform/transport.ts';
import { type WebSocketOptions, webSocketNetwork } from './web-socket-network.ts';

const MIB = 1024 * 1024;
const pattern = (length: number) => Buffer.alloc(length, 'abcdefghijklmnopqrstuvw');

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

interface Server {
  readonly listener: Listener;
  readonly url: string;
  accepted(): Promise<Transport>;
}

async function listen(options?: WebSocketOptions): Promise<Server> {
  const waiting: Transport[] = [];
  let tell = () => {};
  const listener = await webSocketNetwork(options).listen(
    { host: '127.0.0.1', port: 0 },
    (transport) => {
      waiting.push(transport);
      cleanUp.push(() => transport.destroy());
      tell();
    },
  );
  cleanUp.push(() => listener.close());
  return {
    listener,
    url: `ws://127.0.0.1:${listener.local.port}/`,
    async accepted() {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
      return waiting.shift()!;
    },
  };
}

async function open(options?: WebSocketOptions): Promise<[Transport, WebSocket]> {
  const server = await listen(options);
  const peer = new WebSocket(server.url, 'amqp');
  cleanUp.push(() => peer.terminate());
  await once(peer, 'open');
  return [await server.accepted(), peer];
}

/** Collects what a transport reads. */
function reading(transport: Transport) {
  const chunks: Buffer[] = [];
  const events: string[] = [];
  let wake = () => {};
  transport.start({
    data(block, at, end) {
      expect(at).toBeGreaterThanOrEqual(READ_HEADROOM_BYTES);
      chunks.push(Buffer.from(block.bytes.slice(at, end)));
      block.bytes.fill(0xaa, at - READ_HEADROOM_BYTES, at);
      wake();
    },
    ended: () => void events.push('ended'),
    closed() {
      events.push('closed');
      wake();
    },
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    events,
    get bytes() {
      return Buffer.concat(chunks);
    },
    bytesAre: (length: number) =>
      until(() => chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= length),
    closed: () => until(() => events.includes('closed')),
  };
}

describe('bytes', () => {
  test('come in whole and in order, however they are cut', async () => {
    const [transport, peer] = await open();
    const seen = reading(transport);
    const bytes = pattern(3 * MIB);
    for (let at = 0; at < bytes.length; at += 300_007) peer.send(bytes.subarray(at, at + 300_007));
    await seen.bytesAre(bytes.length);
    expect(seen.bytes.equals(bytes)).toBe(true);
  });

  test('go out whole and in order, and come back to their owner', async () => {
    const [transport, peer] = await open();
    reading(transport);
    const bytes = pattern(2 * MIB);
    const chunks: Buffer[] = [];
    peer.on('message', (data) => chunks.push(data as Buffer));
    await new Promise<void>((resolve) => {
      let owed = 0;
      for (let at = 0; at < bytes.length; at += 65_536) {
        owed += 1;
        transport.write(bytes.subarray(at, at + 65_536), () => {
          owed -= 1;
          if (owed === 0) resolve();
        });
      }
    });
    transport.end();
    await once(peer, 'close');
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test('that came before somebody listens, or while reading is paused, wait', async () => {
    const [transport, peer] = await open();
    peer.send(pattern(10));
    const ping = once(peer, 'pong');
    peer.ping();
    const seen = reading(transport);
    await seen.bytesAre(10);
    await ping;
    transport.pause();
    peer.send(pattern(200_000));
    transport.write(Uint8Array.of(1), () => {});
    await once(peer, 'message');
    expect(seen.bytes.length).toBe(10);
    transport.resume();
    await seen.bytesAre(200_010);
  });
});

describe('the end', () => {
  test('a peer that closes is gone, and what it sent was read', async () => {
    const [transport, peer] = await open();
    const seen = reading(transport);
    peer.send(pattern(1000));
    peer.close();
    await seen.closed();
    expect([seen.bytes.length, seen.events]).toEqual([1000, ['closed']]);
    let isWritten = false;
    await new Promise<void>((resolve) => {
      transport.write(Uint8Array.of(1), () => {
        isWritten = true;
        resolve();
      });
    });
    expect(isWritten).toBe(true);
  });

  test('a peer that vanishes is gone', async () => {
    const [transport, peer] = await open();
    const seen = reading(transport);
    peer.terminate();
    await seen.closed();
    expect(seen.events).toEqual(['closed']);
  });

  test('a connection that is dropped here is gone there', async () => {
    const [transport, peer] = await open();
    const seen = reading(transport);
    transport.destroy();
    await Promise.all([seen.closed(), once(peer, 'close')]);
  });

  test('a text ends it: AMQP is binary', async () => {
    const [transport, peer] = await open();
    const seen = reading(transport);
    peer.send('AMQP');
    const [code] = (await once(peer, 'close')) as [number];
    expect(code).toBe(1003);
    await seen.closed();
    expect(seen.bytes.length).toBe(0);
  });
});

describe('who may connect', () => {
  test('clients without a subprotocol too', async () => {
    const server = await listen();
    const peer = new WebSocket(server.url);
    cleanUp.push(() => peer.terminate());
    await once(peer, 'open');
    expect(peer.protocol).toBe('');
    const other = new WebSocket(server.url, ['mqtt', 'amqp']);
    cleanUp.push(() => other.terminate());
    await once(other, 'open');
    expect(other.protocol).toBe('amqp');
  });

  test('pages of this machine, and those that are listed', async () => {
    const refused: string[] = [];
    const server = await listen({
      allowedOrigins: ['https://app.example'],
      onRefused: (reason) => void refused.push(reason),
    });
    const from = (origin: string) => {
      const peer = new WebSocket(server.url, 'amqp', { origin });
      cleanUp.push(() => peer.terminate());
      return peer;
    };
    await once(from('http://localhost:3000'), 'open');
    await once(from('https://app.example'), 'open');
    const [error] = (await once(from('https://evil.example'), 'error')) as [Error];
    expect(error.message).toContain('403');
    expect(refused).toEqual([
      'a page of https://evil.example may not connect; it is not among the allowed origins',
    ]);
  });

  test('a plain request is told what this is', async () => {
    const server = await listen();
    const response = await fetch(server.url.replace('ws:', 'http:'));
    expect([response.status, await response.text()]).toEqual([
      426,
      'This is AMQP over WebSocket.\n',
    ]);
  });

  test('a port that is taken is said so', async () => {
    const server = await listen();
    await expect(webSocketNetwork().listen(server.listener.local, () => {})).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'listen',
    });
  });
});
