import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { blockOf } from './block.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { FieldTable, type FieldValue } from './field-table.ts';
import {
  type BasicProperties,
  decodeProperties,
  encodeProperties,
  PropertyFlag,
  propertiesAreWellFormed,
} from './properties.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function encode(properties: BasicProperties): Uint8Array {
  const writer = new ByteWriter();
  encodeProperties(properties, writer);
  return writer.bytes;
}

function hexOf(properties: BasicProperties): string {
  return Buffer.from(encode(properties)).toString('hex');
}

function decode(bytes: Uint8Array): BasicProperties {
  const reader = new ByteReader(bytes);
  const properties = decodeProperties(reader);
  expect(reader.remaining).toBe(0);
  return properties;
}

const headers = new FieldTable([['k', { type: 'V', value: null }]]);

test('each property has its flag and its type, and is absent unless it was there', () => {
  const each: BasicProperties[] = [
    {},
    { contentType: 'a' },
    { contentEncoding: 'a' },
    { headers },
    { deliveryMode: 2 },
    { priority: 9 },
    { correlationId: 'a' },
    { replyTo: 'a' },
    { expiration: '1' },
    { messageId: 'a' },
    { timestamp: 2n ** 64n - 1n },
    { type: 'a' },
    { userId: 'a' },
    { appId: 'a' },
    { clusterId: 'a' },
  ];
  for (const properties of each) {
    const bytes = encode(properties);
    expect(decode(bytes)).toStrictEqual(properties);
    expect(propertiesAreWellFormed(blockOf(bytes).view, 0, bytes.length)).toBe(true);
  }
  const lines = each.map((properties) => {
    const [name = 'nothing'] = Object.keys(properties);
    return `${name} ${hexOf(properties)}`;
  });
  expect(lines).toMatchInlineSnapshot(`
    [
      "nothing 0000",
      "contentType 80000161",
      "contentEncoding 40000161",
      "headers 200000000003016b56",
      "deliveryMode 100002",
      "priority 080009",
      "correlationId 04000161",
      "replyTo 02000161",
      "expiration 01000131",
      "messageId 00800161",
      "timestamp 0040ffffffffffffffff",
      "type 00200161",
      "userId 00100161",
      "appId 00080161",
      "clusterId 00040161",
    ]
  `);
});

test('all 14 come in the order of their flags', () => {
  const all: Required<BasicProperties> = {
    clusterId: 'n',
    appId: 'm',
    userId: 'l',
    type: 'k',
    timestamp: 0x0a0a_0a0an,
    messageId: 'i',
    expiration: 'h',
    replyTo: 'g',
    correlationId: 'f',
    priority: 5,
    deliveryMode: 4,
    headers,
    contentEncoding: 'b',
    contentType: 'a',
  };
  expect(decode(encode(all))).toStrictEqual(all);
  expect(hexOf(all).match(/.{1,32}/g)).toMatchInlineSnapshot(`
    [
      "fffc0161016200000003016b56040501",
      "66016701680169000000000a0a0a0a01",
      "6b016c016d016e",
    ]
  `);
});

test('absent is not empty', () => {
  const empty = { contentType: '', headers: FieldTable.empty, deliveryMode: 0, timestamp: 0n };
  expect(hexOf(empty)).toMatchInlineSnapshot(`"b0400000000000000000000000000000"`);
  expect(decode(encode(empty))).toStrictEqual(empty);
  expect(hexOf({})).toMatchInlineSnapshot(`"0000"`);
  expect(decode(encode({}))).toStrictEqual({});
});

test.each([
  ['another flag word', '80 01', '0x8001'],
  ['a flag without a property', '00 02', '0x2'],
])('%s is a frame error', (_what, hex, flags) => {
  expect(() => decode(bytesOf(hex))).toThrow(
    new AmqpError(501, `unknown basic property flags ${flags}`),
  );
});

test('what does not fit is refused', () => {
  expect(() => encode({ contentType: 'x'.repeat(256) })).toThrow(RangeError);
  expect(() => encode({ priority: 256 })).toThrow(RangeError);
  expect(() => encode({ deliveryMode: -1 })).toThrow(RangeError);
  expect(() => encode({ timestamp: -1n })).toThrow(RangeError);
});

const shortstr = fc.string({ unit: 'grapheme', maxLength: 20 });
const fieldValue: fc.Arbitrary<FieldValue> = fc.oneof(
  shortstr.map((value) => ({ type: 'S' as const, value })),
  fc.integer().map((value) => ({ type: 'I' as const, value })),
  fc.constant({ type: 'F' as const, value: headers }),
);
const arbitraryHeaders = fc
  .array(fc.tuple(shortstr, fieldValue), { maxLength: 3 })
  .map((entries) => new FieldTable(entries));
const arbitraryProperties: fc.Arbitrary<BasicProperties> = fc.record(
  {
    contentType: shortstr,
    contentEncoding: shortstr,
    headers: arbitraryHeaders,
    deliveryMode: fc.nat(255),
    priority: fc.nat(255),
    correlationId: shortstr,
    replyTo: shortstr,
    expiration: shortstr,
    messageId: shortstr,
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    type: shortstr,
    userId: shortstr,
    appId: shortstr,
    clusterId: shortstr,
  } satisfies Record<keyof BasicProperties, fc.Arbitrary<unknown>>,
  { requiredKeys: [], noNullPrototype: true },
);

test('any properties survive the wire', () => {
  fc.assert(
    fc.property(arbitraryProperties, (properties) => {
      expect(decode(encode(properties))).toStrictEqual(properties);
    }),
  );
});

describe('propertiesAreWellFormed says what decodeProperties does', () => {
  /** Whether the decoder, which is the authority, takes the bytes and all of them. */
  function decodes(bytes: Uint8Array): boolean {
    const reader = new ByteReader(bytes);
    try {
      decodeProperties(reader);
    } catch (error) {
      if (error instanceof AmqpError) return false;
      throw error;
    }
    return reader.remaining === 0;
  }

  /** Both are asked about the bytes alone and with others around them. */
  function expectAgreement(bytes: Uint8Array): void {
    const expected = decodes(bytes);
    expect(propertiesAreWellFormed(blockOf(bytes).view, 0, bytes.length)).toBe(expected);
    const within = Uint8Array.from([0x80, ...bytes, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(propertiesAreWellFormed(blockOf(within).view, 1, 1 + bytes.length)).toBe(expected);
  }

  test.each([
    '',
    '00',
    '10',
    '00 00',
    '00 00 00',
    '10 00',
    '10 00 02',
    '18 00 02',
    '18 00 02 09',
    '18 00 02 09 00',
    '80 00',
    '80 00 01',
    '80 00 01 61',
    '80 00 01 ff',
    '20 00 00 00 00',
    '20 00 00 00 00 00',
    '20 00 ff ff ff ff',
    '00 40 00 00 00 00 00 00 00',
    '00 40 00 00 00 00 00 00 00 00',
    '04 01',
    '00 02',
  ])('of %j', (hex) => {
    expectAgreement(bytesOf(hex));
  });

  test('of any bytes behind any flags', () => {
    const flags = fc.subarray(Object.values(PropertyFlag), { maxLength: 3 });
    const octet = fc.oneof(fc.constantFrom(0, 1, 2, 0x53, 0x46, 0x6b), fc.nat(255));
    fc.assert(
      fc.property(flags, fc.array(octet, { maxLength: 24 }), (flags, octets) => {
        const word = flags.reduce((all, flag) => all | flag, 0);
        expectAgreement(Uint8Array.from([word >> 8, word & 255, ...octets]));
      }),
      { numRuns: 2000 },
    );
  });

  test('of properties that were spoilt', () => {
    const change = fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255)));
    const changes = fc.array(change, { maxLength: 2 });
    const resize = fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      fc.integer({ min: -9, max: 9 }),
    );
    fc.assert(
      fc.property(arbitraryProperties, changes, resize, (properties, changes, resize) => {
        const whole = encode(properties);
        const bytes = new Uint8Array(Math.max(0, whole.length + resize));
        bytes.set(whole.subarray(0, bytes.length));
        for (const [at, octet] of changes) if (bytes.length > 0) bytes[at % bytes.length] = octet;
        expectAgreement(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
