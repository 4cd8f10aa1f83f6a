// Who a request comes from: HTTP Basic, with the users of the broker.
import type { Broker } from '../broker/broker.ts';
import { Caller } from './caller.ts';
import { HttpError } from './http-error.ts';

export const CHALLENGE = 'Basic realm="RabbitMQ Management"';

/** @throws HttpError 401 */
export function authenticate(
  broker: Broker,
  authorization: string | undefined,
  remoteHost: string,
): Caller {
  const credentials = readBasic(authorization);
  if (!credentials) throw new HttpError(401, 'not_authorized', 'Login required');
  const login = broker.logIn(credentials.name, credentials.password, remoteHost);
  if ('user' in login) return Caller.user(login.user);
  broker.services.log.write(
    'warning',
    `HTTP access denied: ${login.refusal} (${remoteHost})`,
    'http',
  );
  throw new HttpError(401, 'not_authorized', 'Login failed');
}

function readBasic(header: string | undefined) {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
