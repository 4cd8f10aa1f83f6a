// One text for each value of a field, to hash or to look up by: the same for integers of any width, different for an integer and
// its digits.
import { ByteWriter } from '../protocol/byte-writer.ts';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { integerOf, textOf } from './equivalence.ts';

export function identityOf(value: FieldValue): string {
  const text = textOf(value);
  if (text !== undefined) return `S${text}`;
  const integer = integerOf(value);
  if (integer !== undefined) return `I${integer}`;
  const writer = new ByteWriter();
  writer.table(new FieldTable([['', value]]));
  return `x${Buffer.from(writer.bytes).toString('base64url')}`;
}
