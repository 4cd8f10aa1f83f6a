// What a server can be told to offer and to refuse, seen from a raw client.
import { describe, expect, test } from 'vitest';
import { serverWith } from '../../test/support/memory-server.ts';
import type { WireConnection } from '../../test/support/wire-connection.ts';
import type { Transport } from '../platform/transport.ts';
import { type ConnectionSettings, certificateName } from './connection-settings.ts';

const mechanisms = async (connection: WireConnection): Promise<string> => {
  connection.write(Uint8Array.from(Buffer.from('AMQP\0\0\x09\x01', 'latin1')));
  const start = await connection.control.expect('connection.start');
  return Buffer.from(start.mechanisms).toString();
};

test('what is offered can be set', async () => {
  const tuning = { channelMax: 7, frameMax: 8192, heartbeat: 5 };
  const { connect } = await serverWith({ tuning });
  const connection = connect();
  await mechanisms(connection);
  connection.control.send('connection.start-ok', {
    mechanism: 'PLAIN',
    response: Uint8Array.from(Buffer.from('\0guest\0guest')),
    locale: 'en_US',
  });
  expect(await connection.control.expect('connection.tune')).toMatchObject(tuning);
  connection.control.send('connection.tune-ok', { ...tuning, frameMax: 131_072 });
  await connection.expectClose(530, /frame_max = 131072 is higher .* \(8192\)/, 'connection.tune');
});

test('guest may not come through a load balancer, though the address is of this machine', async () => {
  const { connect, clock } = await serverWith({}, undefined, {}, true);
  const connection = connect();
  await mechanisms(connection);
  connection.control.send('connection.start-ok', {
    mechanism: 'PLAIN',
    response: Uint8Array.from(Buffer.from('\0guest\0guest')),
    locale: 'en_US',
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  clock.advance(3000);
  await connection.expectEnd();
});

test('a handshake that takes too long is ended', async () => {
  const { connect, clock } = await serverWith({ handshakeTimeoutMs: 500 });
  const connection = connect();
  await mechanisms(connection);
  clock.advance(500);
  await connection.expectEnd();
});

test('one connection too many is refused, and no other is hurt', async () => {
  const { connect } = await serverWith({ connectionMax: 1 });
  const first = await connect().handshake();
  const second = connect();
  await second.login();
  await second.tune();
  second.control.send('connection.open', { virtualHost: '/' });
  await second.expectClose(530, /connection refused: node connection limit \(1\) is reached/);
  await first.close();
  await connect().handshake();
});

describe('login by certificate', () => {
  const settings = { mechanisms: ['PLAIN', 'EXTERNAL'], certLoginFrom: 'common_name' } as const;

  test('it is offered to who has a good certificate only', async () => {
    const { connect } = await serverWith(settings, { CN: 'guest' });
    expect(await mechanisms(connect())).toBe('PLAIN EXTERNAL');
    const { connect: connectPlainly } = await serverWith(settings);
    expect(await mechanisms(connectPlainly())).toBe('PLAIN');
  });

  const answer = (connection: WireConnection) =>
    connection.control.send('connection.start-ok', {
      mechanism: 'EXTERNAL',
      response: new Uint8Array(),
      locale: 'en_US',
    });

  test('the certificate says who it is', async () => {
    const { connect } = await serverWith(settings, { CN: 'guest', O: 'x' });
    const connection = connect();
    await mechanisms(connection);
    answer(connection);
    await connection.control.expect('connection.tune');
  });

  test('a name that nobody has is refused', async () => {
    const { connect, clock } = await serverWith(settings, { CN: 'nobody' });
    const connection = connect();
    await mechanisms(connection);
    answer(connection);
    await new Promise<void>((resolve) => setImmediate(resolve));
    clock.advance(3000);
    await connection.expectEnd();
  });

  test('without a certificate nobody may try', async () => {
    const { connect } = await serverWith(settings);
    const connection = connect();
    await mechanisms(connection);
    answer(connection);
    await connection.expectClose(503, /unknown authentication mechanism 'EXTERNAL'/);
  });

  test.each([
    ['distinguished_name', 'CN=orders,O=shop'],
    ['common_name', 'orders'],
  ] as const)('%s', (certLoginFrom, name) => {
    const peerSubject = { CN: 'orders', O: 'shop' };
    const known = certificateName(
      { peerSubject } as unknown as Transport,
      {
        certLoginFrom,
      } as ConnectionSettings,
    );
    expect(known).toBe(name);
  });
});

test('the first user and vhost of a new broker can be others', async () => {
  const firstUser = { name: 'orders', password: 'secret', vhost: 'shop' };
  const { connect, broker } = await serverWith({}, undefined, { firstUser, loopbackUsers: [] });
  await connect().handshake({ user: 'orders', password: 'secret', vhost: 'shop' });
  expect(broker.users.get('guest')).toBeUndefined();
  expect(broker.vhost('/')).toBeUndefined();
});
