// How long a message may wait to be read: the nearest of four levels decides, and the broker is sent whole milliseconds.
import { type Duration, durationMs } from './duration.ts';
import { InvalidArgument } from './errors.ts';

/** 30 minutes, in seconds. */
export const DEFAULT_EXPIRATION = 1800;

/** The most that RabbitMQ takes: 32 bits of milliseconds, some 49 days. */
const MAX_EXPIRATION_MS = 0xffff_ffff;

/** `undefined` asks the next level, `null` means never. */
export type Expiration = Duration | null | undefined;

/** Of call, producer and connection, nearest first; then the default. In whole milliseconds, rounded up; null for never. */
export function expirationMs(...levels: readonly Expiration[]): number | null {
  const nearest = levels.find((level) => level !== undefined);
  if (nearest === null) return null;
  const ms = Math.ceil(durationMs(nearest ?? DEFAULT_EXPIRATION, 'expiration'));
  if (ms > MAX_EXPIRATION_MS) {
    throw new InvalidArgument(
      'expiration',
      `must be at most ${MAX_EXPIRATION_MS} ms (49 days), not ${String(nearest)}; null means never`,
    );
  }
  return ms;
}
