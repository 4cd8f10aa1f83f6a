// Content (4.2.6): bodies of every size in frames of every size, and properties that come out as they went in, byte by byte.
import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { bodyFrame, FRAME_OVERHEAD_BYTES, headerFrame, headerPayload } from '../support/frames.ts';
import { byBroker, connectedChannel, openChannel } from '../support/wire.ts';
import { type PlainProperties, properties, table } from '../support/wire-methods.ts';

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** Where the properties begin in a content header. */
const PROPERTIES_AT = 12;

function propertyBytes(given: PlainProperties): Uint8Array {
  return headerPayload(0, properties(given)).subarray(PROPERTIES_AT);
}

/** The properties of a message that was published and fetched again. */
async function roundTrip(given: Uint8Array): Promise<Uint8Array> {
  const ch = await openChannel();
  const queue = await ch.queue();
  ch.publish({ routingKey: queue, properties: given, body: 'x' });
  return (await ch.get(queue)).propertyBytes;
}

describe('4.2.6.1 bodies', () => {
  const room = 4096 - FRAME_OVERHEAD_BYTES;
  test.each([0, 1, room - 1, room, room + 1, 2 * room, 100_000])(
    '%i bytes in frames of 4096',
    async (length) => {
      const ch = await openChannel({ frameMax: 4096 });
      const queue = await ch.queue();
      ch.publish({ routingKey: queue, body: bytes(length) });
      const { body, bodyFrameSizes } = await ch.get(queue);
      expect(body).toEqual(bytes(length));
      expect(bodyFrameSizes.length).toBe(Math.ceil(length / room));
      expect(Math.max(0, ...bodyFrameSizes)).toBeLessThanOrEqual(room);
    },
  );

  test('a body is split again for a consumer with a smaller frame_max', async () => {
    const publisher = await openChannel({ frameMax: 131_072 });
    const consumer = await openChannel({ frameMax: 4096 });
    const queue = await consumer.queue();
    await consumer.consume(queue);
    publisher.publish({ routingKey: queue, body: bytes(131_064) });
    const { body, bodyFrameSizes } = await consumer.expect('basic.deliver');
    expect(body).toEqual(bytes(131_064));
    expect(bodyFrameSizes.length).toBe(Math.ceil(131_064 / room));
  });

  test('and joined for one with a larger', async () => {
    const publisher = await openChannel({ frameMax: 4096 });
    const consumer = await openChannel({ frameMax: 131_072 });
    const queue = await consumer.queue();
    await consumer.consume(queue);
    publisher.publish({ routingKey: queue, body: bytes(100_000) });
    const { body, bodyFrameSizes } = await consumer.expect('basic.deliver');
    expect(body).toEqual(bytes(100_000));
    expect(bodyFrameSizes).toEqual([100_000]);
  });

  test('a megabyte', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue, body: bytes(1_000_000) });
    expect(Buffer.compare((await ch.get(queue)).body, bytes(1_000_000))).toBe(0);
  });

  test('body frames may have any size, also none', async () => {
    const [conn, ch] = await connectedChannel();
    const queue = await ch.queue();
    ch.send('basic.publish', { routingKey: queue });
    const body = bytes(1000);
    conn.write(headerFrame(1, body.length));
    for (const [from, to] of [
      [0, 1],
      [1, 1],
      [1, 500],
      [500, 999],
      [999, 1000],
    ] as const) {
      conn.write(bodyFrame(1, body.subarray(from, to)));
    }
    expect((await ch.get(queue)).body).toEqual(body);
  });

  test('a message however it is cut', async () => {
    const [conn, ch] = await connectedChannel();
    const queue = await ch.queue();
    ch.send('basic.publish', { routingKey: queue });
    for (const frame of [headerFrame(1, 20, { messageId: 'm' }), bodyFrame(1, bytes(20))]) {
      for (const octet of frame) conn.write(Uint8Array.of(octet));
    }
    const message = await ch.get(queue);
    expect(message.body).toEqual(bytes(20));
    expect(message.properties).toEqual({ messageId: 'm' });
  });
});

const allProperties: Required<PlainProperties> = {
  contentType: 'application/json',
  contentEncoding: 'gzip',
  headers: { a: 1 },
  deliveryMode: 2,
  priority: 9,
  correlationId: 'correlation',
  replyTo: 'reply',
  expiration: '60000',
  messageId: 'message',
  timestamp: 1_700_000_000n,
  type: 'type',
  userId: 'guest',
  appId: 'application',
  clusterId: 'cluster',
};

describe('4.2.6.1 properties', () => {
  test('all fourteen', async () => {
    const sent = propertyBytes(allProperties);
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('none', async () => {
    expect(await roundTrip(Uint8Array.of(0, 0))).toEqual(Uint8Array.of(0, 0));
  });

  test.each(Object.entries(allProperties))('%s alone', async (name, value) => {
    const sent = propertyBytes({ [name]: value });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('empty is not absent', async () => {
    const sent = propertyBytes({
      contentType: '',
      headers: {},
      priority: 0,
      correlationId: '',
      timestamp: 0n,
      appId: '',
    });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('the extremes', async () => {
    const sent = propertyBytes({
      priority: 255,
      messageId: 'x'.repeat(255),
      timestamp: 0xffff_ffff_ffff_ffffn,
      type: 'äöü 队列 🐇',
    });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test.each([0, 3, 255])('delivery mode %i, which is not 2, is transient', async (deliveryMode) => {
    const ch = await openChannel();
    const queue = await ch.queue();
    ch.publish({ routingKey: queue, properties: { deliveryMode } });
    await byBroker({
      leveret: async () => expect((await ch.get(queue)).properties).toEqual({ deliveryMode }),
      rabbitmq: () =>
        ch.expectClose(
          406,
          `PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,${deliveryMode}}`,
        ),
    })();
  });

  test('text that is not UTF-8 is none of the broker’s business', async () => {
    const ch = await openChannel();
    const queue = await ch.queue();
    await ch.call('confirm.select');
    ch.publish({ routingKey: queue, properties: Uint8Array.of(0x80, 0, 2, 0xff, 0xfe) });
    await ch.expect('basic.ack');
    expect(await ch.ready(queue)).toBe(1);
  });

  test.each([
    ['a value is missing', [0x80, 0]],
    ['octets are left over', [0, 0, 0]],
    ['a table has a value of no known type', [0x20, 0, 0, 0, 0, 3, 1, 0x61, 0x7a]],
    ['there are two words of flags and a property', [0x80, 1, 0, 0, 1, 0x61]],
  ])('%s', async (_, octets) => {
    const [conn, ch] = await connectedChannel();
    ch.publish({ routingKey: 'x', properties: Uint8Array.from(octets) });
    await byBroker({
      leveret: () => conn.expectClose(501, `FRAME_ERROR - cannot decode <<${octets}>>`),
      rabbitmq: () => conn.expectClose(541, 'INTERNAL_ERROR', 'none'),
    })();
  });

  test.each([
    ['that says more flags follow', [0, 1]],
    ['that nobody knows', [0, 2]],
  ])('a flag %s, and nothing else', async (_, octets) => {
    const [conn, ch] = await connectedChannel();
    ch.publish({ routingKey: 'x', properties: Uint8Array.from(octets) });
    await byBroker({
      leveret: () => conn.expectClose(501, `FRAME_ERROR - cannot decode <<${octets}>>`),
      rabbitmq: () => ch.expectNothing(),
    })();
  });
});

describe('4.2.5.5 every type of table value comes back as it was', () => {
  const values: FieldValue[] = [
    { type: 't', value: true },
    { type: 't', value: false },
    { type: 'b', value: -128 },
    { type: 'B', value: 255 },
    { type: 's', value: -32_768 },
    { type: 'u', value: 65_535 },
    { type: 'I', value: -2_147_483_648 },
    { type: 'i', value: 4_294_967_295 },
    { type: 'l', value: -9_223_372_036_854_775_808n },
    { type: 'f', value: 1.5 },
    { type: 'd', value: Math.PI },
    { type: 'D', value: { scale: 2, unscaled: 314 } },
    { type: 'S', value: 'text äöü 🐇' },
    { type: 'S', value: Uint8Array.of(0, 0xff, 0xfe) },
    { type: 'S', value: '' },
    { type: 'x', value: Uint8Array.of(1, 2, 3) },
    { type: 'T', value: 1_700_000_000n },
    { type: 'V', value: null },
    { type: 'A', value: [] },
    {
      type: 'A',
      value: [
        { type: 'I', value: 1 },
        { type: 'A', value: [{ type: 'V', value: null }] },
      ],
    },
    { type: 'F', value: FieldTable.empty },
    { type: 'F', value: table({ a: table({ b: [1, 'c', true] }) }) },
  ];
  test.each(values)('$type: $value', async (value) => {
    const sent = propertyBytes({ headers: { value } });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('all in one table, in their order', async () => {
    const headers = new FieldTable(values.map((value, i) => [`h${99 - i}`, value] as const));
    const sent = propertyBytes({ headers });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('a name twice, an empty name, a name of 255 octets', async () => {
    const one: FieldValue = { type: 'I', value: 1 };
    const headers = new FieldTable([
      ['a', one],
      ['', one],
      ['a', { type: 'S', value: 'again' }],
      ['n'.repeat(255), one],
    ]);
    const sent = propertyBytes({ headers });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('tables within tables, 50 deep', async () => {
    let inner = FieldTable.empty;
    for (let depth = 0; depth < 50; depth++) inner = table({ inner });
    const sent = propertyBytes({ headers: inner });
    expect(await roundTrip(sent)).toEqual(sent);
  });

  test('a returned message keeps them too', async () => {
    const ch = await openChannel();
    const headers = new FieldTable(values.map((value, i) => [`h${i}`, value] as const));
    const sent = propertyBytes({ ...allProperties, headers });
    ch.publish({ routingKey: 'nowhere at all', properties: sent, mandatory: true });
    expect((await ch.expect('basic.return')).propertyBytes).toEqual(sent);
  });
});
