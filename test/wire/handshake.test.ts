// Protocol header to connection.open-ok: §2.2.4, §4.2.2 and class connection (1.4) up to open-ok.
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { encodeTable } from '../../src/protocol/field-table.ts';
import { concat, methodFrame, protocolHeader } from '../support/frames.ts';
import { byBroker, connect, dial, passTime } from '../support/wire.ts';
import type { WireConnection } from '../support/wire-connection.ts';
import { method, type PlainTable, table } from '../support/wire-methods.ts';

/** How long RabbitMQ keeps a client waiting that it does not trust. */
const SILENT_CLOSE_DELAY_MS = 3_000;

const refusedLogin = (mechanism: string) =>
  `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`;

/** Before the tune is agreed RabbitMQ closes the socket without a word, after a while; Leveret says why. */
async function expectRefused(conn: WireConnection, replyCode: number, replyText: string | RegExp) {
  await byBroker({
    leveret: () => conn.expectClose(replyCode, replyText),
    rabbitmq: () => conn.expectEnd(),
  })();
}

function header(...bytes: readonly number[]): Uint8Array {
  return concat(protocolHeader.subarray(0, 4), Uint8Array.of(...bytes));
}

/** AMQPLAIN's response: the inside of a table, without its length. */
function amqplain(fields: PlainTable): Uint8Array {
  const writer = new ByteWriter();
  encodeTable(table(fields), writer);
  return writer.bytes.slice();
}

async function started(): Promise<WireConnection> {
  const conn = dial();
  conn.write(protocolHeader);
  await conn.expect('connection.start');
  return conn;
}

test('4.2.2 protocol header 0-9-1 is answered with connection.start', async () => {
  const conn = dial();
  conn.write(protocolHeader);
  const start = await conn.expect('connection.start', {
    versionMajor: 0,
    versionMinor: 9,
    locales: 'en_US',
  });
  const mechanisms = new TextDecoder().decode(start.mechanisms).split(' ');
  expect(mechanisms).toEqual(expect.arrayContaining(['PLAIN', 'AMQPLAIN']));
});

test('4.2.2 the header of 0-9 (1 1 0 9), which old clients send, is taken for 0-9-1', async () => {
  const conn = dial();
  conn.write(header(1, 1, 0, 9));
  await conn.expect('connection.start', { versionMajor: 0, versionMinor: 9 });
});

test('4.2.2 the header may come octet by octet', async () => {
  const conn = dial();
  for (const octet of protocolHeader) conn.write(Uint8Array.of(octet));
  await conn.expect('connection.start');
});

test.each([
  ['a later revision', header(0, 0, 9, 2)],
  ['0-10', header(0, 0, 10, 0)],
  ['AMQP 1.0', header(0, 1, 0, 0)],
  ['AMQP 1.0 with SASL', header(3, 1, 0, 0)],
  ['AMQP 1.0 with TLS', header(2, 1, 0, 0)],
  ['0-8 as 0-9-1 would write it', header(0, 0, 8, 0)],
  ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
  ['a TLS hello', Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)],
  ['zeros', new Uint8Array(8)],
  ['another name', new TextEncoder().encode('AMQX\0\0\x09\x01')],
])('4.2.2 an unknown header (%s) is answered with ours and the socket closed', async (_, bytes) => {
  const conn = dial();
  conn.write(bytes);
  await conn.expectProtocolHeader(0, 0, 9, 1);
});

test.each([
  [1, 1, 8, 0],
  [1, 1, 9, 1],
])('4.2.2 AMQP 0-8 (%i %i %i %i) is not spoken', async (...bytes) => {
  const conn = dial();
  conn.write(header(...bytes));
  await byBroker({
    leveret: () => conn.expectProtocolHeader(0, 0, 9, 1),
    rabbitmq: () => conn.expect('connection.start', { versionMajor: 8, versionMinor: 0 }),
  })();
});

test('1.4.2.1 server properties: what clients look for', async () => {
  const { serverProperties } = await dial().login();
  for (const name of [
    'product',
    'version',
    'platform',
    'copyright',
    'information',
    'cluster_name',
  ]) {
    expect(serverProperties.get(name)).toEqual({ type: 'S', value: expect.any(String) });
  }
  // Drivers compare the version number by number; Kombu and the Java client choose their behaviour by it.
  expect(serverProperties.get('version')?.value).toMatch(/^\d+\.\d+\.\d+$/);
});

test.each([
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'authentication_failure_close',
  'per_consumer_qos',
  'consumer_priorities',
  'direct_reply_to',
])('1.4.2.1 capability %s is announced', async (name) => {
  const { serverProperties } = await dial().login();
  const capabilities = serverProperties.get('capabilities');
  expect(capabilities?.type === 'F' && capabilities.value.get(name)).toEqual({
    type: 't',
    value: true,
  });
});

test('1.4.2.2 PLAIN: user and password after the login are accepted with connection.tune', async () => {
  const conn = dial();
  await conn.login();
  await conn.expect('connection.tune', { channelMax: 2047, frameMax: 131_072, heartbeat: 60 });
});

test('1.4.2.2 PLAIN: any locale is accepted', async () => {
  const conn = await started();
  conn.send('connection.start-ok', {
    mechanism: 'PLAIN',
    response: '\0guest\0guest',
    locale: 'de_DE',
  });
  await conn.expect('connection.tune');
});

test('1.4.2.2 AMQPLAIN: a table without its length', async () => {
  const conn = await started();
  const response = amqplain({ LOGIN: 'guest', PASSWORD: 'guest' });
  conn.send('connection.start-ok', { mechanism: 'AMQPLAIN', response, locale: 'en_US' });
  await conn.expect('connection.tune');
});

test.each([
  ['wrong password', 'guest', 'wrong'],
  ['empty password', 'guest', ''],
  ['unknown user', 'nobody', 'guest'],
])('1.4.2.2 %s: 403 for a client with authentication_failure_close', async (_, user, password) => {
  const conn = dial();
  await conn.login({ user, password });
  await conn.expectClose(403, refusedLogin('PLAIN'), 'none');
});

test('1.4.2.2 AMQPLAIN with a wrong password: 403', async () => {
  const conn = await started();
  conn.send('connection.start-ok', {
    clientProperties: { capabilities: table({ authentication_failure_close: true }) },
    mechanism: 'AMQPLAIN',
    response: amqplain({ LOGIN: 'guest', PASSWORD: 'wrong' }),
    locale: 'en_US',
  });
  await conn.expectClose(403, refusedLogin('AMQPLAIN'), 'none');
});

test.each([
  ['no capabilities', {}],
  ['the capability off', { authentication_failure_close: false }],
  ['a capability that is no boolean', { authentication_failure_close: 1 }],
])(
  '1.4.2.2 wrong password with %s: the socket closes after 3 s without a method',
  async (_, capabilities) => {
    const conn = dial();
    await conn.login({ password: 'wrong', capabilities });
    await passTime(SILENT_CLOSE_DELAY_MS);
    await conn.expectEnd();
  },
);

test('1.4.2.2 an unknown mechanism is refused', async () => {
  const conn = await started();
  conn.send('connection.start-ok', { mechanism: 'GSSAPI', locale: 'en_US' });
  await expectRefused(conn, 503, "COMMAND_INVALID - unknown authentication mechanism 'GSSAPI'");
});

test.each([
  ['no separators', 'guest'],
  ['an authorization identity', 'guest\0guest\0guest'],
  ['a zero in the password', '\0guest\0gue\0st'],
])('1.4.2.2 PLAIN with %s is refused', async (_, response) => {
  const conn = await started();
  conn.send('connection.start-ok', { mechanism: 'PLAIN', response, locale: 'en_US' });
  await expectRefused(conn, 502, /^SYNTAX_ERROR - response .* invalid$/);
});

test('1.4.2.2 AMQPLAIN without a password is refused', async () => {
  const conn = await started();
  const response = amqplain({ LOGIN: 'guest' });
  conn.send('connection.start-ok', { mechanism: 'AMQPLAIN', response, locale: 'en_US' });
  await byBroker({
    leveret: () =>
      conn.expectClose(
        502,
        /^SYNTAX_ERROR - AMQPLAIN auth info .*is missing LOGIN or PASSWORD field/,
      ),
    rabbitmq: () => conn.expectEnd(),
  })();
});

test.each([
  [{ channelMax: 0 }, 'channel_max = 0 (no limit) is higher than the maximum allowed value (2047)'],
  [{ channelMax: 2048 }, 'channel_max = 2048 is higher than the maximum allowed value (2047)'],
  [{ frameMax: 0 }, 'frame_max = 0 is higher than the maximum allowed value (131072)'],
  [{ frameMax: 131_073 }, 'frame_max = 131073 is higher than the maximum allowed value (131072)'],
  [{ frameMax: 4095 }, 'frame_max = 4095 is lower than the minimum allowed value (4096)'],
])('1.4.2.6 tune-ok %j is refused', async (limits, explanation) => {
  const conn = dial();
  await conn.login();
  await conn.tune(limits);
  await byBroker({
    leveret: () =>
      conn.expectClose(530, `NOT_ALLOWED - negotiated ${explanation}`, 'connection.tune'),
    rabbitmq: () => conn.expectEnd(),
  })();
});

test.each([
  { channelMax: 1 },
  { channelMax: 2047 },
  { frameMax: 4096 },
  { frameMax: 131_072 },
  { heartbeat: 65_535 },
])('1.4.2.6 tune-ok %j is accepted', async (limits) => {
  const conn = await connect(limits);
  await (await conn.channel()).expectNothing();
});

test.each(['nowhere', '', '/x'])(
  '1.4.2.7 open: an unknown vhost (%j) is refused',
  async (virtualHost) => {
    const conn = dial();
    await conn.login();
    await conn.tune();
    conn.send('connection.open', { virtualHost });
    await conn.expectClose(530, `NOT_ALLOWED - vhost ${virtualHost} not found`);
  },
);

test('1.4.2.7 tune-ok, open and the first channel may come without waiting', async () => {
  const conn = dial();
  await conn.login();
  const first = conn.unopened(1);
  await conn.expect('connection.tune');
  conn.write(
    methodFrame(0, method('connection.tune-ok', { channelMax: 10, frameMax: 8192 })),
    methodFrame(0, method('connection.open', { virtualHost: '/' })),
    methodFrame(1, method('channel.open', {})),
  );
  await conn.expect('connection.open-ok');
  await first.expect('channel.open-ok');
});

test.each([
  ['nothing', new Uint8Array(0)],
  ['half a header', protocolHeader.subarray(0, 4)],
  ['a header and nothing else', protocolHeader],
])('RabbitMQ: %s, then silence: the socket closes after 10 s', async (_, bytes) => {
  const conn = dial();
  conn.write(bytes);
  if (bytes === protocolHeader) await conn.expect('connection.start');
  await passTime(10_000);
  await conn.expectEnd();
});

test.each(['connection.open', 'connection.start-ok', 'connection.tune-ok'] as const)(
  '1.4.2 %s on an open connection is out of place',
  async (name) => {
    const conn = await connect();
    conn.send(name);
    await conn.expectClose(504, 'CHANNEL_ERROR - unexpected method in connection state running');
  },
);

test('1.4.2 a frame on another channel before open-ok is out of place', async () => {
  const conn = dial();
  await conn.login();
  await conn.tune();
  conn.unopened(1).send('channel.open');
  await conn.expectClose(505, 'UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>', 'none');
});

test.each([
  'connection.open',
  'connection.tune-ok',
  'connection.secure-ok',
  'channel.open',
] as const)('1.4.2.1 %s instead of start-ok ends the connection', async (name) => {
  const conn = await started();
  conn.send(name);
  await expectRefused(conn, 504, 'CHANNEL_ERROR - unexpected method in connection state starting');
});
