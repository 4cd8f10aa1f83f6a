import { describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { ByteReader } from './byte-reader.ts';
import { FieldTable } from './field-table.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

type ReaderMethod =
  | 'octet'
  | 'signedOctet'
  | 'short'
  | 'signedShort'
  | 'long'
  | 'signedLong'
  | 'longlong'
  | 'signedBig'
  | 'unsignedBig'
  | 'float'
  | 'double'
  | 'shortstr'
  | 'longstr'
  | 'table';

const examples: [method: ReaderMethod, hex: string, value: unknown][] = [
  ['octet', '00', 0],
  ['octet', 'ff', 255],
  ['signedOctet', '7f', 127],
  ['signedOctet', '80', -128],
  ['short', 'ff fe', 65_534],
  ['signedShort', '7f ff', 32_767],
  ['signedShort', 'ff fe', -2],
  ['long', 'ff ff ff fe', 4_294_967_294],
  ['signedLong', '7f ff ff ff', 2_147_483_647],
  ['signedLong', 'ff ff ff fe', -2],
  ['longlong', '00 00 00 00 ff ff ff ff', 4_294_967_295],
  ['longlong', '00 00 00 01 00 00 00 02', 4_294_967_298],
  ['longlong', '00 1f ff ff ff ff ff ff', Number.MAX_SAFE_INTEGER],
  ['longlong', 'ff ff ff ff ff ff ff ff', 2 ** 64],
  ['signedBig', '7f ff ff ff ff ff ff ff', 9_223_372_036_854_775_807n],
  ['signedBig', 'ff ff ff ff ff ff ff fe', -2n],
  ['unsignedBig', 'ff ff ff ff ff ff ff fe', 18_446_744_073_709_551_614n],
  ['float', '3f c0 00 00', 1.5],
  ['float', 'ff 80 00 00', -Infinity],
  ['double', '3f f8 00 00 00 00 00 00', 1.5],
  ['double', '80 00 00 00 00 00 00 00', -0],
  ['shortstr', '00', ''],
  ['shortstr', '03 61 c3 a9', 'aé'],
  ['longstr', '00 00 00 00', bytesOf('')],
  ['longstr', '00 00 00 02 ff 00', bytesOf('ff 00')],
  ['table', '00 00 00 00', FieldTable.empty],
  ['table', '00 00 00 04 01 6b 74 01', new FieldTable([['k', { type: 't', value: true }]])],
];

describe.each(examples)('%s of %s', (method, hex, value) => {
  test('is read in full, in the midst of other bytes', () => {
    const reader = new ByteReader(bytesOf(`aa bb ${hex} cc`), 2);
    expect(reader[method]()).toEqual(value);
    expect(reader.remaining).toBe(1);
    expect(reader.octet()).toBe(0xcc);
  });

  test('is read from a view that does not begin where its buffer does', () => {
    const reader = new ByteReader(bytesOf(`aa bb ${hex}`).subarray(2));
    expect(reader[method]()).toEqual(value);
    expect(reader.remaining).toBe(0);
  });

  test('is a frame error when its last byte is missing, though the buffer goes on', () => {
    const whole = bytesOf(hex);
    const reader = new ByteReader(whole, 0, whole.length - 1);
    expect(() => reader[method]()).toThrow(
      new AmqpError(501, 'cannot decode: the frame ends too early'),
    );
  });
});

test('a length beyond the end is refused before anything is allocated', () => {
  for (const method of ['longstr', 'table'] as const) {
    const reader = new ByteReader(bytesOf('ff ff ff ff 00'));
    expect(() => reader[method]()).toThrow('the frame ends too early');
  }
});

test('a short string that is not UTF-8 is a frame error', () => {
  const reader = new ByteReader(bytesOf('02 c3 28'));
  expect(() => reader.shortstr()).toThrow(new AmqpError(501, 'Malformed UTF-8 in shortstr'));
});

test('a short string of 255 bytes is read', () => {
  const reader = new ByteReader(Uint8Array.from([255, ...Buffer.from('x'.repeat(255))]));
  expect(reader.shortstr()).toBe('x'.repeat(255));
});

test.each([
  ['Uint8Array', bytesOf('00 00 00 02 61 62')],
  ['Buffer', Buffer.from('000000026162', 'hex')],
])('a long string is a copy that outlives the %s it was read from', (_kind, bytes) => {
  const text = new ByteReader(bytes).longstr();
  bytes.fill(0xaa);
  expect(Buffer.from(text).toString()).toBe('ab');
});

test('a slice is bounded at both ends, and its reader goes on behind it', () => {
  const reader = new ByteReader(bytesOf('01 02 03 04'));
  reader.octet();
  const slice = reader.slice(2);
  expect(slice.remaining).toBe(2);
  expect(slice.short()).toBe(0x0203);
  expect(() => slice.octet()).toThrow(AmqpError);
  expect(reader.octet()).toBe(4);
  expect(() => reader.slice(1)).toThrow(AmqpError);
});
