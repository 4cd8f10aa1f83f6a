import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { bindingIdentity, type Destination } from './binding.ts';

const destination = (kind: 'queue' | 'exchange', name: string) => ({ kind, name }) as Destination;
const queue = destination('queue', 'q');
const table = (...entries: [string, FieldValue][]) => new FieldTable(entries);
const int = (value: number): FieldValue => ({ type: 'I', value });

describe('one binding', () => {
  test('the order of the arguments does not matter', () => {
    expect(bindingIdentity(queue, 'k', table(['a', int(1)], ['b', int(2)]))).toBe(
      bindingIdentity(queue, 'k', table(['b', int(2)], ['a', int(1)])),
    );
  });

  test('no arguments are no arguments, whoever made the table', () => {
    expect(bindingIdentity(queue, 'k', table())).toBe(
      bindingIdentity(queue, 'k', FieldTable.empty),
    );
  });
});

describe('two bindings', () => {
  const long: FieldValue = { type: 'l', value: 1n };
  const text: FieldValue = { type: 'S', value: '1' };
  const bytes: FieldValue = { type: 'x', value: Buffer.from('1') };
  const inArray = (value: FieldValue): FieldValue => ({ type: 'A', value: [value] });
  const exchange = destination('exchange', 'q');
  const none = FieldTable.empty;
  const cases: [string, Parameters<typeof bindingIdentity>, Parameters<typeof bindingIdentity>][] =
    [
      ['another key', [queue, 'a', none], [queue, 'b', none]],
      ['another case', [queue, 'a', none], [queue, 'A', none]],
      ['another destination', [queue, 'a', none], [destination('queue', 'p'), 'a', none]],
      ['an exchange of that name', [queue, 'a', none], [exchange, 'a', none]],
      ['one has arguments', [queue, 'a', none], [queue, 'a', table(['a', int(1)])]],
      ['another name', [queue, 'a', table(['a', int(1)])], [queue, 'a', table(['b', int(1)])]],
      ['another value', [queue, 'a', table(['a', int(1)])], [queue, 'a', table(['a', int(2)])]],
      ['another width', [queue, 'a', table(['a', int(1)])], [queue, 'a', table(['a', long])]],
      ['bytes for a text', [queue, 'a', table(['a', text])], [queue, 'a', table(['a', bytes])]],
      ['a text for a number', [queue, 'a', table(['a', int(1)])], [queue, 'a', table(['a', text])]],
      [
        'another width inside',
        [queue, 'a', table(['a', inArray(int(1))])],
        [queue, 'a', table(['a', inArray(long)])],
      ],
      [
        'a name that holds a NUL',
        [destination('queue', 'a\0b'), 'c', none],
        [destination('queue', 'a'), 'b\0c', none],
      ],
      ['a key that looks like arguments', [queue, 'k\0\0\0\0\0', none], [queue, 'k', table()]],
    ];
  test.each(cases)('%s', (_, one, other) => {
    expect(bindingIdentity(...one)).not.toBe(bindingIdentity(...other));
  });
});

test('the same text for the same binding and for no other', () => {
  const name = fc.string({ unit: fc.constantFrom('\0', 'a'), maxLength: 3 });
  const value: fc.Arbitrary<FieldValue> = fc.oneof(
    fc.integer({ min: 0, max: 2 }).map(int),
    name.map((text): FieldValue => ({ type: 'S', value: text })),
    fc.constant<FieldValue>({ type: 'V', value: null }),
  );
  const args = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 3 });
  const binding = fc.record({
    kind: fc.constantFrom<('queue' | 'exchange')[]>('queue', 'exchange'),
    name,
    key: name,
    args,
  });
  type Spec = typeof binding extends fc.Arbitrary<infer T> ? T : never;
  const identity = (of: Spec) =>
    bindingIdentity(destination(of.kind, of.name), of.key, new FieldTable(of.args));
  const canonical = (of: Spec) =>
    JSON.stringify([of.kind, of.name, of.key, of.args.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  fc.assert(
    fc.property(binding, binding, (one, other) => {
      expect(identity(one) === identity(other)).toBe(canonical(one) === canonical(other));
      expect(identity({ ...one, args: one.args.toReversed() })).toBe(identity(one));
    }),
    { numRuns: 2_000 },
  );
});
