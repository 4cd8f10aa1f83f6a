// Values as RabbitMQ's tools print them in tables: lists and tables in the clothes of Erlang, everything else plain.

/** `[{"x-message-ttl",60000},{"x-dead-letter-exchange","dlx"}]` */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(inner).join(', ')}]`;
  return tableText(value as Readonly<Record<string, unknown>>);
}

function tableText(table: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(table).map(
    ([name, value]) => `{${quoted(name)},${nested(value)}}`,
  );
  return `[${entries.join(',')}]`;
}

/** Lists of names are printed bare: `[administrator, monitoring]`. */
function inner(value: unknown): string {
  return typeof value === 'string' ? printable(value) : nested(value);
}

function nested(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(nested).join(',')}]`;
  return tableText(value as Readonly<Record<string, unknown>>);
}

function quoted(text: string): string {
  return `"${printable(text).replaceAll('"', '\\"')}"`;
}

/** A name chosen by a client must neither break the table nor speak to the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
