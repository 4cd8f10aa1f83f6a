// Chance, passed in so that a test can repeat it.
import { randomBytes } from 'node:crypto';

export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (count) => randomBytes(count) };

/** 128 random bits as RabbitMQ writes them in generated names: 22 characters of URL-safe base64. */
export function randomToken(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('base64url');
}
