// TLS in front of the broker: the same connection, encrypted, and refused when the certificate is not trusted.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Connection } from '../../src/client/index.ts';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';

let directory: string;
let certificate: Buffer;
let broker: RunningBroker;
let server: Server;
let url: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-tls-'));
  const key = join(directory, 'key.pem');
  const cert = join(directory, 'cert.pem');
  const subject = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
  ];
  execFileSync('openssl', [...request, '-days', '1', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  });
  certificate = readFileSync(cert);
  broker = await startBroker({ port: 0 });
  server = createServer({ key: readFileSync(key), cert: certificate }, (secure) => {
    const plain = connectTcp(broker.port, '127.0.0.1');
    secure.pipe(plain).pipe(secure);
    for (const socket of [secure, plain]) socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  url = `amqps://guest:guest@127.0.0.1:${port}/`;
});

afterAll(async () => {
  server.close();
  await broker.close();
  rmSync(directory, { recursive: true });
});

test('messages large and small go through', async () => {
  await using conn = new Connection(url, { tls: { ca: certificate } });
  const sizes = [0, 1, 1000, 70_000, 3_000_000];
  const received: number[] = [];
  const all = new Promise<void>((resolve) => {
    void conn.consume('tls', ({ raw }) => {
      received.push(raw.length);
      if (received.length === sizes.length) resolve();
    });
  });
  for (const size of sizes) await conn.publish('tls', new Uint8Array(size));
  await all;
  expect(received).toEqual(sizes);
});

test('a certificate that nobody vouches for is refused', async () => {
  const conn = new Connection(url);
  await expect(conn.connect()).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    message: expect.stringMatching(/self.signed/),
  });
});

test('a broker that speaks no TLS', async () => {
  const conn = new Connection(broker.url.replace('amqp:', 'amqps:'), { connectTimeout: '3s' });
  await expect(conn.connect()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});
