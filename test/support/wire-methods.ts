// Methods as tests write them: a name and the fields that matter. Every other field is zero, empty or false, and tables and
// long strings may be plain objects and text.
import { ByteReader } from '../../src/protocol/byte-reader.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { decodeMethod } from '../../src/protocol/method-codec.ts';
import {
  type Method,
  type MethodName,
  type MethodOf,
  methodIds,
} from '../../src/protocol/methods.generated.ts';
import type { BasicProperties } from '../../src/protocol/properties.ts';
import { encodeUtf8 } from '../../src/protocol/utf8.ts';

/** Text is `S`, a boolean `t`, an integer `I` or `l`, another number `d`, null `V`, bytes `x`, an array `A`, a table `F`. */
export type PlainValue =
  | string
  | boolean
  | number
  | null
  | Uint8Array
  | FieldTable
  | FieldValue
  | readonly PlainValue[];
export type PlainTable = { readonly [name: string]: PlainValue };

type Plain<T> = T extends FieldTable ? T | PlainTable : T extends Uint8Array ? T | string : T;

export type Fields<Name extends MethodName> = Name extends MethodName
  ? { readonly [Field in Exclude<keyof MethodOf<Name>, 'name'>]?: Plain<MethodOf<Name>[Field]> }
  : never;

/** The methods that are answered by one called `…-ok`. */
export type CallName = {
  [Name in MethodName]: `${Name}-ok` extends MethodName ? Name : never;
}[MethodName];
export type ReplyTo<Name extends CallName> = MethodOf<Extract<MethodName, `${Name}-ok`>>;

/** Zero bytes decode to every field's zero value. */
const zeros = new Uint8Array(64);

export function method<Name extends MethodName>(name: Name, fields?: Fields<Name>): Method {
  const empty = decodeMethod(methodIds[name], new ByteReader(zeros));
  return { ...empty, ...plain(empty as object, fields ?? {}) } as Method;
}

/** `fields` with plain objects and text turned into what the same fields of `like` hold. */
export function plain(like: object, fields: object): object {
  const known = like as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (known[name] instanceof FieldTable && !(value instanceof FieldTable)) {
        return [name, table(value as PlainTable)];
      }
      if (known[name] instanceof Uint8Array && typeof value === 'string') {
        return [name, encodeUtf8(value)];
      }
      return [name, value];
    }),
  );
}

export function table(fields: PlainTable): FieldTable {
  return new FieldTable(
    Object.entries(fields).map(([name, value]) => [name, fieldValue(value)] as const),
  );
}

function fieldValue(value: PlainValue): FieldValue {
  if (value === null) return { type: 'V', value };
  if (typeof value === 'string') return { type: 'S', value };
  if (typeof value === 'boolean') return { type: 't', value };
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return { type: 'd', value };
    return (value | 0) === value ? { type: 'I', value } : { type: 'l', value: BigInt(value) };
  }
  if (value instanceof Uint8Array) return { type: 'x', value };
  if (value instanceof FieldTable) return { type: 'F', value };
  if (isArray(value)) return { type: 'A', value: value.map(fieldValue) };
  return value;
}

function isArray(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}

/** Properties with a plain object for the headers. */
export type PlainProperties = Omit<BasicProperties, 'headers'> & {
  readonly headers?: FieldTable | PlainTable;
};

export function properties({ headers, ...others }: PlainProperties): BasicProperties {
  if (headers === undefined) return others;
  return { ...others, headers: headers instanceof FieldTable ? headers : table(headers) };
}
