import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FieldTable } from '../protocol/field-table.ts';
import { tableFromJson, tableToJson } from './field-table-json.ts';

test('JSON comes back as it went in', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 20 }), value, { maxKeys: 6 }), (json) => {
      const text = JSON.stringify(json);
      const back = tableToJson(tableFromJson(JSON.parse(text)));
      expect(JSON.stringify(back)).toBe(text);
    }),
  );
});

test('whole numbers are 64-bit integers, others doubles', () => {
  expect(tableFromJson({ a: 1, b: 1.5, c: 1e300 }).entries).toEqual([
    ['a', { type: 'l', value: 1n }],
    ['b', { type: 'd', value: 1.5 }],
    ['c', { type: 'd', value: 1e300 }],
  ]);
});

test('of a name that comes twice the first counts, and the order stays', () => {
  const table = new FieldTable([
    ['b', { type: 'I', value: 1 }],
    ['a', { type: 'I', value: 2 }],
    ['b', { type: 'I', value: 3 }],
  ]);
  expect(JSON.stringify(tableToJson(table))).toBe('{"b":1,"a":2}');
});

test('what JSON has no word for', () => {
  const table = new FieldTable([
    ['bytes', { type: 'x', value: new Uint8Array([0, 255]) }],
    ['time', { type: 'T', value: 1_700_000_000n }],
    ['decimal', { type: 'D', value: { scale: 2, unscaled: 314 } }],
    ['nan', { type: 'd', value: Number.NaN }],
    ['nothing', { type: 'V', value: null }],
  ]);
  expect(tableToJson(table)).toEqual({
    bytes: 'AP8=',
    time: 1_700_000_000,
    decimal: 3.14,
    nan: 'NaN',
    nothing: null,
  });
});

test('an empty list is an empty table, as PHP and Erlang write it', () => {
  expect(tableFromJson([]).size).toBe(0);
  expect(tableFromJson(undefined).size).toBe(0);
});
