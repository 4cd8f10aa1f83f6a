// One attempt on one broker, from the socket to the open connection, within its time.
import type { Clock } from '../platform/clock.ts';
import { AmqpConnection } from './amqp/amqp-connection.ts';
import { ConnectionError } from './base/errors.ts';
import type { Credentials } from './options.ts';
import type { Target } from './target.ts';

/** @throws ConnectionError; or the reason of `signal`, which ends the attempt. */
export async function attempt(
  target: Target,
  credentials: () => Promise<Credentials | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<AmqpConnection> {
  const { dialer, url, connectTimeoutMs, wishes } = target;
  const limit = new AbortController();
  const stop = () => limit.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const timer = clock.after(connectTimeoutMs, () => {
    const problem = `${url} did not answer within ${connectTimeoutMs} ms`;
    limit.abort(new ConnectionError('CONNECTION_LOST', url, problem));
  });
  try {
    const own = await credentials();
    const login = own ? { ...target.login, credentials: own } : target.login;
    const stream = await dialer.connect({ signal: limit.signal });
    return await AmqpConnection.open(stream, {
      ...login,
      ...wishes,
      clock,
      url,
      timeoutMs: connectTimeoutMs,
      signal: limit.signal,
    });
  } catch (error) {
    throw connectionProblem(error, url);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', stop);
  }
}

/** What the system says when there is no connection, as one of ours. */
export function connectionProblem(error: unknown, url: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const kind = code === 'ECONNREFUSED' ? 'CONNECTION_REFUSED' : 'CONNECTION_LOST';
  const problem =
    kind === 'CONNECTION_REFUSED'
      ? `nobody listens at ${url}: is the broker running?`
      : `no connection to ${url}: ${message ?? String(error)}`;
  return new ConnectionError(kind, url, problem, { cause: error });
}
