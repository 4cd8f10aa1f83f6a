// Reading a request's JSON body: what is there, of which type, in RabbitMQ's words where it is not.
import { badRequest } from './http-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws HttpError 400 */
export function objectOf(body: unknown): JsonObject {
  if (isObject(body)) return body;
  if (typeof body === 'string') {
    throw badRequest(
      'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?',
    );
  }
  throw badRequest('not_json');
}

/** @throws HttpError 400 that names all keys that are missing. */
export function requireKeys(body: JsonObject, keys: readonly string[]): void {
  const missing = keys.filter((key) => body[key] === undefined);
  if (missing.length === 0) return;
  throw badRequest(`[${missing.map((key) => `{key_missing,${key}}`).join(',')}]`);
}

/** Also the texts "true" and "false", as RabbitMQ. @throws HttpError 400 */
export function booleanOf(value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw badRequest(['not_boolean', value]);
}

/** @throws HttpError 400 */
export function textIn(body: JsonObject, key: string, otherwise?: string): string {
  const value = body[key];
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (typeof value === 'string') return value;
  throw badRequest(value === undefined ? `[{key_missing,${key}}]` : ['not_string', key]);
}

/** A number, or a text that is one, as rabbitmqadmin sends it. @throws HttpError 400 */
export function integerIn(body: JsonObject, key: string): number {
  const value = body[key];
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number)) return number as number;
  throw badRequest(['not_integer', value ?? null]);
}
