// Who a request comes from: HTTP Basic, with the users of the broker, or a token (RFC 6750) where login backends take any.
import type { Broker } from '../broker/broker.ts';
import type { Credentials, Login } from '../broker/logins.ts';
import { Caller } from './caller.ts';
import { HttpError } from './http-error.ts';

export const CHALLENGE = 'Basic realm="RabbitMQ Management"';

/** Rejects with HttpError 401, or 429 for who has failed too often. */
export async function authenticate(
  broker: Broker,
  authorization: string | undefined,
  remoteHost: string,
): Promise<Caller> {
  const credentials = readBearer(authorization) ?? readBasic(authorization);
  if (!credentials) throw new HttpError(401, 'not_authorized', 'Login required');
  const login = await loginOf(broker, { ...credentials, remoteHost });
  if ('user' in login) return Caller.user(login.user);
  broker.services.log.write(
    'warning',
    `HTTP access denied: ${login.refusal} (${remoteHost})`,
    'http',
  );
  if (login.isUnseen) {
    throw new HttpError(429, 'too_many_requests', 'Too many logins have failed, try again later');
  }
  throw new HttpError(401, 'not_authorized', 'Login failed');
}

function loginOf(broker: Broker, credentials: Credentials): Promise<Login> {
  return new Promise((resolve) => {
    broker.logins.logIn(credentials, resolve);
  });
}

function readBasic(header: string | undefined) {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** A token says itself whose it is. */
function readBearer(header: string | undefined) {
  const [, password] = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(header ?? '') ?? [];
  return password === undefined ? undefined : { name: '', password };
}
