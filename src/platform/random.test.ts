import { expect, test } from 'vitest';
import { randomToken, systemRandom } from './random.ts';

test('a token is 128 bits as 22 characters that need no quoting', () => {
  expect(randomToken({ bytes: (count) => new Uint8Array(count).fill(0xff) })).toBe(
    '_____________________w',
  );
});

test('the system gives as many bytes as asked, other ones each time', () => {
  const [one, other] = [systemRandom.bytes(16), systemRandom.bytes(16)];
  expect(one).toHaveLength(16);
  expect(one).not.toEqual(other);
});
