// How rows are printed: `table` (columns between tabs, RabbitMQ's default), `pretty_table` (boxes), `json`, `json_stream`, `csv`.
import { usageError } from './ctl-error.ts';
import { cellText } from './erlang-text.ts';

export const FORMATTERS = ['table', 'pretty_table', 'json', 'json_stream', 'csv'] as const;
export type FormatterName = (typeof FORMATTERS)[number];

/** Values by column; whatever else an item has does not matter. */
export type Row = object;

export function formatterNamed(name: string): FormatterName {
  if (FORMATTERS.includes(name as FormatterName)) return name as FormatterName;
  throw usageError(`Formatter ${name} is not supported; there are ${FORMATTERS.join(', ')}`);
}

/** Formats for machines, which want no sentences around the rows. */
export const isForMachines = (name: FormatterName): boolean =>
  name !== 'table' && name !== 'pretty_table';

export function formatRows(
  name: FormatterName,
  columns: readonly string[],
  rows: readonly Row[],
  withHeaders: boolean,
): string {
  switch (name) {
    case 'json':
      return jsonText(columns, rows);
    case 'json_stream':
      return rows.map((row) => `${JSON.stringify(pick(columns, row))}\n`).join('');
    case 'csv':
      return csvText(columns, rows, withHeaders);
    case 'pretty_table':
      return boxText(columns, rows, withHeaders);
    default:
      return tabText(columns, rows, withHeaders);
  }
}

const valueIn = (row: Row, column: string) => (row as Readonly<Record<string, unknown>>)[column];

function pick(columns: readonly string[], row: Row): Row {
  return Object.fromEntries(columns.map((column) => [column, valueIn(row, column) ?? '']));
}

/** An object in each line, as RabbitMQ breaks them. */
function jsonText(columns: readonly string[], rows: readonly Row[]): string {
  const lines = rows.map((row) => `${JSON.stringify(pick(columns, row))}\n`);
  return `[\n${lines.join(',')}]\n`;
}

function tabText(columns: readonly string[], rows: readonly Row[], withHeaders: boolean): string {
  // A list without rows has no header either, but an empty line.
  if (rows.length === 0) return withHeaders ? '\n' : '';
  const lines = rows.map((row) =>
    columns.map((column) => cellText(valueIn(row, column))).join('\t'),
  );
  return `${(withHeaders ? [columns.join('\t'), ...lines] : lines).join('\n')}\n`;
}

function csvText(columns: readonly string[], rows: readonly Row[], withHeaders: boolean): string {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.map((row) =>
    columns.map((column) => quote(cellText(valueIn(row, column)))).join(','),
  );
  const header = columns.map(quote).join(',');
  return (withHeaders ? [header, ...lines] : lines).map((line) => `${line}\n`).join('');
}

function boxText(columns: readonly string[], rows: readonly Row[], withHeaders: boolean): string {
  const cells = rows.map((row) => columns.map((column) => cellText(valueIn(row, column))));
  const lines = withHeaders ? [[...columns], ...cells] : cells;
  if (lines.length === 0) return '';
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => widthOf(line[at] ?? ''))));
  const rule = (left: string, middle: string, right: string) =>
    `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}\n`;
  const body = lines.map((line) => {
    const padded = line.map((cell, at) => ` ${cell}${' '.repeat(widths[at]! - widthOf(cell))} `);
    return `│${padded.join('│')}│\n`;
  });
  return rule('┌', '┬', '┐') + body.join(rule('├', '┼', '┤')) + rule('└', '┴', '┘');
}

/** Characters as people count them, more or less: code points. */
const widthOf = (text: string): number => [...text].length;
