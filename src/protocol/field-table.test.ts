import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { blockOf } from './block.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  decodeTable,
  encodeTable,
  FieldTable,
  type FieldValue,
  tableIsWellFormed,
} from './field-table.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function decode(bytes: Uint8Array): FieldTable {
  return decodeTable(new ByteReader(bytes));
}

function encode(table: FieldTable): Uint8Array {
  const writer = new ByteWriter();
  encodeTable(table, writer);
  return writer.bytes;
}

/** Asked with other bytes around, which must not matter. */
function isWellFormed(bytes: Uint8Array): boolean {
  const { view } = blockOf(Uint8Array.from([0xff, ...bytes, 0x01, 0x6b, 0x56]).subarray(1));
  return tableIsWellFormed(view, 0, bytes.length);
}

/** Whether the decoder, which is the authority, takes the bytes. */
function decodes(bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch (error) {
    if (error instanceof AmqpError) return false;
    throw error;
  }
}

describe('each type has its bytes', () => {
  const examples: [hex: string, value: FieldValue][] = [
    ['74 00', { type: 't', value: false }],
    ['74 01', { type: 't', value: true }],
    ['62 fe', { type: 'b', value: -2 }],
    ['42 fe', { type: 'B', value: 254 }],
    ['73 ff fe', { type: 's', value: -2 }],
    ['75 ff fe', { type: 'u', value: 65_534 }],
    ['49 ff ff ff fe', { type: 'I', value: -2 }],
    ['69 ff ff ff fe', { type: 'i', value: 4_294_967_294 }],
    ['6c ff ff ff ff ff ff ff fe', { type: 'l', value: -2n }],
    ['4c 00 00 00 01 00 00 00 02', { type: 'L', value: 4_294_967_298n }],
    ['66 3f c0 00 00', { type: 'f', value: 1.5 }],
    ['64 c0 04 00 00 00 00 00 00', { type: 'd', value: -2.5 }],
    ['44 02 00 00 01 3a', { type: 'D', value: { scale: 2, unscaled: 314 } }],
    ['53 00 00 00 03 61 c3 a9', { type: 'S', value: 'aé' }],
    ['53 00 00 00 02 c3 28', { type: 'S', value: bytesOf('c3 28') }],
    ['78 00 00 00 02 61 62', { type: 'x', value: bytesOf('61 62') }],
    ['54 ff ff ff ff ff ff ff ff', { type: 'T', value: 18_446_744_073_709_551_615n }],
    ['56', { type: 'V', value: null }],
    ['41 00 00 00 00', { type: 'A', value: [] }],
    [
      '41 00 00 00 03 56 74 01',
      {
        type: 'A',
        value: [
          { type: 'V', value: null },
          { type: 't', value: true },
        ],
      },
    ],
    ['46 00 00 00 00', { type: 'F', value: FieldTable.empty }],
    [
      '46 00 00 00 04 01 61 62 07',
      { type: 'F', value: new FieldTable([['a', { type: 'b', value: 7 }]]) },
    ],
  ];

  test.each(examples)('%s', (hex, value) => {
    const bytes = bytesOf(`01 6b ${hex}`); // the name k, then the value
    const table = new FieldTable([['k', value]]);
    expect(decode(bytes)).toEqual(table);
    expect(hexOf(encode(table))).toBe(hexOf(bytes));
    expect(isWellFormed(bytes)).toBe(true);
  });

  test.each(examples)('%s without its last byte is refused', (hex) => {
    const bytes = bytesOf(`01 6b ${hex}`).subarray(0, -1);
    expect(() => decode(bytes)).toThrow(AmqpError);
    expect(isWellFormed(bytes)).toBe(false);
  });

  test('true is any octet but 0, and is written as 1', () => {
    const table = decode(bytesOf('01 6b 74 02'));
    expect(table.get('k')).toEqual({ type: 't', value: true });
    expect(hexOf(encode(table))).toBe('016b7401');
  });

  test.each([
    ['of an array', '01 6b 41 00 00 00 01 74 00 56'],
    ['of a table', '01 6b 46 00 00 00 03 01 6b 74 00 56'],
    ['of an array, which is the length of a string', '01 6b 41 00 00 00 04 53 00 00 00 00 56'],
  ])('a value does not reach over the end %s', (_what, hex) => {
    expect(() => decode(bytesOf(hex))).toThrow('the frame ends too early');
    expect(isWellFormed(bytesOf(hex))).toBe(false);
  });

  test('an unknown type is a syntax error', () => {
    expect(() => decode(bytesOf('01 6b 7a'))).toThrow(
      new AmqpError(502, 'unknown field type 0x7a in a field table'),
    );
  });

  test('a name that is not UTF-8 is a frame error', () => {
    expect(() => decode(bytesOf('01 ff 56'))).toThrow(
      new AmqpError(501, 'Malformed UTF-8 in shortstr'),
    );
  });
});

describe('what does not fit is refused by the encoder', () => {
  test.each<[FieldValue]>([
    [{ type: 'b', value: 128 }],
    [{ type: 'B', value: -1 }],
    [{ type: 's', value: 32_768 }],
    [{ type: 'u', value: 65_536 }],
    [{ type: 'I', value: 2 ** 31 }],
    [{ type: 'i', value: -1 }],
    [{ type: 'l', value: 2n ** 63n }],
    [{ type: 'L', value: 2n ** 63n }],
    [{ type: 'T', value: -1n }],
    [{ type: 'f', value: 1e300 }],
    [{ type: 'D', value: { scale: 256, unscaled: 0 } }],
    [{ type: 'D', value: { scale: 0, unscaled: -1 } }],
  ])('%o', (value) => {
    expect(() => encode(new FieldTable([['k', value]]))).toThrow(RangeError);
  });

  test('a name of 256 bytes', () => {
    expect(() => encode(new FieldTable([['n'.repeat(256), { type: 'V', value: null }]]))).toThrow(
      'a short string holds 255 bytes, not 256',
    );
  });
});

describe('names', () => {
  const one: FieldValue = { type: 'B', value: 1 };
  const two: FieldValue = { type: 'B', value: 2 };
  const three: FieldValue = { type: 'B', value: 3 };
  const table = new FieldTable([
    ['a', one],
    ['b', two],
    ['a', three],
  ]);

  test('a name that is repeated keeps its places, and the first is the answer', () => {
    expect(hexOf(encode(table))).toBe('016142010162420201614203');
    expect(decode(encode(table))).toEqual(table);
    expect(table.size).toBe(3);
    expect(table.get('a')).toBe(one);
    expect(table.get('c')).toBeUndefined();
    expect(table.has('b')).toBe(true);
    expect(table.has('c')).toBe(false);
  });

  test('names of JavaScript objects are names like any other', () => {
    expect(table.get('__proto__')).toBeUndefined();
    expect(table.has('constructor')).toBe(false);
  });

  test('with sets at the old place or at the end, without removes, the table stays', () => {
    expect(table.with('b', three).entries.map(([name]) => name)).toEqual(['a', 'b', 'a']);
    expect(table.with('b', three).get('b')).toBe(three);
    expect(table.with('a', two).get('a')).toBe(two);
    expect(table.with('c', one).entries.at(-1)).toEqual(['c', one]);
    expect(table.without('a').entries).toEqual([['b', two]]);
    expect(table.size).toBe(3);
  });
});

describe('nesting', () => {
  /** As many arrays (type A) or tables (type F, name k) as `depth`, each the only value of the one around it. */
  function nest(type: 'A' | 'F', depth: number): Uint8Array {
    const levels: number[][] = [];
    const nameBytes = type === 'A' ? 0 : 2;
    for (let level = 0, size = 0; level < depth; level++, size += 5 + nameBytes) {
      const head = [type.charCodeAt(0), size >>> 24, (size >> 16) & 255, (size >> 8) & 255];
      levels.push([...(type === 'A' ? [] : [1, 0x6b]), ...head, size & 255]);
    }
    const name = type === 'A' ? [1, 0x6b] : [];
    return Uint8Array.from([...name, ...levels.reverse().flat()]);
  }

  test('the helper lays levels out as it says', () => {
    expect(hexOf(nest('A', 2))).toBe('016b41000000054100000000');
    expect(hexOf(nest('F', 2))).toBe('016b4600000007016b4600000000');
  });

  test.each(['A', 'F'] as const)('128 levels of %s are taken, 129 are not', (type) => {
    const deep = nest(type, 128);
    expect(hexOf(encode(decode(deep)))).toBe(hexOf(deep));
    expect(isWellFormed(deep)).toBe(true);
    const tooDeep = nest(type, 129);
    expect(() => decode(tooDeep)).toThrow(new AmqpError(502, 'field table nested deeper than 128'));
    expect(isWellFormed(tooDeep)).toBe(false);
  });

  test.each(['A', 'F'] as const)(
    '20,000 levels of %s do not reach the end of the stack',
    (type) => {
      const tooDeep = nest(type, 20_000);
      expect(() => decode(tooDeep)).toThrow(AmqpError);
      expect(isWellFormed(tooDeep)).toBe(false);
    },
  );
});

// Tables as they may come, laid out here rather than by the encoder: names repeat, text need not be UTF-8.
const u32 = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
const fixed = (type: string, sizeBytes: number) =>
  fc
    .uint8Array({ minLength: sizeBytes, maxLength: sizeBytes })
    .map((bytes) => [type.charCodeAt(0), ...bytes]);
const sized = (type: string, content: fc.Arbitrary<readonly number[]>) =>
  content.map((bytes) => [type.charCodeAt(0), ...u32(bytes.length), ...bytes]);
const octets = fc.uint8Array({ maxLength: 20 }).map((bytes) => [...bytes]);
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => [...Buffer.from(value)]);
const name = fc
  .oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'grapheme', maxLength: 20 }))
  .map((value) => [Buffer.byteLength(value), ...Buffer.from(value)]);
/** All bit patterns but NaN's, of which JavaScript keeps only one. */
const numbersOnly = ([type, ...bytes]: number[]) => {
  const { view } = blockOf(Uint8Array.from(bytes));
  return !Number.isNaN(type === 0x66 ? view.getFloat32(0) : view.getFloat64(0));
};

const { table: wireTable } = fc.letrec<{ value: number[]; array: number[]; table: number[] }>(
  (tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom<number[][]>([0x56], [0x74, 0], [0x74, 1]),
      fixed('b', 1),
      fixed('B', 1),
      fixed('s', 2),
      fixed('u', 2),
      fixed('I', 4),
      fixed('i', 4),
      fixed('l', 8),
      fixed('L', 8),
      fixed('T', 8),
      fixed('f', 4).filter(numbersOnly),
      fixed('d', 8).filter(numbersOnly),
      fixed('D', 5),
      sized('S', octets),
      sized('S', text),
      sized('x', octets),
      sized('A', tie('array')),
      sized('F', tie('table')),
    ),
    array: fc.array(tie('value'), { maxLength: 4 }).map((values) => values.flat()),
    table: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((fields) => fields.flat(2)),
  }),
);

describe('arbitrary tables', () => {
  test('a table that is read and written again is the same bytes', () => {
    fc.assert(
      fc.property(wireTable, (wire) => {
        const bytes = Uint8Array.from(wire);
        expect(hexOf(encode(decode(bytes)))).toBe(hexOf(bytes));
        expect(isWellFormed(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('tableIsWellFormed says what decodeTable does, of any bytes', () => {
    // Octets that mean something in a table come more often, or nothing would get past the first.
    const octet = fc.oneof(fc.constantFrom(0, 1, 2, 5, ...Buffer.from('tbIlSAFVx')), fc.nat(255));
    fc.assert(
      fc.property(fc.array(octet, { maxLength: 30 }), (octets) => {
        const bytes = Uint8Array.from(octets);
        expect(isWellFormed(bytes)).toBe(decodes(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test('and of tables that were spoilt', () => {
    const change = fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x41, 0x46), fc.nat(255)));
    const cut = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(20));
    fc.assert(
      fc.property(wireTable, fc.array(change, { maxLength: 3 }), cut, (wire, changes, cut) => {
        const bytes = Uint8Array.from(wire).subarray(0, Math.max(0, wire.length - cut));
        for (const [at, octet] of changes) if (bytes.length > 0) bytes[at % bytes.length] = octet;
        expect(isWellFormed(bytes)).toBe(decodes(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});
