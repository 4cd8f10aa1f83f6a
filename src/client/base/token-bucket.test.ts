import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { TokenBucket } from './token-bucket.ts';

describe('a token bucket', () => {
  test('begins full and fills at its rate, up to its capacity', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, 2, 3);
    expect([1, 2, 3, 4].map(() => bucket.canConsume())).toEqual([true, true, true, false]);
    expect(bucket.expectedTime()).toBe(0.5);
    expect(bucket.expectedTime(3)).toBe(1.5);
    clock.advance(500);
    expect(bucket.expectedTime()).toBe(0);
    expect([bucket.canConsume(), bucket.canConsume()]).toEqual([true, false]);
    clock.advance(60_000);
    expect([bucket.canConsume(4), bucket.canConsume(3)]).toEqual([false, true]);
  });

  test('does not mind a clock that is set back', () => {
    const clock = new ManualClock(10_000);
    const bucket = new TokenBucket(clock, 1);
    bucket.canConsume();
    clock.advance(-5000);
    expect(bucket.canConsume()).toBe(false);
    clock.advance(1000);
    expect(bucket.canConsume()).toBe(true);
  });

  test('has a rate and a capacity', () => {
    expect(() => new TokenBucket(new ManualClock(), 0)).toThrow('fillRate must be above 0, not 0');
    expect(() => new TokenBucket(new ManualClock(), 1, -1)).toThrow('capacity must be above 0');
  });
});
