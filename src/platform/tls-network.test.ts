// Certificates of both sides; what every transport promises is in transport.test.ts.
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { certificate } from '../../test/support/certificates.ts';
import { TlsNetwork } from './tls-network.ts';
import type { Transport } from './transport.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

test('who says nothing is not waited for', async () => {
  const tls = await certificate('localhost');
  const refusals: string[] = [];
  const network = new TlsNetwork({
    tls,
    handshakeTimeoutMs: 50,
    onRefused: (_, error) => refusals.push(error.message),
  });
  const listener = await network.listen(LOOPBACK, () => {});
  const socket = connect(listener.local);
  socket.resume();
  await once(socket, 'close');
  expect(refusals).toEqual(['TLS handshake timeout']);
  await listener.close();
});

describe('certificates', () => {
  async function serverSays(network: TlsNetwork, options: object): Promise<Transport | string> {
    const at = await network.listen(LOOPBACK, (transport) => taken(transport));
    let taken: (outcome: Transport | string) => void = () => {};
    const outcome = new Promise<Transport | string>((resolve) => {
      taken = resolve;
    });
    const socket = connectTls({ ...at.local, rejectUnauthorized: false, ...options });
    socket.on('error', () => taken('refused'));
    socket.on('close', () => taken('refused'));
    const result = await outcome;
    if (typeof result !== 'string') result.destroy();
    socket.destroy();
    await at.close();
    return result;
  }

  test("a client's good certificate says who it is; none is fine where none is asked for", async () => {
    const authority = await certificate('authority', { isAuthority: true });
    const server = await certificate('localhost', { signedBy: authority });
    const client = await certificate('orders', { signedBy: authority });
    const tls = { ...server, ca: authority.cert };
    const network = new TlsNetwork({ tls, clientCertificate: 'optional' });
    expect(await serverSays(network, client)).toMatchObject({ peerSubject: { CN: 'orders' } });
    expect(await serverSays(network, {})).toMatchObject({ peerSubject: undefined });
    const stranger = await certificate('orders');
    expect(await serverSays(network, stranger)).toBe('refused');
  });

  test('a missing, foreign or expired one is refused where one is demanded', async () => {
    const authority = await certificate('authority', { isAuthority: true });
    const server = await certificate('localhost', { signedBy: authority });
    const refusals: string[] = [];
    const network = new TlsNetwork({
      tls: { ...server, ca: authority.cert },
      clientCertificate: 'required',
      onRefused: (_, error) => refusals.push(error.message),
    });
    const good = await certificate('orders', { signedBy: authority });
    const foreign = await certificate('orders');
    const expired = await certificate('orders', {
      signedBy: authority,
      notAfter: new Date(Date.now() - 60_000),
    });
    expect(await serverSays(network, good)).toMatchObject({ peerSubject: { CN: 'orders' } });
    for (const options of [{}, foreign, expired]) {
      expect(await serverSays(network, options)).toBe('refused');
    }
    expect(refusals).toEqual([
      'the client has no certificate',
      "the client's certificate is not good: DEPTH_ZERO_SELF_SIGNED_CERT",
      "the client's certificate is not good: CERT_HAS_EXPIRED",
    ]);
  });

  test('new ones hold from the next connection on; ones that do not fit are refused', async () => {
    const [first, second] = [await certificate('first'), await certificate('second')];
    const network = new TlsNetwork({ tls: first });
    const listener = await network.listen(LOOPBACK, (transport) => transport.destroy());
    const shown = async (): Promise<string> => {
      const socket = connectTls({ ...listener.local, rejectUnauthorized: false });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    expect(await shown()).toBe('first');
    network.reload(second);
    expect(await shown()).toBe('second');
    expect(() => network.reload({ cert: first.cert, key: second.key })).toThrow();
    expect(await shown()).toBe('second');
    await listener.close();
  });
});
