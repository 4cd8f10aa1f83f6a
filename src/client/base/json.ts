// JSON with the types that Kombu adds to it: an object of exactly `__type__` and `__value__` stands for a value that JSON has
// no word for. A Date is a `datetime`; bytes are `bytes` when they are UTF-8, else `base64`. What JavaScript has no class for
// (date, time, decimal, uuid) becomes the text that says it.
import { decodeUtf8, encodeUtf8 } from '../../protocol/utf8.ts';

/** @throws TypeError for what JSON cannot say; undefined, a function and a bigint among it. */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(needsTypes(value, 0) ? typed(value) : value);
  if (text === undefined) throw new TypeError(`JSON has no word for ${typeof value}`);
  return text;
}

/** What is deeper is left to JSON.stringify, which knows a circle when it sees one. */
const MAX_DEPTH = 1000;

/** Most bodies have neither Dates nor bytes, and are not copied. */
function needsTypes(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return false;
  if (isDate(value) || ArrayBuffer.isView(value)) return true;
  for (const inner of Object.values(value)) if (needsTypes(inner, depth + 1)) return true;
  return false;
}

/** Own `toJSON` methods have the first word, as in JSON.stringify, but for those of Date and Buffer. */
function typed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isDate(value)) {
    // Python before 3.11 does not read the Z.
    return { __type__: 'datetime', __value__: value.toISOString().replace('Z', '+00:00') };
  }
  if (ArrayBuffer.isView(value)) {
    return typedBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return (value as { toJSON(): unknown }).toJSON();
  }
  if (Array.isArray(value)) return value.map(typed);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, typed(inner)]));
}

function isDate(value: object): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === '[object Date]';
}

function typedBytes(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes, 0, bytes.length);
  if (text !== undefined) return { __type__: 'bytes', __value__: text };
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return { __type__: 'base64', __value__: btoa(binary) };
}

/** @throws SyntaxError, or TypeError for a `__type__` that nobody knows. */
export function decodeJson(text: string): unknown {
  return text.includes('"__type__"') ? JSON.parse(text, revive) : JSON.parse(text);
}

function revive(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('__type__' in value)) return value;
  if (!('__value__' in value) || Object.keys(value).length !== 2) return value;
  const { __type__: type, __value__: inner } = value;
  switch (type) {
    case 'datetime':
      return dateOf(String(inner));
    case 'date':
    case 'time':
    case 'decimal':
      return inner;
    case 'uuid':
      return uuidOf(inner);
    case 'bytes':
      return encodeUtf8(String(inner));
    case 'base64':
      return Uint8Array.from(atob(String(inner)), (character) => character.charCodeAt(0));
    default:
      throw new TypeError(`unknown __type__ '${String(type)}'`);
  }
}

/** Python writes no zone when it knows none; then it is UTC, rather than wherever this process runs. */
function dateOf(text: string): Date {
  const hasZone = /(Z|[+-]\d\d:?\d\d(:?\d\d(\.\d+)?)?)$/.test(text.slice(10));
  const date = new Date(hasZone || text.length <= 10 ? text : `${text}Z`);
  if (Number.isNaN(date.getTime())) throw new TypeError(`no datetime: '${text}'`);
  return date;
}

function uuidOf(value: unknown): string {
  const hex = String((value as { hex?: unknown } | null)?.hex ?? value);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
