// Field tables as JSON and back, by RabbitMQ's rules: whole numbers become 64-bit integers, others doubles; null is refused.
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { isObject } from './body.ts';
import { badRequest } from './http-error.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

export type JsonTable = Readonly<Record<string, JsonValue>>;

export function tableToJson(table: FieldTable): JsonTable {
  const json: Record<string, JsonValue> = {};
  for (const [name, value] of table.entries) {
    // The wire may repeat a name; the first counts, as everywhere. `__proto__` is a name as others.
    if (Object.hasOwn(json, name)) continue;
    const own = { value: valueToJson(value), enumerable: true, writable: true, configurable: true };
    Object.defineProperty(json, name, own);
  }
  return json;
}

function valueToJson(field: FieldValue): JsonValue {
  switch (field.type) {
    case 'l':
    case 'L':
    case 'T':
      return Number(field.value);
    case 'f':
    case 'd':
      return Number.isFinite(field.value) ? field.value : String(field.value);
    case 'D':
      return field.value.unscaled / 10 ** field.value.scale;
    case 'S':
    case 'x':
      return typeof field.value === 'string'
        ? field.value
        : Buffer.from(field.value).toString('base64');
    case 'A':
      return field.value.map(valueToJson);
    case 'F':
      return tableToJson(field.value);
    default:
      return field.value;
  }
}

/** @throws HttpError 400 for what is no object, or holds what no field table can. */
export function tableFromJson(json: unknown): FieldTable {
  if (json === undefined) return FieldTable.empty;
  // Some clients write an empty table as an empty list.
  if (Array.isArray(json) && json.length === 0) return FieldTable.empty;
  if (!isObject(json)) throw badRequest(['not_a_table', json]);
  return tableOf(json, 0);
}

/** As deep as a field table on the wire may be. */
const MAX_DEPTH = 128;

function tableOf(json: Readonly<Record<string, unknown>>, depth: number): FieldTable {
  const entries = Object.entries(json);
  const tooLong = entries.find(([name]) => Buffer.byteLength(name) > 255);
  if (tooLong) throw badRequest('a name in a table has more than 255 bytes');
  return new FieldTable(entries.map(([name, value]) => [name, valueFromJson(value, depth)]));
}

function valueFromJson(json: unknown, depth: number): FieldValue {
  if (depth > MAX_DEPTH) throw badRequest(`nested deeper than ${MAX_DEPTH}`);
  switch (typeof json) {
    case 'string':
      return { type: 'S', value: json };
    case 'boolean':
      return { type: 't', value: json };
    case 'number':
      return Number.isSafeInteger(json)
        ? { type: 'l', value: BigInt(json) }
        : { type: 'd', value: json };
  }
  if (json === null) throw badRequest('null_not_allowed');
  if (Array.isArray(json)) {
    return { type: 'A', value: json.map((item) => valueFromJson(item, depth + 1)) };
  }
  return { type: 'F', value: tableOf(json as Record<string, unknown>, depth + 1) };
}
