// What every exchange type does, whatever it matches by.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindingTo, destination, reached, routed } from '../../../test/support/routed.ts';
import { systemRandom } from '../../platform/random.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import type { ExchangeType } from './exchange-type.ts';
import { exchangeTypes } from './types.ts';

/** Finds the names of the destinations, sorted. */
const find = (type: ExchangeType, routingKey: string, headers = FieldTable.empty) =>
  reached(type, routed(routingKey, headers));
const make = (type: string) => exchangeTypes.get(type)!.make(FieldTable.empty, systemRandom);

const table = (name: string) => new FieldTable([[name, { type: 'I', value: 1 }]]);

/** Types that have tests of their own: they pick one of their destinations, or stand for another type. */
const special = [
  'x-consistent-hash',
  'x-modulus-hash',
  'x-random',
  'x-delayed-message',
  'x-local-random',
];

/** How to bind so that a message of `key` and header `key` is matched, for each type. */
const matching: Record<string, (key: string) => readonly [string, FieldTable]> = {
  direct: (key) => [key, FieldTable.empty],
  fanout: (key) => [key, FieldTable.empty],
  topic: (key) => [key, FieldTable.empty],
  headers: (key) => ['', table(key)],
};

test('every type is tried here', () => {
  expect([...Object.keys(matching), ...special]).toEqual([...exchangeTypes.keys()]);
});

describe.each(Object.entries(matching))('%s', (name, match) => {
  const create = () => make(name);
  const bind = (key: string, to: Destination) => bindingTo(to, ...match(key));
  const publish = (type: ExchangeType, key: string) => find(type, key, table(key));

  test('says whether it looks at the routing key alone', () => {
    expect(create().routesByKeyAlone).toBe(name !== 'headers');
  });

  test('without bindings it finds nothing', () => {
    expect(publish(create(), 'a')).toEqual([]);
  });

  test('finds every destination that matches, and adds to what was found before', () => {
    const type = create();
    type.bind(bind('a', destination('one')));
    type.bind(bind('a', destination('two')));
    expect(publish(type, 'a')).toEqual(['one', 'two']);
    const found = new Set([destination('three')]);
    type.route(routed('a', table('a')), found);
    expect(found.size).toBe(3);
  });

  test('finds a destination once, however many of its bindings match', () => {
    const type = create();
    const to = destination('one');
    const more = new FieldTable([...match('a')[1].entries, ['x-more', { type: 't', value: true }]]);
    type.bind(bind('a', to));
    type.bind(bindingTo(to, match('a')[0], more));
    expect(publish(type, 'a')).toEqual(['one']);
  });

  test('any of several routing keys may match, and a destination is found once', () => {
    const type = create();
    type.bind(bind('a', destination('one')));
    type.bind(bind('b', destination('two')));
    const headers = new FieldTable([...table('a').entries, ...table('b').entries]);
    expect(reached(type, routed(['c', 'b', 'a', 'b'], headers))).toEqual(['one', 'two']);
  });

  test('what is unbound is not found, what else is bound still is', () => {
    const type = create();
    const [one, two] = [destination('one'), destination('two')];
    const more = new FieldTable([...match('a')[1].entries, ['x-more', { type: 't', value: true }]]);
    const bindings = [bind('a', one), bindingTo(one, match('a')[0], more), bind('a', two)];
    for (const binding of bindings) type.bind(binding);
    type.unbind(bindings[0]!);
    expect(publish(type, 'a')).toEqual(['one', 'two']);
    type.unbind(bindings[1]!);
    expect(publish(type, 'a')).toEqual(['two']);
    type.unbind(bindings[2]!);
    expect(publish(type, 'a')).toEqual([]);
  });

  test('unbinding what is not bound changes nothing', () => {
    const type = create();
    type.bind(bind('a', destination('one')));
    type.unbind(bind('a', destination('one')));
    type.unbind(bind('b', destination('one')));
    expect(publish(type, 'a')).toEqual(['one']);
  });

  test('finds what a walk over all bindings finds, after any binds and unbinds', () => {
    const keys = fc.constantFrom('', 'a', 'b', 'c');
    const step = fc.tuple(fc.boolean(), keys, fc.constantFrom('one', 'two', 'three'));
    const destinations = new Map(['one', 'two', 'three'].map((to) => [to, destination(to)]));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const type = create();
        const bound = new Map<string, { key: string; to: string; binding: Binding }>();
        for (const [isBind, key, to] of steps) {
          const there = bound.get(`${key}>${to}`);
          if (isBind && !there) {
            const binding = bind(key, destinations.get(to)!);
            type.bind(binding);
            bound.set(`${key}>${to}`, { key, to, binding });
          } else if (!isBind && there) {
            type.unbind(there.binding);
            bound.delete(`${key}>${to}`);
          }
          for (const published of ['', 'a', 'b', 'c']) {
            const expected = [...bound.values()]
              .filter((one) => name === 'fanout' || one.key === published)
              .map((one) => one.to);
            expect(publish(type, published)).toEqual([...new Set(expected)].sort());
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('direct: the key is compared byte for byte', () => {
  const type = make('direct');
  type.bind(bindingTo(destination('one'), 'a.B'));
  expect(find(type, 'a.B')).toEqual(['one']);
  for (const other of ['a.b', 'a.B ', 'a.*', '#', '']) expect(find(type, other)).toEqual([]);
});

test('fanout: key and headers are ignored', () => {
  const type = make('fanout');
  type.bind(bindingTo(destination('one'), 'a', table('a')));
  expect(find(type, 'b', table('b'))).toEqual(['one']);
});
