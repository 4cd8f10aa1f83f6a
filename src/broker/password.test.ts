import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { hashPassword, passwordMatches } from './password.ts';

/** RabbitMQ's own example (docs/passwords.md): salt 908DC60A, password test12. */
const VECTOR = 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR';

test('a hash is made as RabbitMQ makes it', () => {
  const random = { bytes: () => Uint8Array.of(0x90, 0x8d, 0xc6, 0x0a) };
  expect(hashPassword('test12', random)).toBe(VECTOR);
});

test("RabbitMQ's hash is understood", () => {
  expect(passwordMatches('test12', VECTOR)).toBe(true);
  expect(passwordMatches('test13', VECTOR)).toBe(false);
});

test('the same password is another hash each time, and matches', () => {
  const [one, other] = [
    hashPassword('pässword', systemRandom),
    hashPassword('pässword', systemRandom),
  ];
  expect(one).not.toBe(other);
  expect(passwordMatches('pässword', one)).toBe(true);
  expect(passwordMatches('pässword', other)).toBe(true);
  expect(passwordMatches('passwörd', one)).toBe(false);
});

test.each(['', 'kI3G', VECTOR.slice(0, 40), `${VECTOR}AAAA`, 'not base64 at all'])(
  "'%s' is the hash of no password",
  (hash) => {
    expect(passwordMatches('test12', hash)).toBe(false);
    expect(passwordMatches('', hash)).toBe(false);
  },
);

test('an empty password never matches, not even its own hash', () => {
  expect(passwordMatches('', hashPassword('', systemRandom))).toBe(false);
});
