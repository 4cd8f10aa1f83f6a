// What JavaScript calls a header or an argument, and what the wire calls it. The types are those that py-amqp, and so Kombu,
// chooses, where JavaScript can tell:
//
//   string S · true, false t · whole number I, above 32 bits l · other number d · bigint l · Date T, in whole seconds
//   Uint8Array x · null V · array A · plain object F · undefined: left out of objects, V in arrays
import {
  FieldTable,
  type FieldValue,
  type FieldTable as Table,
} from '../../protocol/field-table.ts';
import { encodeUtf8 } from '../../protocol/utf8.ts';
import { InvalidArgument } from './errors.ts';

const MAX_NAME_BYTES = 255;
/** Deeper is more likely a circle than a table; the broker's own bound is 128. */
const MAX_DEPTH = 100;

/**
 * `path` is how the user calls the object: `headers`, `queue.arguments`.
 *
 * @throws InvalidArgument that names the value's path when it does not fit.
 */
export function toFieldTable(fields: Readonly<Record<string, unknown>>, path: string): Table {
  return tableOf(fields, path, 0);
}

function tableOf(fields: object, path: string, depth: number): Table {
  if (depth > MAX_DEPTH) {
    throw new InvalidArgument(path, `is nested deeper than ${MAX_DEPTH}, or in a circle`);
  }
  const entries: [string, FieldValue][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const valuePath = `${path}.${name}`;
    if (name.length * 3 > MAX_NAME_BYTES && encodeUtf8(name).length > MAX_NAME_BYTES) {
      throw new InvalidArgument(
        `${path}.${name.slice(0, 40)}…`,
        `has a name of more than ${MAX_NAME_BYTES} bytes`,
      );
    }
    requireWellFormed(name, valuePath);
    entries.push([name, fieldValueOf(value, valuePath, depth)]);
  }
  return entries.length === 0 ? FieldTable.empty : new FieldTable(entries);
}

function fieldValueOf(value: unknown, path: string, depth: number): FieldValue {
  switch (typeof value) {
    case 'string':
      requireWellFormed(value, path);
      return { type: 'S', value };
    case 'boolean':
      return { type: 't', value };
    case 'number':
      return numberOf(value);
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) {
        throw new InvalidArgument(path, `does not fit in 64 bits: ${value}`);
      }
      return { type: 'l', value };
    case 'undefined':
      return { type: 'V', value: null };
    case 'object':
      return value === null ? { type: 'V', value } : objectOf(value, path, depth);
    default:
      throw new InvalidArgument(path, `is a ${typeof value}, which no message can carry`);
  }
}

function numberOf(value: number): FieldValue {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { type: 'd', value };
  if ((value | 0) === value) return { type: 'I', value };
  return { type: 'l', value: BigInt(value) };
}

function objectOf(value: object, path: string, depth: number): FieldValue {
  if (Array.isArray(value)) {
    if (depth >= MAX_DEPTH) {
      throw new InvalidArgument(path, `is nested deeper than ${MAX_DEPTH}, or in a circle`);
    }
    const items = Array.from(value as unknown[], (item, i) =>
      fieldValueOf(item, `${path}[${i}]`, depth + 1),
    );
    return { type: 'A', value: items };
  }
  if (ArrayBuffer.isView(value)) {
    return { type: 'x', value: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  }
  // By their tag rather than by class: test runners hand over values of another realm.
  if (Object.prototype.toString.call(value) === '[object Date]') {
    return timestampOf((value as Date).getTime(), path);
  }
  if (!isPlain(value)) {
    const { name } = value.constructor ?? {};
    throw new InvalidArgument(
      path,
      `is a ${name || 'special object'}; what fits are texts, numbers, booleans, null, bigints, Dates, bytes, arrays and plain objects`,
    );
  }
  return { type: 'F', value: tableOf(value, path, depth + 1) };
}

function timestampOf(ms: number, path: string): FieldValue {
  if (!(ms >= 0)) throw new InvalidArgument(path, 'is a Date that is invalid or before 1970');
  return { type: 'T', value: BigInt(Math.floor(ms / 1000)) };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Half a surrogate pair has no UTF-8. */
function requireWellFormed(text: string, path: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    throw new InvalidArgument(path, 'holds half a surrogate pair, which UTF-8 cannot say');
  }
}

/** The plain object that a table says; of a name that is repeated, the first value. */
export function fromFieldTable(table: Table): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, field] of table.entries) {
    if (!values.has(name)) values.set(name, fromFieldValue(field));
  }
  return Object.fromEntries(values);
}

/** Integers above 2^53 are bigints; a `T` is a Date where a Date reaches that far; decimals are numbers. */
export function fromFieldValue(field: FieldValue): unknown {
  switch (field.type) {
    case 'l':
    case 'L': {
      const number = Number(field.value);
      return Number.isSafeInteger(number) ? number : field.value;
    }
    case 'T':
      return field.value <= MAX_DATE_SECONDS ? new Date(Number(field.value) * 1000) : field.value;
    case 'D':
      return Number(`${field.value.unscaled}e-${field.value.scale}`);
    case 'A':
      return field.value.map(fromFieldValue);
    case 'F':
      return fromFieldTable(field.value);
    default:
      return field.value;
  }
}

const MAX_DATE_SECONDS = 8_640_000_000_000n;
