// A message's properties and payload as JSON, and back. Names are AMQP's with underscores; `cluster_id` and the reserved
// property have no place in RabbitMQ's API and none here.
import type { BasicProperties } from '../protocol/properties.ts';
import type { JsonObject } from './body.ts';
import { tableFromJson, tableToJson } from './field-table-json.ts';
import { badRequest } from './http-error.ts';

const TEXTS = [
  ['content_type', 'contentType'],
  ['content_encoding', 'contentEncoding'],
  ['correlation_id', 'correlationId'],
  ['reply_to', 'replyTo'],
  ['expiration', 'expiration'],
  ['message_id', 'messageId'],
  ['type', 'type'],
  ['user_id', 'userId'],
  ['app_id', 'appId'],
  ['cluster_id', 'clusterId'],
] as const;

const OCTETS = [
  ['priority', 'priority'],
  ['delivery_mode', 'deliveryMode'],
] as const;

const MAX_TEXT_BYTES = 255;

/** Unknown names are nobody's business, as in RabbitMQ. @throws HttpError 400 for a value of the wrong type. */
export function propertiesFromJson(json: JsonObject): BasicProperties {
  const properties: { -readonly [Name in keyof BasicProperties]: BasicProperties[Name] } = {};
  for (const [key, name] of TEXTS) {
    const value = json[key];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw badRequest(['not_string', key]);
    if (Buffer.byteLength(value) > MAX_TEXT_BYTES) {
      throw badRequest(`${key} is longer than ${MAX_TEXT_BYTES} bytes`);
    }
    properties[name] = value;
  }
  for (const [key, name] of OCTETS) {
    if (json[key] !== undefined) properties[name] = integer(json[key], key, 255);
  }
  if (json.timestamp !== undefined) {
    properties.timestamp = BigInt(integer(json.timestamp, 'timestamp', Number.MAX_SAFE_INTEGER));
  }
  if (json.headers !== undefined) properties.headers = tableFromJson(json.headers);
  return properties;
}

function integer(value: unknown, key: string, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max) {
    return value as number;
  }
  throw badRequest(['not_int', key]);
}

/** In the order in which the wire has them, backwards, as RabbitMQ. */
export function propertiesToJson(properties: BasicProperties): JsonObject {
  const json: Record<string, unknown> = {};
  for (const [key, name] of [...TEXTS, ...OCTETS]) {
    if (properties[name] !== undefined) json[key] = properties[name];
  }
  if (properties.timestamp !== undefined) json.timestamp = Number(properties.timestamp);
  if (properties.headers !== undefined) json.headers = tableToJson(properties.headers);
  return json;
}

export type PayloadEncoding = 'string' | 'base64';

/** @throws HttpError 400 */
export function payloadFromJson(payload: string, encoding: string): Uint8Array {
  if (encoding === 'string') return Buffer.from(payload, 'utf8');
  if (encoding !== 'base64') throw badRequest(['unsupported_encoding', encoding]);
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(payload)) throw badRequest('invalid base64');
  return Buffer.from(payload, 'base64');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text where the bytes are text and `auto` asks for it, else base64. */
export function payloadToJson(
  body: Uint8Array,
  encoding: 'auto' | 'base64',
): { readonly payload: string; readonly payload_encoding: PayloadEncoding } {
  if (encoding === 'auto') {
    try {
      return { payload: utf8.decode(body), payload_encoding: 'string' };
    } catch {
      // Not text.
    }
  }
  return { payload: Buffer.from(body).toString('base64'), payload_encoding: 'base64' };
}
