import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import type { Binding } from './binding.ts';
import { decodeArguments, encodeArguments, isDefinition, isDurable } from './definitions.ts';

describe('arguments', () => {
  const value: fc.Arbitrary<FieldValue> = fc.oneof(
    fc.string().map((text): FieldValue => ({ type: 'S', value: text })),
    fc.boolean().map((flag): FieldValue => ({ type: 't', value: flag })),
    fc.integer().map((number): FieldValue => ({ type: 'I', value: number })),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((number): FieldValue => ({ type: 'l', value: number })),
    fc.double({ noNaN: true }).map((number): FieldValue => ({ type: 'd', value: number })),
    fc.constant<FieldValue>({ type: 'V', value: null }),
  );

  test('come back as they were, types and all', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ maxLength: 20 }), value), {
          selector: ([name]) => name,
        }),
        (fields) => {
          const table = new FieldTable(fields);
          const again = decodeArguments(JSON.parse(JSON.stringify(encodeArguments(table))));
          expect(again.entries).toEqual(table.entries);
        },
      ),
    );
  });

  test('none', () => {
    expect(decodeArguments(encodeArguments(FieldTable.empty)).size).toBe(0);
  });
});

test.each([
  [{ queue: {} }, true],
  [{ noBinding: {} }, true],
  [{ galaxy: {} }, false],
  [{ queue: {}, galaxy: {} }, false],
  [{}, false],
  [null, false],
  ['queue', false],
  [7, false],
])('%j is a definition: %s', (entry, expected) => expect(isDefinition(entry)).toBe(expected));

test.each([
  [true, true, true],
  [true, false, false],
  [false, true, false],
  [false, false, false],
])('a binding from durable %s to durable %s lasts: %s', (source, destination, expected) => {
  const binding = { source: { durable: source }, destination: { durable: destination } };
  expect(isDurable(binding as Binding)).toBe(expected);
});
