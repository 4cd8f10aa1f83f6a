import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import {
  algorithmName,
  algorithmOf,
  hashPassword,
  type PasswordHash,
  passwordMatches,
} from './password.ts';

/** RabbitMQ's own example (docs/passwords.md): salt 908DC60A, password test12. */
const VECTOR = 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR';

const sha256 = (hash: string): PasswordHash => ({ hash, algorithm: 'sha256' });

test('a hash is made as RabbitMQ makes it', () => {
  const random = { bytes: () => Uint8Array.of(0x90, 0x8d, 0xc6, 0x0a) };
  expect(hashPassword('test12', random)).toEqual({ hash: VECTOR, algorithm: 'sha256' });
});

test("RabbitMQ's hash is understood", () => {
  expect(passwordMatches('test12', sha256(VECTOR))).toBe(true);
  expect(passwordMatches('test13', sha256(VECTOR))).toBe(false);
});

test('the same password is another hash each time, and matches', () => {
  const [one, other] = [
    hashPassword('pässword', systemRandom),
    hashPassword('pässword', systemRandom),
  ];
  expect(one.hash).not.toBe(other.hash);
  expect(passwordMatches('pässword', one)).toBe(true);
  expect(passwordMatches('pässword', other)).toBe(true);
  expect(passwordMatches('passwörd', one)).toBe(false);
});

test.each(['', 'kI3G', VECTOR.slice(0, 40), `${VECTOR}AAAA`, 'not base64 at all'])(
  "'%s' is the hash of no password",
  (hash) => {
    expect(passwordMatches('test12', sha256(hash))).toBe(false);
    expect(passwordMatches('', sha256(hash))).toBe(false);
  },
);

test('an empty password never matches, not even its own hash', () => {
  expect(passwordMatches('', hashPassword('', systemRandom))).toBe(false);
});

/** What RabbitMQ 3.10.8 makes of "secret". */
test.each([
  ['sha256', '1k7u1S+kwhqaYfxPjXPKY4UP7UexYZY9m6J6qZLAAInnqadK'],
  [
    'sha512',
    'Mih4DbW9OsC5NfdQi7MqXGEW3hgLlHhFelrE7C1+z9CqoQ9PxwN772alq79S/PnOABJjyGZRoJV6nKFta7iQBXkbwJg=',
  ],
  ['md5', 'GDqHEUdkNlGTSbmZfwsyvvSmdZc='],
] as const)("RabbitMQ's %s is understood", (algorithm, hash) => {
  expect(passwordMatches('secret', { hash, algorithm })).toBe(true);
  expect(passwordMatches('secreT', { hash, algorithm })).toBe(false);
});

test.each(['sha256', 'sha512', 'md5'] as const)('%s: made and understood', (algorithm) => {
  const made = hashPassword('secret', systemRandom, algorithm);
  expect(made.algorithm).toBe(algorithm);
  expect(passwordMatches('secret', made)).toBe(true);
  expect(passwordMatches('other', made)).toBe(false);
  expect(algorithmOf(algorithmName(algorithm))).toBe(algorithm);
});
