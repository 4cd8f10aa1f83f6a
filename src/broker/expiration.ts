// The property `expiration`: how long a message lives.
import { MAX_EXPIRY_MS } from './queue/queue-arguments.ts';
import { preconditionFailed } from './refusal.ts';

/**
 * Milliseconds as plain decimal digits. The texts are Erlang's, as RabbitMQ shows them.
 * @throws AmqpError 406 for anything else.
 */
export function checkExpiration(expiration: string): void {
  const [digits = ''] = /^-?\d+/.exec(expiration) ?? [];
  if (digits === '') throw invalidExpiration(expiration, 'no_integer');
  const leftOver = expiration.slice(digits.length);
  if (leftOver !== '') throw invalidExpiration(expiration, `{leftover_string,"${leftOver}"}`);
  const ms = BigInt(digits);
  if (ms < 0n) throw invalidExpiration(expiration, `{value_negative,${ms}}`);
  if (ms > MAX_EXPIRY_MS) throw invalidExpiration(expiration, `{value_too_large,${ms}}`);
}

function invalidExpiration(expiration: string, why: string): Error {
  return preconditionFailed(`invalid expiration '${expiration}': ${why}`);
}
