import { expect, test } from 'vitest';
import { parseSize } from './size.ts';

test.each([
  ['0', 0],
  ['1024', 1024],
  ['64B', 64],
  ['1k', 1024],
  ['1kB', 1000],
  ['1KiB', 1024],
  ['64MB', 64_000_000],
  ['64MiB', 64 * 2 ** 20],
  ['64M', 64 * 2 ** 20],
  ['2g', 2 * 2 ** 30],
  ['2GB', 2_000_000_000],
  ['2GiB', 2 * 2 ** 30],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['0.0001kb', 0],
  ['  8 mb ', 8_000_000],
])('%s is %i bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', ' ', 'MB', '-1', '1,5GB', '1 T', '12 apples', '1e9', '0x10', '1.', '.5', '5 M B'])(
  "'%s' is no size",
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);
