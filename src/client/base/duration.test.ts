import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Duration, durationMs } from './duration.ts';
import { InvalidArgument } from './errors.ts';
import { DEFAULT_EXPIRATION, expirationMs } from './expiration.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

describe('a duration', () => {
  test.each<[Duration, number]>([
    [20, 20_000],
    [0, 0],
    [0.25, 250],
    ['500ms', 500],
    ['20s', 20_000],
    ['1.5s', 1500],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['.5s', 500],
  ])('%s is %i ms', (duration, ms) => expect(durationMs(duration, 'timeout')).toBe(ms));

  test.each([
    Number.NaN,
    -1,
    Number.POSITIVE_INFINITY,
    '20',
    '',
    's',
    '-5s',
    '5 s',
    '5S',
    '5w',
    '1e3s',
    '0x10s',
    '.s',
    new Date(0),
    null,
    undefined,
    {},
    5n,
  ])('%s is none, and the error says what is', (bad) => {
    expect(() => durationMs(bad as Duration, 'timeout')).toThrow(InvalidArgument);
    expect(() => durationMs(bad as Duration, 'timeout')).toThrow(/^timeout must be a number of se/);
  });

  test('a number means the same as its text in seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600_000 }), (seconds) => {
        expect(durationMs(seconds, 'x')).toBe(durationMs(`${seconds}s`, 'x'));
        expect(durationMs(`${seconds * 1000}ms`, 'x')).toBe(durationMs(seconds, 'x'));
      }),
    );
  });

  test('more than a week as a plain number warns, once', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const fresh = await import('./duration.ts');
    fresh.durationMs(7 * 86_400, 'expiration');
    fresh.durationMs('700000s', 'expiration');
    expect(warned).not.toHaveBeenCalled();
    expect(fresh.durationMs(1_800_000, 'expiration')).toBe(1.8e9);
    fresh.durationMs(1_800_000, 'expiration');
    expect(warned).toHaveBeenCalledTimes(1);
    expect(warned.mock.calls[0]?.[0]).toMatch(
      /^expiration: 1800000 is in seconds, which makes 21 days; did you mean '1800000ms'\?/,
    );
  });
});

describe('an expiration', () => {
  test('is 30 minutes unless somebody says otherwise', () => {
    expect(expirationMs(undefined, undefined)).toBe(DEFAULT_EXPIRATION * 1000);
    expect(expirationMs()).toBe(1_800_000);
  });

  test('the nearest level wins; null means never, undefined asks on', () => {
    expect(expirationMs(20, '5m')).toBe(20_000);
    expect(expirationMs(undefined, '5m', 7)).toBe(300_000);
    expect(expirationMs(undefined, null, 7)).toBeNull();
    expect(expirationMs(null)).toBeNull();
    expect(expirationMs(0, null)).toBe(0);
  });

  test('is rounded up to whole milliseconds', () => {
    expect(expirationMs(0.0001)).toBe(1);
    expect(expirationMs('1.2ms')).toBe(2);
  });

  test('is what 32 bits of milliseconds hold', () => {
    expect(expirationMs('4294967295ms')).toBe(4_294_967_295);
    expect(() => expirationMs('4294967296ms')).toThrow(
      'expiration must be at most 4294967295 ms (49 days), not 4294967296ms; null means never',
    );
    expect(() => expirationMs(Number.NaN)).toThrow(InvalidArgument);
    expect(() => expirationMs(new Date() as unknown as Duration)).toThrow(InvalidArgument);
  });
});
