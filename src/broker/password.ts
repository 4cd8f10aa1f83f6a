// Password hashes in RabbitMQ's format: base64(salt ‖ digest(salt ‖ password)), the salt being 4 bytes.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../platform/random.ts';

/** SHA-256 is what new passwords get; users that are imported keep theirs. */
export type HashingAlgorithm = 'sha256' | 'sha512' | 'md5';

export interface PasswordHash {
  /** Empty: there is no password, and so no login by one. */
  readonly hash: string;
  readonly algorithm: HashingAlgorithm;
}

export const noPassword: PasswordHash = { hash: '', algorithm: 'sha256' };

const RABBITMQ_PREFIX = 'rabbit_password_hashing_';

/** `rabbit_password_hashing_sha512` and so on, in definitions; undefined for one that is unknown. */
export function algorithmOf(name: string): HashingAlgorithm | undefined {
  switch (name) {
    case `${RABBITMQ_PREFIX}sha256`:
      return 'sha256';
    case `${RABBITMQ_PREFIX}sha512`:
      return 'sha512';
    case `${RABBITMQ_PREFIX}md5`:
      return 'md5';
    default:
      return undefined;
  }
}

/** As definitions name an algorithm. */
export function algorithmName(algorithm: HashingAlgorithm): string {
  return RABBITMQ_PREFIX + algorithm;
}

const SALT_BYTES = 4;

function digest(salt: Uint8Array, password: string, algorithm: HashingAlgorithm): Buffer {
  return createHash(algorithm).update(salt).update(password, 'utf8').digest();
}

export function hashPassword(
  password: string,
  random: Random,
  algorithm: HashingAlgorithm = 'sha256',
): PasswordHash {
  const salt = random.bytes(SALT_BYTES);
  const hash = Buffer.concat([salt, digest(salt, password, algorithm)]).toString('base64');
  return { hash, algorithm };
}

/** An empty password never matches, as in RabbitMQ. */
export function passwordMatches(password: string, { hash, algorithm }: PasswordHash): boolean {
  if (password === '') return false;
  const decoded = Buffer.from(hash, 'base64');
  const expected = decoded.subarray(SALT_BYTES);
  const actual = digest(decoded.subarray(0, SALT_BYTES), password, algorithm);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
