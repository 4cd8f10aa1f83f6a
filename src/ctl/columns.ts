// Which columns a listing shows: those that were named, or the usual ones.
import { usageError } from './ctl-error.ts';

/** @throws CtlError 64 for a column that there is not. */
export function chosenColumns(
  given: readonly string[],
  usual: readonly string[],
  known: readonly string[],
): readonly string[] {
  const columns = given.flatMap((word) => word.split(/[\s,]+/)).filter((word) => word !== '');
  if (columns.length === 0) return usual;
  const unknown = columns.filter((column) => !known.includes(column));
  if (unknown.length === 0) return [...new Set(columns)];
  throw usageError(`Info key(s) ${unknown.join(',')} are not supported`);
}
