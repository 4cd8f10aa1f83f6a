// Password hashes in RabbitMQ's format: base64(salt ‖ SHA-256(salt ‖ password)), the salt being 4 bytes.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../platform/random.ts';

const SALT_BYTES = 4;

function digest(salt: Uint8Array, password: string): Buffer {
  return createHash('sha256').update(salt).update(password, 'utf8').digest();
}

export function hashPassword(password: string, random: Random): string {
  const salt = random.bytes(SALT_BYTES);
  return Buffer.concat([salt, digest(salt, password)]).toString('base64');
}

/** An empty password never matches, as in RabbitMQ. */
export function passwordMatches(password: string, hash: string): boolean {
  if (password === '') return false;
  const decoded = Buffer.from(hash, 'base64');
  const expected = decoded.subarray(SALT_BYTES);
  const actual = digest(decoded.subarray(0, SALT_BYTES), password);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
