// Exchanges that pick one binding: at random, or by the routing key's hash.
import { describe, expect, test } from 'vitest';
import { bindingTo, destination, reached, routed } from '../../../test/support/routed.ts';
import { systemRandom } from '../../platform/random.ts';
import { ModulusHashExchange } from './modulus-hash.ts';
import { LocalRandomExchange, RandomExchange } from './random.ts';

const types = {
  'x-random': () => new RandomExchange(systemRandom),
  'x-local-random': () => new LocalRandomExchange(systemRandom),
  'x-modulus-hash': () => new ModulusHashExchange(),
};

function picked(type: ReturnType<(typeof types)['x-random' | 'x-modulus-hash']>, count: number) {
  const counts: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const found = reached(type, routed(`key ${n}`));
    expect(found).toHaveLength(1);
    counts[found[0]!] = (counts[found[0]!] ?? 0) + 1;
  }
  return counts;
}

describe.each(Object.entries(types))('%s', (_, create) => {
  test('without bindings it finds nothing', () => {
    expect(reached(create(), routed('a'))).toEqual([]);
  });

  test('one destination per message, with several keys too; all get some', () => {
    const type = create();
    for (const name of ['a', 'b', 'c']) type.bind(bindingTo(destination(name)));
    const counts = picked(type, 900);
    for (const name of ['a', 'b', 'c']) expect(counts[name]).toBeGreaterThan(200);
    expect(reached(type, routed(['k1', 'k2', 'k3']))).toHaveLength(1);
  });

  test('a destination with two bindings gets twice as much', () => {
    const type = create();
    const twice = destination('b');
    type.bind(bindingTo(twice, 'x'));
    type.bind(bindingTo(destination('a'), 'x'));
    type.bind(bindingTo(twice, 'y'));
    expect(picked(type, 900).b! / 900).toBeCloseTo(2 / 3, 1);
  });

  test('what is unbound gets nothing any more, the others everything', () => {
    const type = create();
    const bindings = ['a', 'b', 'c'].map((name) => bindingTo(destination(name)));
    for (const binding of bindings) type.bind(binding);
    type.unbind(bindings[0]!);
    type.unbind(bindings[0]!);
    expect(Object.keys(picked(type, 100)).sort()).toEqual(['b', 'c']);
    type.unbind(bindings[2]!);
    expect(picked(type, 10)).toEqual({ b: 10 });
    type.unbind(bindings[1]!);
    expect(reached(type, routed('a'))).toEqual([]);
  });
});

test('only the hash may be remembered by key', () => {
  expect(types['x-modulus-hash']().routesByKeyAlone).toBe(true);
  expect(types['x-random']().routesByKeyAlone).toBe(false);
  expect(types['x-local-random']().routesByKeyAlone).toBe(false);
});

test('the hash picks the same binding in whatever order they came', () => {
  const names = ['b', 'c', 'a', 'd'];
  const [one, other] = [new ModulusHashExchange(), new ModulusHashExchange()];
  for (const name of names) one.bind(bindingTo(destination(name)));
  for (const name of names.toReversed()) other.bind(bindingTo(destination(name)));
  for (let n = 0; n < 50; n++) {
    expect(reached(one, routed(`${n}`))).toEqual(reached(other, routed(`${n}`)));
  }
});

test('x-local-random takes the empty binding key only', () => {
  const type = new LocalRandomExchange(systemRandom);
  type.check('');
  expect(() => type.check('k')).toThrow("Non empty binding 'k' key not permitted");
});
