import { describe, expect, test } from 'vitest';
import { ManualClock } from '../platform/manual-clock.ts';
import { Itinerary } from './itinerary.ts';
import type { FailoverStrategy } from './options.ts';
import type { Target } from './target.ts';

const [a, b, c] = ['a', 'b', 'c'].map((url) => ({ url })) as unknown as [Target, Target, Target];

/** What `round` gives until one of `up` is tried. */
function tried(itinerary: Itinerary, clock: ManualClock, up: readonly Target[], costMs = 0) {
  let urls = '';
  for (const target of itinerary.round()) {
    urls += target.url;
    if (up.includes(target)) break;
    clock.advance(costMs);
    itinerary.failed(target);
  }
  return urls;
}

function journey(strategy?: FailoverStrategy) {
  const clock = new ManualClock(1_000_000);
  const itinerary = new Itinerary([a, b, c], strategy, clock);
  return { clock, next: (...up: Target[]) => tried(itinerary, clock, up, 10_000), itinerary };
}

describe('round-robin', () => {
  test('goes on with the one after the last', () => {
    const { next } = journey();
    expect([next(a), next(b), next(c), next(a)]).toEqual(['a', 'b', 'c', 'a']);
  });

  test('a round tries each once', () => {
    const { next } = journey();
    expect([next(), next()].map((urls) => [...urls].sort().join(''))).toEqual(['abc', 'abc']);
  });
});

describe('those that failed of late', () => {
  test('come last, until they have cooled down, longer each time', () => {
    const { next, clock } = journey();
    expect(next(b)).toBe('ab');
    // a is hot for 5 s: c goes before it, and b, which was left in peace.
    expect(next(c)).toBe('c');
    expect(next(b)).toBe('b');
    clock.advance(5_000);
    // Cooled down, it is tried again when it is its turn, and then for 10 s not.
    expect(next(c)).toBe('c');
    expect(next(b)).toBe('ab');
    clock.advance(9_000);
    expect([next(c), next(b)]).toEqual(['c', 'b']);
    clock.advance(1_000);
    expect([next(c), next(b)]).toEqual(['c', 'ab']);
  });

  test('are tried all the same when nobody else answers, the coolest first', () => {
    const { next } = journey();
    expect(next()).toBe('abc');
    expect(next(a)).toBe('a');
  });

  test('stay away for a minute at most', () => {
    const { itinerary, clock } = journey();
    const order = () => [...itinerary.round()].map(({ url }) => url).join('');
    for (let i = 0; i < 20; i++) itinerary.failed(a);
    clock.advance(59_999);
    expect([order(), order()].every((urls) => urls.endsWith('a'))).toBe(true);
    clock.advance(1);
    expect(order()).toBe('bca');
    expect(order()).toBe('bca');
    itinerary.failed(b);
    expect(order()).toBe('cab');
  });

  test('are forgiven when they have served well', () => {
    const { itinerary, clock } = journey();
    for (let i = 0; i < 20; i++) itinerary.failed(a);
    itinerary.forgive(a);
    expect([...itinerary.round()]).toEqual([a, b, c]);
    itinerary.failed(a);
    clock.advance(5_000);
    expect([...itinerary.round()]).toEqual([a, b, c]);
  });
});

test('shuffled, every round has each of them once, in many orders', () => {
  const { itinerary } = journey('shuffle');
  const orders = new Set<string>();
  for (let i = 0; i < 100; i++) {
    orders.add([...itinerary.round()].map(({ url }) => url).join(''));
  }
  expect(orders.size).toBe(6);
  expect([...orders].every((order) => [...order].sort().join('') === 'abc')).toBe(true);
});

test('a strategy of one’s own is followed, hot or not', () => {
  function* always(): Generator<string> {
    for (;;) yield* ['b', 'b', 'elsewhere'];
  }
  const { next } = journey(always);
  expect([next(), next()]).toEqual(['bba', 'bba']);
});
