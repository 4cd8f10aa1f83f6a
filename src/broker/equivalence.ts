// Whether a declaration says what the existing queue or exchange already is, with RabbitMQ's words where it does not.
import type { FieldTable, FieldType, FieldValue } from '../protocol/field-table.ts';
import { preconditionFailed } from './refusal.ts';

const typeNames: Record<FieldType, string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  T: 'timestamp',
  V: 'void',
};

/** `signedint` for `I`, and so on: the names that RabbitMQ's texts use. */
export function typeName(field: FieldValue): string {
  return typeNames[field.type];
}

/** The value of an integer of any width, else undefined. */
export function integerOf(field: FieldValue | undefined): bigint | undefined {
  switch (field?.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
      return BigInt(field.value);
    case 'l':
    case 'L':
      return field.value;
    default:
      return undefined;
  }
}

/** The value of a text argument, else undefined. */
export function textOf(field: FieldValue | undefined): string | undefined {
  return field?.type === 'S' && typeof field.value === 'string' ? field.value : undefined;
}

function valueText(field: FieldValue): string {
  return String(integerOf(field) ?? (typeof field.value === 'object' ? '…' : field.value));
}

/** With a type when the other side has no such argument. */
function describe(field: FieldValue | undefined, other: FieldValue | undefined): string {
  if (!field) return 'none';
  if (other) return `'${valueText(field)}'`;
  return `the value '${valueText(field)}' of type '${typeName(field)}'`;
}

function isSame(a: FieldValue | undefined, b: FieldValue | undefined): boolean {
  if (!a || !b) return a === b;
  const integer = integerOf(a);
  if (integer !== undefined) return integer === integerOf(b);
  return a.type === b.type && a.value === b.value;
}

/** @throws AmqpError 406 when a property differs. `resource` is as `named` says it. */
export function requireSame(
  property: string,
  resource: string,
  current: string | boolean,
  received: string | boolean,
): void {
  if (current === received) return;
  throw preconditionFailed(
    `inequivalent arg '${property}' for ${resource}: received '${received}' but current is '${current}'`,
  );
}

/** @throws AmqpError 406 when one of the arguments `names` differs. Integers are equal whatever their width. */
export function requireSameArguments(
  names: Iterable<string>,
  resource: string,
  current: FieldTable,
  received: FieldTable,
): void {
  for (const name of names) {
    const [old, now] = [current.get(name), received.get(name)];
    if (isSame(old, now)) continue;
    throw preconditionFailed(
      `inequivalent arg '${name}' for ${resource}: received ${describe(now, old)} but current is ${describe(old, now)}`,
    );
  }
}

/** @throws AmqpError 406 when an argument that names an exchange is not a text. `resource` is as `named` says it. */
export function requireText(argument: string, resource: string, all: FieldTable): void {
  const value = all.get(argument);
  if (value === undefined || textOf(value) !== undefined) return;
  throw preconditionFailed(
    `invalid type '${typeName(value)}' for arg '${argument}' in ${resource}`,
  );
}
