import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindingTo, destination, reached, routed } from '../../../test/support/routed.ts';
import { type PlainTable, table } from '../../../test/support/wire-methods.ts';
import type { Binding } from '../binding.ts';
import { ConsistentHashExchange, checkConsistentHash } from './consistent-hash.ts';

const KEYS = Array.from({ length: 4000 }, (_, index) => `key ${index}`);

function exchangeOf(weights: Record<string, string>, args: PlainTable = {}) {
  const exchange = new ConsistentHashExchange(table(args));
  for (const [name, weight] of Object.entries(weights)) {
    exchange.bind(bindingTo(destination(name), weight));
  }
  return exchange;
}

function homes(exchange: ConsistentHashExchange): (string | undefined)[] {
  return KEYS.map((key) => {
    const found = reached(exchange, routed(key));
    expect(found.length).toBeLessThanOrEqual(1);
    return found[0];
  });
}

/** How much of all messages each destination gets, in percent. */
function shares(all: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const home of all) counts[home!] = (counts[home!] ?? 0) + 100 / all.length;
  return counts;
}

test('without bindings nothing is reached', () => {
  expect(reached(exchangeOf({}), routed('a'))).toEqual([]);
});

test('each destination gets what its weight says', () => {
  const all = shares(homes(exchangeOf({ a: '1', b: '3', c: '6' })));
  expect(Math.abs(all.a! - 10)).toBeLessThan(2);
  expect(Math.abs(all.b! - 30)).toBeLessThan(2);
  expect(Math.abs(all.c! - 60)).toBeLessThan(2);
});

test('a key goes to the same destination in every process', () => {
  const exchange = exchangeOf({ red: '1', green: '1', blue: '2' });
  const spread = KEYS.slice(0, 12).map((key) => reached(exchange, routed(key))[0]);
  expect(spread.join(' ')).toMatchInlineSnapshot(
    `"green blue blue blue green blue blue red blue green blue blue"`,
  );
});

test('a destination that comes takes its share, and nothing moves between the others', () => {
  const before = homes(exchangeOf({ a: '1', b: '1', c: '1' }));
  const after = homes(exchangeOf({ a: '1', b: '1', c: '1', d: '1' }));
  const moved = KEYS.map((_, index) => index).filter((index) => before[index] !== after[index]);
  expect(moved.length / KEYS.length).toBeCloseTo(0.25, 1);
  expect(new Set(moved.map((index) => after[index]))).toEqual(new Set(['d']));
});

test('of several bindings of one destination the first counts; when it goes, the next', () => {
  const exchange = exchangeOf({ b: '1' });
  const first = bindingTo(destination('a'), '1');
  const again = bindingTo(first.destination, '9');
  exchange.bind(first);
  exchange.bind(again);
  expect(Math.abs(shares(homes(exchange)).a! - 50)).toBeLessThan(4);
  exchange.unbind(first);
  expect(Math.abs(shares(homes(exchange)).a! - 90)).toBeLessThan(4);
  exchange.unbind(again);
  expect(shares(homes(exchange)).a).toBeUndefined();
  exchange.unbind(again);
});

test('who is bound and with what weight decides, not the order nor what was bound before', () => {
  const names = ['a', 'b', 'c', 'd'];
  const bindings = fc.shuffledSubarray(names).chain((order) =>
    fc.record({
      order: fc.constant(order),
      gone: fc.subarray(names),
      weights: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 4 }),
    }),
  );
  fc.assert(
    fc.property(bindings, fc.string(), ({ order, gone, weights }, key) => {
      const weightOf = (name: string) => String(weights[names.indexOf(name)]);
      const exchange = exchangeOf({});
      const bound = new Map<string, Binding>();
      for (const name of order) {
        bound.set(name, bindingTo(destination(name), weightOf(name)));
        exchange.bind(bound.get(name)!);
      }
      for (const name of gone) if (bound.has(name)) exchange.unbind(bound.get(name)!);
      const left = order.filter((name) => !gone.includes(name)).sort();
      const direct = exchangeOf(Object.fromEntries(left.map((name) => [name, weightOf(name)])));
      expect(reached(exchange, routed(key))).toEqual(reached(direct, routed(key)));
    }),
  );
});

describe('what is hashed', () => {
  const two = { a: '1', b: '1' };
  const spread = (
    exchange: ConsistentHashExchange,
    message: (n: number) => ReturnType<typeof routed>,
  ) => new Set(Array.from({ length: 50 }, (_, n) => reached(exchange, message(n))[0])).size;

  test('the routing key, and only the message’s own', () => {
    const exchange = exchangeOf(two);
    expect(exchange.routesByKeyAlone).toBe(true);
    expect(spread(exchange, (n) => routed(`k${n}`))).toBe(2);
    expect(spread(exchange, (n) => routed(['k', `k${n}`]))).toBe(1);
  });

  test('a header', () => {
    const exchange = exchangeOf(two, { 'hash-header': 'h' });
    expect(exchange.routesByKeyAlone).toBe(false);
    expect(spread(exchange, (n) => routed('k', table({ h: n })))).toBe(2);
    expect(spread(exchange, (n) => routed('k', table({ h: `${n}` })))).toBe(2);
    expect(spread(exchange, (n) => routed('k', table({ h: n + 0.5 })))).toBe(2);
    expect(spread(exchange, (n) => routed(`k${n}`, table({ other: n })))).toBe(1);
  });

  test('a header that is an integer, whatever its width', () => {
    const exchange = exchangeOf({ a: '1', b: '1', c: '1', d: '1' }, { 'hash-header': 'h' });
    for (let n = 0; n < 50; n++) {
      const wide = table({ h: { type: 'l', value: BigInt(n) } });
      expect(reached(exchange, routed('', wide))).toEqual(
        reached(exchange, routed('', table({ h: n }))),
      );
    }
  });

  test.each(['message_id', 'correlation_id', 'timestamp'])('the property %s', (property) => {
    const exchange = exchangeOf(two, { 'hash-property': property });
    expect(exchange.routesByKeyAlone).toBe(false);
    const of = (n: number) => ({ messageId: `${n}`, correlationId: `${n}`, timestamp: BigInt(n) });
    expect(spread(exchange, (n) => routed('k', undefined, of(n)))).toBe(2);
    expect(spread(exchange, (n) => routed(`k${n}`))).toBe(1);
  });
});

describe('refused with 406', () => {
  const refusal = (text: string) =>
    expect.objectContaining({ code: 406, message: `PRECONDITION_FAILED - ${text}` });

  test.each([
    ['', 'The binding key must be an integer: <<>>'],
    ['a', 'The binding key must be an integer: <<"a">>'],
    ['1.5', 'The binding key must be an integer: <<"1.5">>'],
    [' 1', 'The binding key must be an integer: <<" 1">>'],
    ['0', 'The binding key must be greater than 0'],
    ['-1', 'The binding key must be greater than 0'],
  ])('weight %j', (weight, text) => {
    expect(() => exchangeOf({}).check(weight)).toThrow(refusal(text));
  });

  test.each(['1', '+1', '01', '100000'])('but not weight %j', (weight) => {
    exchangeOf({}).check(weight);
  });

  test.each<[PlainTable, string]>([
    [
      { 'hash-header': 'h', 'hash-property': 'message_id' },
      'hash-header and hash-property are mutually exclusive',
    ],
    [{ 'hash-property': 'app_id' }, 'Unsupported property: app_id'],
    [{ 'hash-header': 1 }, "invalid type 'signedint' for arg 'hash-header' in exchange 'x'"],
    [{ 'hash-property': 1 }, "invalid type 'signedint' for arg 'hash-property' in exchange 'x'"],
  ])('arguments %o', (args, text) => {
    expect(() => checkConsistentHash(table(args), "exchange 'x'")).toThrow(refusal(text));
  });
});
