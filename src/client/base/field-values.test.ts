import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../protocol/byte-reader.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import {
  decodeTable,
  encodeTable,
  FieldTable,
  type FieldValue,
} from '../../protocol/field-table.ts';
import { InvalidArgument } from './errors.ts';
import { fromFieldTable, fromFieldValue, toFieldTable } from './field-values.ts';

const typed = (value: unknown): FieldValue | undefined =>
  toFieldTable({ value }, 'headers').get('value');

function overTheWire(table: FieldTable): FieldTable {
  const writer = new ByteWriter();
  encodeTable(table, writer);
  return decodeTable(new ByteReader(writer.bytes));
}

describe('the types are py-amqp’s', () => {
  test.each<[unknown, FieldValue]>([
    ['text', { type: 'S', value: 'text' }],
    [true, { type: 't', value: true }],
    [0, { type: 'I', value: 0 }],
    [-2_147_483_648, { type: 'I', value: -2_147_483_648 }],
    [2_147_483_647, { type: 'I', value: 2_147_483_647 }],
    [2_147_483_648, { type: 'l', value: 2_147_483_648n }],
    [5n, { type: 'l', value: 5n }],
    [0.5, { type: 'd', value: 0.5 }],
    [-0, { type: 'd', value: -0 }],
    [1e300, { type: 'd', value: 1e300 }],
    [Number.NaN, { type: 'd', value: Number.NaN }],
    [new Date(1_700_000_000_999), { type: 'T', value: 1_700_000_000n }],
    [Uint8Array.of(1, 2), { type: 'x', value: Uint8Array.of(1, 2) }],
    [null, { type: 'V', value: null }],
    [
      [1, undefined],
      {
        type: 'A',
        value: [
          { type: 'I', value: 1 },
          { type: 'V', value: null },
        ],
      },
    ],
    [{ a: 1 }, { type: 'F', value: new FieldTable([['a', { type: 'I', value: 1 }]]) }],
  ])('%o', (value, field) => expect(typed(value)).toEqual(field));

  test('bytes are bytes whatever holds them', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const views = [Buffer.from(bytes), new DataView(bytes.buffer), new Uint32Array(bytes.buffer)];
    for (const view of views) {
      expect(fromFieldValue(typed(view)!)).toEqual(bytes);
    }
  });

  test('undefined is left out, as JSON does', () => {
    expect(toFieldTable({ a: undefined, b: 1 }, 'headers').entries.map(([name]) => name)).toEqual([
      'b',
    ]);
  });

  test('values of another realm are as good, which is where Jest’s come from', () => {
    const value: unknown = runInNewContext(
      '({ at: new Date(5000), list: [1], bytes: new Uint8Array([7]), inner: { a: true } })',
    );
    expect(fromFieldValue(typed(value)!)).toEqual({
      at: new Date(5000),
      list: [1],
      bytes: Uint8Array.of(7),
      inner: { a: true },
    });
  });
});

describe('what does not fit is refused by its path', () => {
  test.each<[unknown, string]>([
    [2n ** 63n, 'headers.value does not fit in 64 bits: 9223372036854775808'],
    [{ a: [0, () => {}] }, 'headers.value.a[1] is a function, which no message can carry'],
    [Symbol('s'), 'headers.value is a symbol, which no message can carry'],
    [new Map(), 'headers.value is a Map; what fits are texts, numbers'],
    [{ url: new URL('amqp://h') }, 'headers.value.url is a URL; what fits'],
    [new Date(Number.NaN), 'headers.value is a Date that is invalid or before 1970'],
    [new Date(-1), 'headers.value is a Date that is invalid or before 1970'],
    ['\ud800', 'headers.value holds half a surrogate pair, which UTF-8 cannot say'],
    [{ 'a\udc00': 1 }, 'holds half a surrogate pair'],
    [
      { ['n'.repeat(256)]: 1 },
      `headers.value.${'n'.repeat(40)}… has a name of more than 255 bytes`,
    ],
    [{ ['é'.repeat(128)]: 1 }, 'has a name of more than 255 bytes'],
  ])('%o', (value, message) => {
    expect(() => typed(value)).toThrow(InvalidArgument);
    expect(() => typed(value)).toThrow(message);
  });

  test('circles have no end', () => {
    const circle: Record<string, unknown> = {};
    circle.again = circle;
    const spiral: unknown[] = [];
    spiral.push(spiral);
    for (const value of [circle, spiral]) {
      expect(() => typed(value)).toThrow('is nested deeper than 100, or in a circle');
    }
  });

  test('255 bytes of name are fine', () => {
    expect(toFieldTable({ ['n'.repeat(255)]: 1 }, 'headers').size).toBe(1);
  });
});

describe('reading', () => {
  test.each<[FieldValue, unknown]>([
    [{ type: 'l', value: 2n ** 53n - 1n }, 2 ** 53 - 1],
    [{ type: 'l', value: 2n ** 53n }, 2n ** 53n],
    [{ type: 'L', value: -(2n ** 63n) }, -(2n ** 63n)],
    [{ type: 'T', value: 1_700_000_000n }, new Date(1_700_000_000_000)],
    [{ type: 'T', value: 2n ** 64n - 1n }, 2n ** 64n - 1n],
    [{ type: 'D', value: { scale: 2, unscaled: 314 } }, 3.14],
    [{ type: 's', value: -3 }, -3],
    [{ type: 'f', value: 0.5 }, 0.5],
    [{ type: 'S', value: Uint8Array.of(0xff) }, Uint8Array.of(0xff)],
  ])('%o', (field, value) => expect(fromFieldValue(field)).toEqual(value));

  test('of a repeated name the first counts, and no name is magic', () => {
    const table = new FieldTable([
      ['a', { type: 'I', value: 1 }],
      ['a', { type: 'I', value: 2 }],
      ['__proto__', { type: 'I', value: 3 }],
    ]);
    const read = fromFieldTable(table);
    expect(Object.entries(read)).toEqual([
      ['a', 1],
      ['__proto__', 3],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });

  test('anything that fits comes back as it was', () => {
    const text = fc.string({ unit: 'grapheme' });
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.boolean(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.double(),
        fc.constant(null),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
        fc.uint8Array(),
        fc.integer({ min: 0, max: 2 ** 32 }).map((seconds) => new Date(seconds * 1000)),
        fc.array(tie('tree')),
        fc.dictionary(
          text.filter((name) => Buffer.byteLength(name) < 256),
          tie('tree'),
        ),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const table = overTheWire(toFieldTable({ value }, 'headers'));
        // Arrays and objects of fast-check may have no prototype; that is not what is compared.
        expect(fromFieldTable(table)).toEqual({ value });
      }),
    );
  });
});
