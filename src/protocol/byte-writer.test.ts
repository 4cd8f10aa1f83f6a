import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { FieldTable } from './field-table.ts';

/** What `write` writes, as hex. */
function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  expect(writer.length).toBe(writer.bytes.length);
  return Buffer.from(writer.bytes).toString('hex');
}

test('each type, big-endian', () => {
  expect(written((w) => w.octet(0xfe))).toMatchInlineSnapshot(`"fe"`);
  expect(written((w) => w.signedOctet(-2))).toMatchInlineSnapshot(`"fe"`);
  expect(written((w) => w.short(0x102))).toMatchInlineSnapshot(`"0102"`);
  expect(written((w) => w.signedShort(-2))).toMatchInlineSnapshot(`"fffe"`);
  expect(written((w) => w.long(0xfffefdfc))).toMatchInlineSnapshot(`"fffefdfc"`);
  expect(written((w) => w.signedLong(-2))).toMatchInlineSnapshot(`"fffffffe"`);
  expect(written((w) => w.longlong(0xffff_ffff))).toMatchInlineSnapshot(`"00000000ffffffff"`);
  expect(written((w) => w.longlong(2 ** 32 + 2))).toMatchInlineSnapshot(`"0000000100000002"`);
  expect(written((w) => w.longlong(2 ** 53 - 1))).toMatchInlineSnapshot(`"001fffffffffffff"`);
  expect(written((w) => w.signedBig(-2n))).toMatchInlineSnapshot(`"fffffffffffffffe"`);
  expect(written((w) => w.unsignedBig(2n ** 64n - 2n))).toMatchInlineSnapshot(`"fffffffffffffffe"`);
  expect(written((w) => w.float(1.5))).toMatchInlineSnapshot(`"3fc00000"`);
  expect(written((w) => w.double(1.5))).toMatchInlineSnapshot(`"3ff8000000000000"`);
  expect(written((w) => w.shortstr(''))).toMatchInlineSnapshot(`"00"`);
  expect(written((w) => w.shortstr('aé'))).toMatchInlineSnapshot(`"0361c3a9"`);
  expect(written((w) => w.longstr(Uint8Array.of(255, 0)))).toMatchInlineSnapshot(`"00000002ff00"`);
  expect(written((w) => w.table(FieldTable.empty))).toMatchInlineSnapshot(`"00000000"`);
  const table = new FieldTable([['k', { type: 't', value: true }]]);
  expect(written((w) => w.table(table))).toMatchInlineSnapshot(`"00000004016b7401"`);
});

test('sized puts the length in front, nested too', () => {
  const write = (w: ByteWriter) =>
    w.sized(() => {
      w.octet(0xaa);
      w.sized(() => w.short(0xbbbb));
      w.sized(() => {});
    });
  expect(written(write)).toMatchInlineSnapshot(`"0000000baa00000002bbbb00000000"`);
});

describe('what does not fit is refused, and nothing of it is written', () => {
  type IntegerMethod =
    | 'octet'
    | 'signedOctet'
    | 'short'
    | 'signedShort'
    | 'long'
    | 'signedLong'
    | 'longlong';
  const integers: [IntegerMethod, min: number, max: number][] = [
    ['octet', 0, 255],
    ['signedOctet', -128, 127],
    ['short', 0, 65_535],
    ['signedShort', -32_768, 32_767],
    ['long', 0, 4_294_967_295],
    ['signedLong', -2_147_483_648, 2_147_483_647],
    ['longlong', 0, Number.MAX_SAFE_INTEGER],
  ];

  function refused(write: (writer: ByteWriter) => void, reason: string): void {
    const writer = new ByteWriter();
    expect(() => write(writer)).toThrow(RangeError);
    expect(() => write(writer)).toThrow(reason);
    expect(writer.length).toBe(0);
  }

  test.each(integers)('%s takes %i to %i', (method, min, max) => {
    for (const value of [min, max]) {
      const writer = new ByteWriter();
      writer[method](value);
      expect(new ByteReader(writer.bytes)[method]()).toBe(value);
    }
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, Infinity]) {
      refused((w) => w[method](value), `takes an integer from ${min} to ${max}, not: ${value}`);
    }
  });

  test('64-bit integers', () => {
    refused((w) => w.signedBig(2n ** 63n), 'signed 64-bit');
    refused((w) => w.signedBig(-(2n ** 63n) - 1n), 'signed 64-bit');
    refused((w) => w.unsignedBig(2n ** 64n), 'unsigned 64-bit');
    refused((w) => w.unsignedBig(-1n), 'unsigned 64-bit');
  });

  test('a number that is finite in 64 bits and not in 32', () => {
    refused((w) => w.float(3.5e38), 'a 32-bit float does not hold: 3.5e+38');
    refused((w) => w.float(-1e300), 'a 32-bit float does not hold: -1e+300');
    for (const value of [Infinity, -Infinity, Number.NaN, -0, 2 ** 127]) {
      const writer = new ByteWriter();
      writer.float(value);
      expect(new ByteReader(writer.bytes).float()).toBe(value);
    }
  });

  test('a short string counts bytes, not characters: 255 fit, 256 do not', () => {
    expect(written((w) => w.shortstr('x'.repeat(255)))).toBe(`ff${'78'.repeat(255)}`);
    refused((w) => w.shortstr('x'.repeat(256)), 'a short string holds 255 bytes, not 256');
    expect(written((w) => w.shortstr(`x${'é'.repeat(127)}`))).toBe(`ff78${'c3a9'.repeat(127)}`);
    refused((w) => w.shortstr('é'.repeat(128)), 'a short string holds 255 bytes, not 256');
  });
});

test('clear starts over', () => {
  const writer = new ByteWriter();
  writer.long(1);
  writer.clear();
  writer.octet(2);
  expect(writer.bytes).toEqual(Uint8Array.of(2));
});

test('whatever is written is read back, across any growth of the buffer', () => {
  const write = {
    octet: fc.nat(0xff),
    signedOctet: fc.integer({ min: -0x80, max: 0x7f }),
    short: fc.nat(0xffff),
    signedShort: fc.integer({ min: -0x8000, max: 0x7fff }),
    long: fc.nat(0xffff_ffff),
    signedLong: fc.integer(),
    longlong: fc.maxSafeNat(),
    signedBig: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    unsignedBig: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    float: fc.float(),
    double: fc.double(),
    shortstr: fc.string({ unit: 'grapheme', maxLength: 20 }),
    longstr: fc.uint8Array({ maxLength: 600 }),
  };
  type Type = keyof typeof write;
  const types = Object.keys(write) as Type[];
  const step = fc.oneof(...types.map((type) => fc.tuple(fc.constant(type), write[type])));
  fc.assert(
    fc.property(fc.array(step, { size: 'medium' }), fc.nat(300), (steps, padding) => {
      const writer = new ByteWriter();
      for (let i = 0; i < padding; i++) writer.octet(i & 0xff);
      for (const [type, value] of steps) writer[type](value as never);
      const reader = new ByteReader(writer.bytes);
      const octets = Array.from({ length: padding }, () => reader.octet());
      expect(octets).toEqual(Array.from({ length: padding }, (_, i) => i & 0xff));
      for (const [type, value] of steps) expect(reader[type]()).toEqual(value);
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('text is the same bytes whether it is ASCII or not, in a short string and a long one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 80 }), { maxLength: 9 }),
      (texts) => {
        const writer = new ByteWriter();
        const expected: number[] = [];
        for (const text of texts) {
          const bytes = new TextEncoder().encode(text);
          writer.longText(text);
          expected.push(0, 0, bytes.length >> 8, bytes.length & 0xff, ...bytes);
          if (bytes.length > 0xff) continue;
          writer.shortstr(text);
          expected.push(bytes.length, ...bytes);
        }
        expect([...writer.bytes]).toEqual(expected);
      },
    ),
  );
});
