// Headers exchange: a binding's arguments are matched against the message's headers; `x-match` says how.
//
//   all (default), any                 arguments that start with `x-` are left out
//   all-with-x, any-with-x             they count, but for `x-match` itself
//
// A void argument asks only that the header is there. Values are equal when they are the same integer, text, … whatever
// the width they came in; inside arrays and tables the width counts.
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import { integerOf, textOf, typeName } from '../equivalence.ts';
import { preconditionFailed } from '../refusal.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

const MODES = ['all', 'any', 'all-with-x', 'any-with-x'];

interface Pattern {
  readonly any: boolean;
  readonly wanted: readonly (readonly [string, FieldValue])[];
}

export class HeadersExchange implements ExchangeType {
  readonly routesByKeyAlone = false;
  readonly #patterns = new Map<Binding, Pattern>();

  check(_routingKey: string, bindingArguments: FieldTable): void {
    const match = bindingArguments.get('x-match');
    if (!match) return;
    const mode = textOf(match);
    if (mode === undefined) {
      throw preconditionFailed(
        `Invalid x-match field type ${typeName(match)} (value ${match.value}); expected longstr`,
      );
    }
    if (!MODES.includes(mode)) {
      throw preconditionFailed(
        `Invalid x-match field value <<${mode === '' ? '' : `"${mode}"`}>>; expected all, any, all-with-x, or any-with-x`,
      );
    }
  }

  bind(binding: Binding): void {
    const mode = textOf(binding.arguments.get('x-match')) ?? 'all';
    const withX = mode.endsWith('-with-x');
    this.#patterns.set(binding, {
      any: mode.startsWith('any'),
      wanted: binding.arguments.entries.filter(
        ([name]) => name !== 'x-match' && (withX || !name.startsWith('x-')),
      ),
    });
  }

  unbind(binding: Binding): void {
    this.#patterns.delete(binding);
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    const { headers } = message;
    for (const [{ destination }, { any, wanted }] of this.#patterns) {
      const matches = ([name, value]: readonly [string, FieldValue]) =>
        satisfies(headers.get(name), value);
      if (any ? wanted.some(matches) : wanted.every(matches)) found.add(destination);
    }
  }
}

function satisfies(header: FieldValue | undefined, wanted: FieldValue): boolean {
  return header !== undefined && (wanted.type === 'V' || isEqual(header, wanted));
}

function isEqual(a: FieldValue, b: FieldValue): boolean {
  const integer = integerLike(a);
  if (integer !== undefined) return integer === integerLike(b);
  if ((a.type === 'f' || a.type === 'd') && (b.type === 'f' || b.type === 'd')) {
    return a.value === b.value;
  }
  if ((a.type === 'S' || a.type === 'x') && (b.type === 'S' || b.type === 'x')) {
    return Buffer.from(a.value).equals(Buffer.from(b.value));
  }
  if (a.type !== b.type) return false;
  return a.value === b.value || Buffer.from(encoded(a)).equals(encoded(b));
}

/** A timestamp counts as the integer it is. */
function integerLike(field: FieldValue): bigint | undefined {
  return field.type === 'T' ? field.value : integerOf(field);
}

function encoded(field: FieldValue): Uint8Array {
  const writer = new ByteWriter();
  writer.table(new FieldTable([['', field]]));
  return writer.bytes;
}
