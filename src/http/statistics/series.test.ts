import { describe, expect, test } from 'vitest';
import { detailsOf } from './rates.ts';
import { type Kind, Series } from './series.ts';

class Thing {
  count = 0;
  depth = 0;
}

const kind: Kind<Thing> = {
  names: ['count', 'depth'],
  counters: 1,
  read(thing, into) {
    into[0] = thing.count;
    into[1] = thing.depth;
  },
};

const INTERVAL_MS = 5_000;

function watch(capacity = 4) {
  const series = new Series(kind, capacity);
  const thing = new Thing();
  let nowMs = 1_000_000;
  const sample = (count: number, depth = 0) => {
    nowMs += INTERVAL_MS;
    thing.count = count;
    thing.depth = depth;
    series.sample(thing, nowMs, INTERVAL_MS);
  };
  return { series, thing, sample, now: () => nowMs };
}

describe('rates', () => {
  test('are those of the last interval', () => {
    const { series, thing, sample } = watch();
    sample(10);
    expect(series.history(thing)?.rate(0)).toBe(2);
    sample(60);
    expect(series.history(thing)?.rate(0)).toBe(10);
    sample(60);
    expect(series.history(thing)?.rate(0)).toBe(0);
  });

  test('may be negative for a depth', () => {
    const { series, thing, sample } = watch();
    sample(1, 100);
    sample(2, 50);
    expect(series.history(thing)?.rate(1)).toBe(-10);
  });

  test('after a long rest count from where the counter stood', () => {
    const { series, thing, sample } = watch(2);
    sample(1_000);
    for (let i = 0; i < 5; i++) sample(1_000);
    expect(series.history(thing)).toBeUndefined();
    sample(1_005);
    expect(series.history(thing)?.rate(0)).toBe(1);
  });
});

test('what never did anything has no history', () => {
  const { series, thing, sample } = watch();
  sample(0);
  sample(0, 5);
  expect(series.history(thing)).toBeUndefined();
});

test('idle since the last sample that found something new', () => {
  const { series, thing, sample, now } = watch();
  sample(1);
  const activeAt = now();
  expect(series.idleSinceMs(thing)).toBeUndefined();
  sample(1);
  sample(1);
  expect(series.idleSinceMs(thing)).toBe(activeAt);
});

test('samples within a window, newest first, one per increment', () => {
  const { series, thing, sample, now } = watch(10);
  for (const count of [5, 10, 15, 20, 25, 30]) sample(count);
  const details = detailsOf(series.history(thing), 0, { ageSeconds: 20, incrementSeconds: 10 });
  expect(details).toEqual({
    rate: 1,
    avg: 20,
    avg_rate: 1,
    samples: [
      { sample: 30, timestamp: now() },
      { sample: 20, timestamp: now() - 10_000 },
      { sample: 10, timestamp: now() - 20_000 },
    ],
  });
});

test('the ring keeps the newest', () => {
  const { series, thing, sample } = watch(3);
  for (let count = 1; count <= 10; count++) sample(count);
  const history = series.history(thing)!;
  expect(history.sampleCount).toBe(3);
  expect([0, 1, 2].map((age) => history.value(0, age))).toEqual([10, 9, 8]);
});
