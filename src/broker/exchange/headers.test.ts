import { describe, expect, test } from 'vitest';
import { routed } from '../../../test/support/routed.ts';
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import { HeadersExchange } from './headers.ts';

type Fields = Record<string, FieldValue>;

const table = (fields: Fields) => new FieldTable(Object.entries(fields));
const text = (value: string): FieldValue => ({ type: 'S', value });
const int = (value: number): FieldValue => ({ type: 'I', value });
const long = (value: number): FieldValue => ({ type: 'l', value: BigInt(value) });
const bytes = (value: string): FieldValue => ({ type: 'x', value: Buffer.from(value) });
const array = (...value: FieldValue[]): FieldValue => ({ type: 'A', value });
const nested = (fields: Fields): FieldValue => ({ type: 'F', value: table(fields) });
const nothing: FieldValue = { type: 'V', value: null };
const yes: FieldValue = { type: 't', value: true };

function routes(bindingArguments: Fields, headers: Fields): boolean {
  const exchange = new HeadersExchange();
  const destination = { kind: 'queue', name: 'q' } as Destination;
  const args = table(bindingArguments);
  exchange.check('', args);
  exchange.bind({ destination, routingKey: '', arguments: args } as Binding);
  const found = new Set<Destination>();
  exchange.route(routed('any', table(headers)), found);
  return found.size > 0;
}

const all = text('all');
const any = text('any');
const allWithX = text('all-with-x');
const anyWithX = text('any-with-x');

describe('x-match', () => {
  const cases: [string, Fields, Fields, boolean][] = [
    ['all is the default', { a: int(1), b: int(2) }, { a: int(1), b: int(2), c: int(3) }, true],
    ['all is the default: one is missing', { a: int(1), b: int(2) }, { a: int(1) }, false],
    ['all: one differs', { 'x-match': all, a: int(1), b: int(2) }, { a: int(1), b: int(3) }, false],
    ['any: one is enough', { 'x-match': any, a: int(1), b: int(2) }, { b: int(2) }, true],
    ['any: none', { 'x-match': any, a: int(1), b: int(2) }, { a: int(2), b: int(1) }, false],
    ['all of nothing matches everything', { 'x-match': all }, {}, true],
    ['no arguments match everything', {}, { a: int(1) }, true],
    ['any of nothing matches nothing', { 'x-match': any }, { a: int(1) }, false],
    ['all leaves x- arguments out', { 'x-a': int(1), b: int(2) }, { b: int(2) }, true],
    ['any leaves x- arguments out', { 'x-match': any, 'x-a': int(1) }, { 'x-a': int(1) }, false],
    ['all-with-x counts them', { 'x-match': allWithX, 'x-a': int(1) }, { b: int(2) }, false],
    ['all-with-x finds them', { 'x-match': allWithX, 'x-a': int(1) }, { 'x-a': int(1) }, true],
    ['any-with-x finds them', { 'x-match': anyWithX, 'x-a': int(1) }, { 'x-a': int(1) }, true],
    [
      'any-with-x: x-match itself never counts',
      { 'x-match': anyWithX },
      { 'x-match': anyWithX },
      false,
    ],
    ['all-with-x: x-match itself never counts', { 'x-match': allWithX }, {}, true],
  ];
  test.each(cases)('%s', (_, bindingArguments, headers, expected) => {
    expect(routes(bindingArguments, headers)).toBe(expected);
  });
});

describe('values', () => {
  const same: [string, FieldValue, FieldValue][] = [
    ['texts', text('a'), text('a')],
    ['integers of any width', int(1), long(1)],
    ['an octet and a long', { type: 'B', value: 200 }, long(200)],
    [
      'a timestamp and an integer, as the type at the top does not count',
      { type: 'T', value: 7n },
      int(7),
    ],
    ['a float and a double', { type: 'f', value: 1.5 }, { type: 'd', value: 1.5 }],
    ['a text and its bytes', text('ä'), bytes('ä')],
    ['truths', yes, yes],
    [
      'decimals',
      { type: 'D', value: { scale: 2, unscaled: 5 } },
      { type: 'D', value: { scale: 2, unscaled: 5 } },
    ],
    ['voids', nothing, nothing],
    ['a void argument and anything', nothing, text('a')],
    ['arrays', array(int(1), text('a')), array(int(1), text('a'))],
    ['tables', nested({ a: int(1), b: array() }), nested({ a: int(1), b: array() })],
    [
      'integers of 64 bits',
      { type: 'l', value: 2n ** 62n + 1n },
      { type: 'l', value: 2n ** 62n + 1n },
    ],
  ];
  test.each(same)('%s are equal', (_, wanted, header) => {
    expect(routes({ a: wanted }, { a: header })).toBe(true);
  });

  const different: [string, FieldValue, FieldValue][] = [
    ['texts of other case', text('a'), text('A')],
    ['a text and a number', text('1'), int(1)],
    ['a number and a text', int(1), text('1')],
    ['1 and 1.0', int(1), { type: 'd', value: 1 }],
    ['1.0 and 1', { type: 'd', value: 1 }, int(1)],
    ['true and 1', yes, int(1)],
    ["true and 'true'", yes, text('true')],
    ['a text and other bytes', text('a'), bytes('b')],
    ['a value and a void header', int(1), nothing],
    [
      'large integers that are one number as floats',
      { type: 'l', value: 2n ** 53n },
      { type: 'l', value: 2n ** 53n + 1n },
    ],
    [
      'decimals that are worth the same',
      { type: 'D', value: { scale: 1, unscaled: 5 } },
      { type: 'D', value: { scale: 2, unscaled: 50 } },
    ],
    ['arrays of other length', array(int(1)), array(int(1), int(1))],
    ['arrays in other order', array(int(1), int(2)), array(int(2), int(1))],
    ['arrays of integers of other width: inside, types count', array(int(1)), array(long(1))],
    ['tables of other names', nested({ a: int(1) }), nested({ b: int(1) })],
    ['tables in other order', nested({ a: int(1), b: int(2) }), nested({ b: int(2), a: int(1) })],
    ['tables of integers of other width', nested({ a: int(1) }), nested({ a: long(1) })],
    ['an array and a table', array(), nested({})],
  ];
  test.each(different)('%s differ', (_, wanted, header) => {
    expect(routes({ a: wanted }, { a: header })).toBe(false);
  });

  test('a void argument asks that the header is there', () => {
    expect(routes({ a: nothing }, { b: int(1) })).toBe(false);
    expect(routes({ 'x-match': any, a: nothing }, { a: int(1) })).toBe(true);
  });

  test('a name is compared as it is', () => {
    expect(routes({ a: int(1) }, { A: int(1) })).toBe(false);
  });
});

test.each([
  [
    text('some'),
    'Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x',
  ],
  [text(''), 'Invalid x-match field value <<>>; expected all, any, all-with-x, or any-with-x'],
  [int(5), 'Invalid x-match field type signedint (value 5); expected longstr'],
  [yes, 'Invalid x-match field type bool (value true); expected longstr'],
])('x-match %o is refused', (match, message) => {
  expect(() => routes({ 'x-match': match }, {})).toThrow(
    expect.objectContaining({ code: 406, message: `PRECONDITION_FAILED - ${message}` }),
  );
});
