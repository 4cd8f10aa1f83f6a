// What every transport promises, TCP and the one in memory alike. The far end is a plain peer, so that nothing here is
// tested against itself.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from '../../test/support/certificates.ts';
import { MemoryNetwork } from './memory-network.ts';
import { tcpNetwork, tcpNetworkWith } from './tcp-network.ts';
import { TlsNetwork } from './tls-network.ts';
import {
  type Endpoint,
  type Listener,
  type Network,
  READ_HEADROOM_BYTES,
  type Transport,
  type TransportHandler,
} from './transport.ts';

/** The far end, as a test uses it. */
interface Peer {
  send(bytes: Uint8Array): void;
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}

/** What an end has seen, and a way to wait for more. */
class Seen {
  readonly chunks: Uint8Array[] = [];
  readonly events: string[] = [];
  #waiting: (() => void)[] = [];

  get length(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  data(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
    this.#wake();
  }
  event(name: string): void {
    this.events.push(name);
    this.#wake();
  }
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
  saw(name: string): Promise<void> {
    return this.until(() => this.events.includes(name));
  }
}

interface Connected {
  readonly transport: Transport;
  readonly peer: Peer;
  /** What reaches the peer. */
  readonly peerSeen: Seen;
}

interface Subject {
  readonly network: Network;
  /** Default: a free port. */
  listenAt?(): Endpoint;
  /** What a load balancer says. */
  readonly proxied?: { readonly local: Endpoint; readonly remoteHost: string };
  connect(at: Endpoint, seen: Seen): Promise<Peer>;
}

function tcpPeer(socket: Socket, seen: Seen): Peer {
  socket.on('data', (bytes) => seen.data(bytes));
  socket.on('end', () => seen.event('ended'));
  socket.on('close', () => seen.event('closed'));
  // A reset shows as closed.
  socket.on('error', () => {});
  return {
    send: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
}

const ownCertificate = await certificate('localhost');
const PROXIED = { local: { host: '10.1.2.4', port: 5672 }, remoteHost: '10.1.2.3' };
const PROXY_LINE = 'PROXY TCP4 10.1.2.3 10.1.2.4 4321 5672\r\n';

async function tlsPeer(socket: Socket, seen: Seen): Promise<Peer> {
  const secure = connectTls({ socket, rejectUnauthorized: false, allowHalfOpen: true } as object);
  secure.on('error', () => {});
  await once(secure, 'secureConnect');
  return tcpPeer(secure, seen);
}

const subjects: Record<string, () => Subject> = {
  'in memory': () => {
    const network = new MemoryNetwork();
    return {
      network,
      async connect(at, seen) {
        const transport = network.connect(at);
        transport.start({
          data: (block, from, end) => seen.data(block.bytes.subarray(from, end)),
          ended: () => seen.event('ended'),
          closed: () => seen.event('closed'),
        });
        return {
          send: (bytes) => transport.write(bytes.slice(), () => {}),
          end: () => transport.end(),
          destroy: () => transport.destroy(),
          pause: () => transport.pause(),
          resume: () => transport.resume(),
        };
      },
    };
  },
  TCP: () => ({
    network: tcpNetwork,
    async connect({ host, port }, seen) {
      const socket = connect({ host, port, allowHalfOpen: true });
      await once(socket, 'connect');
      return tcpPeer(socket, seen);
    },
  }),
  'TCP behind a load balancer': () => ({
    network: tcpNetworkWith({ proxyProtocol: true }),
    proxied: PROXIED,
    async connect({ host, port }, seen) {
      const socket = connect({ host, port, allowHalfOpen: true });
      await once(socket, 'connect');
      socket.write(PROXY_LINE);
      return tcpPeer(socket, seen);
    },
  }),
  'unix socket': () => ({
    network: tcpNetwork,
    listenAt: () => ({ host: join(tmpdir(), `leveret-${randomUUID()}.sock`), port: 0 }),
    async connect({ host }, seen) {
      const socket = connect({ path: host, allowHalfOpen: true });
      await once(socket, 'connect');
      return tcpPeer(socket, seen);
    },
  }),
  TLS: () => ({
    network: new TlsNetwork({ tls: ownCertificate }),
    async connect({ host, port }, seen) {
      const socket = connect({ host, port, allowHalfOpen: true });
      await once(socket, 'connect');
      return tlsPeer(socket, seen);
    },
  }),
  'TLS behind a load balancer': () => ({
    network: new TlsNetwork({ tls: ownCertificate, proxyProtocol: true }),
    proxied: PROXIED,
    async connect({ host, port }, seen) {
      const socket = connect({ host, port, allowHalfOpen: true });
      await once(socket, 'connect');
      socket.write(PROXY_LINE);
      return tlsPeer(socket, seen);
    },
  }),
};

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const loopback = () => LOOPBACK;
const MIB = 1024 * 1024;

/** Lets everything that is on its way happen, for a test that says what must not. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

const longPattern = Buffer.from(
  Uint8Array.from({ length: 8 * MIB }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
);

/** Bytes that tell where they belong. */
const pattern = (length: number) => longPattern.subarray(0, length);

/** A handler that writes down what it sees. */
function recorder(seen: Seen, more: Partial<TransportHandler> = {}): TransportHandler {
  return {
    data: (block, at, end) => seen.data(block.bytes.subarray(at, end)),
    ended: () => seen.event('ended'),
    closed: () => seen.event('closed'),
    ...more,
  };
}

describe.each(Object.keys(subjects))('a transport %s', (name) => {
  const { network, listenAt = loopback, proxied, connect: connectPeer } = subjects[name]!();
  const cleanUp: (() => unknown)[] = [];

  afterEach(async () => {
    for (const clean of cleanUp.splice(0).reverse()) await clean();
  });

  async function listen(accept: (transport: Transport) => void): Promise<Listener> {
    const listener = await network.listen(listenAt(), accept);
    cleanUp.push(() => listener.close());
    return listener;
  }

  async function open(): Promise<Connected> {
    const peerSeen = new Seen();
    const accepted: Transport[] = [];
    let tell = () => {};
    const isAccepted = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const listener = await listen((transport) => {
      accepted.push(transport);
      tell();
    });
    const peer = await connectPeer(listener.local, peerSeen);
    await isAccepted;
    const transport = accepted[0]!;
    cleanUp.push(() => {
      peer.destroy();
      transport.destroy();
    });
    return { transport, peer, peerSeen };
  }

  test('what the peer sends arrives whole and in order', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    transport.start(recorder(seen));
    const bytes = pattern(3 * MIB);
    for (let at = 0; at < bytes.length; at += 100_003) peer.send(bytes.subarray(at, at + 100_003));
    await seen.until(() => seen.length === bytes.length);
    expect(seen.bytes.equals(bytes)).toBe(true);
  });

  test('what is read has room in front that may be overwritten', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    let headroom = Number.POSITIVE_INFINITY;
    transport.start(
      recorder(seen, {
        data(block, at, end) {
          headroom = Math.min(headroom, at);
          // Not a Buffer, whose `slice` is no copy.
          expect(Buffer.isBuffer(block.bytes)).toBe(false);
          expect(block.view.getUint8(at)).toBe(block.bytes[at]);
          block.bytes.fill(0xaa, at - READ_HEADROOM_BYTES, at);
          seen.data(block.bytes.subarray(at, end));
        },
      }),
    );
    const bytes = pattern(MIB);
    peer.send(bytes);
    await seen.until(() => seen.length === bytes.length);
    expect(headroom).toBeGreaterThanOrEqual(READ_HEADROOM_BYTES);
    expect(seen.bytes.equals(bytes)).toBe(true);
  });

  test('nothing is read before it is started', async () => {
    const { transport, peer } = await open();
    peer.send(pattern(1000));
    await settle();
    const seen = new Seen();
    transport.start(recorder(seen));
    await seen.until(() => seen.length === 1000);
    expect(seen.bytes.equals(pattern(1000))).toBe(true);
  });

  test('what is written arrives whole and in order, and each write is reported in turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 200_000 }), fc.boolean()), {
          minLength: 1,
          maxLength: 20,
          size: 'max',
        }),
        async (writes) => {
          const { transport, peerSeen } = await open();
          transport.start(recorder(new Seen()));
          const expected: Buffer[] = [];
          const written: number[] = [];
          const write = (sizeBytes: number, index: number) => {
            const bytes = Buffer.alloc(sizeBytes, `write ${index} `);
            expected.push(bytes);
            transport.write(bytes, () => written.push(index));
          };
          for (const [index, [sizeBytes, inBatch]] of writes.entries()) {
            if (inBatch) transport.batch(() => write(sizeBytes, index));
            else write(sizeBytes, index);
          }
          const all = Buffer.concat(expected);
          await peerSeen.until(() => peerSeen.length === all.length);
          await settle();
          expect(peerSeen.bytes.equals(all)).toBe(true);
          expect(written).toEqual(writes.map((_, index) => index));
        },
      ),
      { numRuns: 15 },
    );
  });

  test('a write is never reported before the call that made it returns', async () => {
    const { transport } = await open();
    transport.start(recorder(new Seen()));
    let returned = false;
    const reportedAfter = new Promise((resolve) => {
      transport.write(pattern(10), () => resolve(returned));
    });
    returned = true;
    expect(await reportedAfter).toBe(true);
  });

  test('a paused transport reads nothing until it is resumed', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    transport.start(recorder(seen));
    peer.send(pattern(10));
    await seen.until(() => seen.length === 10);
    transport.pause();
    peer.send(pattern(8 * MIB));
    await settle();
    expect(seen.length).toBe(10);
    transport.resume();
    await seen.until(() => seen.length === 10 + 8 * MIB);
    expect(seen.bytes.subarray(10).equals(pattern(8 * MIB))).toBe(true);
  });

  test('one that is paused while it reads is handed nothing more', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    transport.start(
      recorder(seen, {
        data(block, at, end) {
          transport.pause();
          seen.data(block.bytes.subarray(at, end));
        },
      }),
    );
    peer.send(pattern(4 * MIB));
    while (seen.length < 4 * MIB) {
      const before = seen.chunks.length;
      await seen.until(() => seen.chunks.length > before);
      await settle();
      expect(seen.chunks.length).toBe(before + 1);
      transport.resume();
    }
    expect(seen.bytes.equals(pattern(4 * MIB))).toBe(true);
  });

  test('a peer that does not read holds up what is written, and loses none of it', async () => {
    const { transport, peer, peerSeen } = await open();
    transport.start(recorder(new Seen()));
    peer.pause();
    const chunk = pattern(MIB);
    let written = 0;
    for (let i = 0; i < 64; i++) transport.write(chunk, () => written++);
    await settle();
    expect(written).toBeLessThan(64);
    peer.resume();
    await peerSeen.until(() => peerSeen.length === 64 * MIB);
    await settle();
    expect(written).toBe(64);
    const bytes = peerSeen.bytes;
    const wrong = Array.from({ length: 64 }, (_, i) => i).filter(
      (i) => !chunk.equals(bytes.subarray(i * MIB, (i + 1) * MIB)),
    );
    expect(wrong).toEqual([]);
  });

  test('a peer that ends can still be written to, until this side ends as well', async () => {
    const { transport, peer, peerSeen } = await open();
    const seen = new Seen();
    transport.start(recorder(seen));
    peer.send(pattern(100));
    peer.end();
    await seen.saw('ended');
    expect(seen.length).toBe(100);
    transport.write(pattern(2 * MIB), () => {});
    transport.end();
    await seen.saw('closed');
    await peerSeen.saw('closed');
    expect(peerSeen.bytes.equals(pattern(2 * MIB))).toBe(true);
    expect(seen.events).toEqual(['ended', 'closed']);
    expect(peerSeen.events).toEqual(['ended', 'closed']);
  });

  test('ending sends what was written first', async () => {
    const { transport, peer, peerSeen } = await open();
    const seen = new Seen();
    transport.start(recorder(seen));
    for (let i = 0; i < 8; i++) transport.write(pattern(MIB), () => {});
    transport.end();
    await peerSeen.saw('ended');
    expect(peerSeen.length).toBe(8 * MIB);
    // The other direction stays open.
    peer.send(pattern(50));
    await seen.until(() => seen.length === 50);
    expect(seen.events).toEqual([]);
    peer.end();
    await seen.saw('closed');
    expect(seen.events).toEqual(['ended', 'closed']);
  });

  test('what is written after the end is dropped and reported, and hurts nothing before it', async () => {
    const { transport, peer, peerSeen } = await open();
    const seen = new Seen();
    const errors: unknown[] = [];
    transport.start(
      recorder(seen, {
        closed(error) {
          errors.push(error);
          seen.event('closed');
        },
      }),
    );
    peer.pause();
    for (let i = 0; i < 16; i++) transport.write(pattern(MIB), () => {});
    transport.end();
    await new Promise<void>((resolve) => transport.write(pattern(MIB), resolve));
    peer.resume();
    await peerSeen.saw('ended');
    expect(peerSeen.length).toBe(16 * MIB);
    peer.end();
    await seen.saw('closed');
    expect(errors).toEqual([undefined]);
  });

  test('destroying closes both sides, once, and reports every write', async () => {
    const { transport, peer, peerSeen } = await open();
    const seen = new Seen();
    transport.start(recorder(seen));
    peer.pause();
    let written = 0;
    for (let i = 0; i < 64; i++) transport.write(pattern(MIB), () => written++);
    await settle();
    transport.destroy();
    transport.destroy();
    await seen.saw('closed');
    transport.write(pattern(10), () => written++);
    await settle();
    expect(written).toBe(65);
    peer.resume();
    await peerSeen.until(() => peerSeen.events.length > 0);
    peer.end();
    await settle();
    expect(seen.events).toEqual(['closed']);
  });

  test('bytes that were reported as written may change, even where the peer has not read them', async () => {
    const { transport, peer, peerSeen } = await open();
    transport.start(recorder(new Seen()));
    peer.pause();
    const bytes = Buffer.from(pattern(1000));
    await new Promise<void>((resolve) => {
      transport.write(bytes, resolve);
      transport.destroy();
    });
    bytes.fill(0);
    peer.resume();
    await peerSeen.until(() => peerSeen.events.length > 0);
    expect(peerSeen.bytes.equals(pattern(peerSeen.length))).toBe(true);
  });

  test('one that is destroyed while it reads hears nothing more but that it is closed', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    transport.start(
      recorder(seen, {
        data(block, at, end) {
          seen.data(block.bytes.subarray(at, end));
          transport.destroy();
        },
      }),
    );
    for (let i = 0; i < 20; i++) peer.send(pattern(100_000));
    peer.end();
    await seen.saw('closed');
    await settle();
    expect(seen.chunks).toHaveLength(1);
    expect(seen.events).toEqual(['closed']);
  });

  test('a peer that is gone closes the transport, and every write is reported', async () => {
    const { transport, peer } = await open();
    const seen = new Seen();
    transport.start(recorder(seen, { ended: () => transport.end() }));
    peer.pause();
    let written = 0;
    for (let i = 0; i < 64; i++) transport.write(pattern(MIB), () => written++);
    await settle();
    peer.destroy();
    await seen.saw('closed');
    await settle();
    expect(written).toBe(64);
    expect(seen.events.filter((event) => event === 'closed')).toHaveLength(1);
  });

  test('both ends know who they are', async () => {
    const accepted: Transport[] = [];
    const listener = await listen((transport) => {
      accepted.push(transport);
      transport.start(recorder(new Seen()));
      cleanUp.push(() => transport.destroy());
    });
    for (let i = 0; i < 2; i++) {
      const seen = new Seen();
      const peer = await connectPeer(listener.local, seen);
      cleanUp.push(() => peer.destroy());
    }
    while (accepted.length < 2) await settle();
    for (const { local, remote, isProxied = false } of accepted) {
      expect(isProxied).toBe(proxied !== undefined);
      expect(local).toEqual(proxied?.local ?? listener.local);
      expect(remote.host).toBe(proxied?.remoteHost ?? (local.port === 0 ? 'unix' : '127.0.0.1'));
    }
    if (proxied || listener.local.port === 0) return;
    expect(accepted[0]!.remote.port).not.toBe(accepted[1]!.remote.port);
  });
});

describe.each(Object.keys(subjects))('a network %s', (name) => {
  const { network, listenAt = loopback, connect: connectPeer } = subjects[name]!();

  test('a port that is taken is refused, and free again when its listener is closed', async () => {
    const first = await network.listen(listenAt(), () => {});
    await expect(network.listen(first.local, () => {})).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await first.close();
    await settle();
    const second = await network.listen(first.local, () => {});
    expect(second.local).toEqual(first.local);
    await second.close();
  });

  test('a closed listener accepts no more', async () => {
    const listener = await network.listen(listenAt(), () => {});
    await listener.close();
    await settle();
    await expect(connectPeer(listener.local, new Seen())).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNREFUSED|ENOENT/),
    });
  });
});
