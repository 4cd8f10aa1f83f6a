// Field tables (§4.2.5.5) with RabbitMQ's set of value types. Each value keeps its wire type, because header exchanges,
// x-death readers and redeclaration notice the difference; so a table that is read and written again is the same bytes, but for a true that was not 1 and the
// bits of a NaN.
import { AmqpError } from './amqp-error.ts';
import { sameBytes } from './block.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { ReplyCode } from './methods.generated.ts';
import { decodeUtf8, isUtf8 } from './utf8.ts';

/** A value with its wire type. RabbitMQ reads `s` as a 16-bit integer, not as the specification's short string. */
export type FieldValue =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd'; readonly value: number }
  /** `T` counts seconds since 1970. */
  | { readonly type: 'l' | 'L' | 'T'; readonly value: bigint }
  | { readonly type: 'D'; readonly value: { readonly scale: number; readonly unscaled: number } }
  /** Text where the bytes are UTF-8, else the bytes. */
  | { readonly type: 'S'; readonly value: string | Uint8Array }
  | { readonly type: 'x'; readonly value: Uint8Array }
  | { readonly type: 'A'; readonly value: readonly FieldValue[] }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'V'; readonly value: null };

export type FieldType = FieldValue['type'];

/** Deeper nesting than any application uses, and far from the end of our stack. */
const MAX_DEPTH = 128;

/** Tables larger than this are looked up by an index: headers exchanges look up name after name. */
const SEARCHED_ENTRIES = 32;

/** Names and typed values in wire order. The wire may repeat a name; `get` answers the first. */
export class FieldTable {
  static readonly empty = new FieldTable([]);
  readonly entries: readonly (readonly [name: string, value: FieldValue])[];
  #byName: ReadonlyMap<string, FieldValue> | undefined;

  constructor(entries: readonly (readonly [string, FieldValue])[]) {
    this.entries = entries;
  }

  get size(): number {
    return this.entries.length;
  }
  get(name: string): FieldValue | undefined {
    if (this.entries.length > SEARCHED_ENTRIES) {
      this.#byName ??= new Map(this.entries.toReversed());
      return this.#byName.get(name);
    }
    return this.entries.find(([key]) => key === name)?.[1];
  }
  has(name: string): boolean {
    return this.entries.some(([key]) => key === name);
  }
  /** A copy with `name` set, at its old place or at the end. */
  with(name: string, value: FieldValue): FieldTable {
    const replaced = this.entries.map((entry) =>
      entry[0] === name ? ([name, value] as const) : entry,
    );
    return new FieldTable(this.has(name) ? replaced : [...this.entries, [name, value]]);
  }
  without(name: string): FieldTable {
    return new FieldTable(this.entries.filter(([key]) => key !== name));
  }
}

export function decodeTable(reader: ByteReader, depth = 0): FieldTable {
  if (reader.remaining === 0) return FieldTable.empty;
  const entries: [string, FieldValue][] = [];
  while (reader.remaining > 0) entries.push([reader.shortstr(), decodeValue(reader, depth)]);
  return new FieldTable(entries);
}

function nested<T>(reader: ByteReader, depth: number, decode: (inner: ByteReader) => T): T {
  if (depth >= MAX_DEPTH) {
    throw new AmqpError(ReplyCode.SYNTAX_ERROR, `field table nested deeper than ${MAX_DEPTH}`);
  }
  return decode(reader.slice(reader.long()));
}

function decodeValue(reader: ByteReader, depth: number): FieldValue {
  const type = String.fromCharCode(reader.octet());
  switch (type) {
    case 't':
      return { type, value: reader.octet() !== 0 };
    case 'b':
      return { type, value: reader.signedOctet() };
    case 'B':
      return { type, value: reader.octet() };
    case 's':
      return { type, value: reader.signedShort() };
    case 'u':
      return { type, value: reader.short() };
    case 'I':
      return { type, value: reader.signedLong() };
    case 'i':
      return { type, value: reader.long() };
    case 'l':
    case 'L':
      return { type, value: reader.signedBig() };
    case 'T':
      return { type, value: reader.unsignedBig() };
    case 'f':
      return { type, value: reader.float() };
    case 'd':
      return { type, value: reader.double() };
    case 'D':
      return { type, value: { scale: reader.octet(), unscaled: reader.long() } };
    case 'S': {
      const bytes = reader.longstr();
      return { type, value: decodeUtf8(bytes, 0, bytes.length) ?? bytes };
    }
    case 'x':
      return { type, value: reader.longstr() };
    case 'A':
      return nested(reader, depth, (inner) => {
        const value: FieldValue[] = [];
        while (inner.remaining > 0) value.push(decodeValue(inner, depth + 1));
        return { type, value };
      });
    case 'F':
      return nested(reader, depth, (inner) => ({ type, value: decodeTable(inner, depth + 1) }));
    case 'V':
      return { type, value: null };
    default:
      throw new AmqpError(
        ReplyCode.SYNTAX_ERROR,
        `unknown field type 0x${type.charCodeAt(0).toString(16)} in a field table`,
      );
  }
}

export function encodeTable(table: FieldTable, writer: ByteWriter): void {
  for (const [name, value] of table.entries) {
    writer.shortstr(name);
    encodeValue(value, writer);
  }
}

function encodeValue(field: FieldValue, writer: ByteWriter): void {
  writer.octet(field.type.charCodeAt(0));
  switch (field.type) {
    case 't':
      writer.octet(field.value ? 1 : 0);
      break;
    case 'b':
      writer.signedOctet(field.value);
      break;
    case 'B':
      writer.octet(field.value);
      break;
    case 's':
      writer.signedShort(field.value);
      break;
    case 'u':
      writer.short(field.value);
      break;
    case 'I':
      writer.signedLong(field.value);
      break;
    case 'i':
      writer.long(field.value);
      break;
    case 'l':
    case 'L':
      writer.signedBig(field.value);
      break;
    case 'T':
      writer.unsignedBig(field.value);
      break;
    case 'f':
      writer.float(field.value);
      break;
    case 'd':
      writer.double(field.value);
      break;
    case 'D':
      writer.octet(field.value.scale);
      writer.long(field.value.unscaled);
      break;
    case 'S':
      if (typeof field.value === 'string') writer.longText(field.value);
      else writer.longstr(field.value);
      break;
    case 'x':
      writer.longstr(field.value);
      break;
    case 'A':
      writer.sized(() => {
        for (const value of field.value) encodeValue(value, writer);
      });
      break;
    case 'F':
      writer.table(field.value);
      break;
    case 'V':
      break;
  }
}

/** How many bytes the value of a type takes, where that is fixed. */
const fixedSizes: Record<number, number> = Object.fromEntries(
  Object.entries({
    t: 1,
    b: 1,
    B: 1,
    s: 2,
    u: 2,
    I: 4,
    i: 4,
    f: 4,
    D: 5,
    l: 8,
    L: 8,
    T: 8,
    d: 8,
    V: 0,
  }).map(([type, size]) => [type.charCodeAt(0), size]),
);
const LONG_STRING = 'S'.charCodeAt(0);
const BYTES = 'x'.charCodeAt(0);
const ARRAY = 'A'.charCodeAt(0);
const TABLE = 'F'.charCodeAt(0);

/** Whether `decodeTable` accepts the bytes from `at` to `end`. Allocates nothing. */
export function tableIsWellFormed(view: DataView, at: number, end: number, depth = 0): boolean {
  let next = at;
  while (next < end) {
    const nameEnd = next + 1 + view.getUint8(next);
    if (nameEnd > end || !isUtf8(view, next + 1, nameEnd)) return false;
    next = valueEnd(view, nameEnd, end, depth);
    if (next < 0) return false;
  }
  return true;
}

/** Where the value at `at` ends, or -1 when it is not well formed. */
function valueEnd(view: DataView, at: number, end: number, depth: number): number {
  if (at >= end) return -1;
  const type = view.getUint8(at);
  const fixed = fixedSizes[type];
  if (fixed !== undefined) return at + 1 + fixed <= end ? at + 1 + fixed : -1;
  if (at + 5 > end) return -1;
  const innerAt = at + 5;
  const innerEnd = innerAt + view.getUint32(at + 1);
  if (innerEnd > end) return -1;
  if (type === LONG_STRING || type === BYTES) return innerEnd;
  if (depth >= MAX_DEPTH) return -1;
  if (type === TABLE) return tableIsWellFormed(view, innerAt, innerEnd, depth + 1) ? innerEnd : -1;
  if (type !== ARRAY) return -1;
  let next = innerAt;
  while (next < innerEnd) {
    next = valueEnd(view, next, innerEnd, depth + 1);
    if (next < 0) return -1;
  }
  return innerEnd;
}

/** Whether a well-formed table has one of `names` at its top level. Decodes nothing. */
export function tableHasName(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  names: readonly Uint8Array[],
): boolean {
  for (let next = at; next < end; ) {
    const nameAt = next + 1;
    const length = bytes[next]!;
    for (const name of names) {
      if (name.length === length && sameBytes(name, 0, bytes, nameAt, length)) return true;
    }
    next = valueEnd(view, nameAt + length, end, 0);
  }
  return false;
}
