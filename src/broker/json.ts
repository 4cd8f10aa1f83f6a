// JSON values as operators send them, and how RabbitMQ's texts show them: as Erlang terms.

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `<<"text">>`, `[1,true]`, `#{<<"name">> => 1}` */
export function erlangTerm(value: Json): string {
  if (typeof value === 'string') return binary(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (isJsonObject(value)) {
    const entries = Object.entries(value).sort(byName);
    return `#{${entries.map(([name, it]) => `${binary(name)} => ${erlangTerm(it)}`).join(',')}}`;
  }
  return `[${value.map(erlangTerm).join(',')}]`;
}

/** `[{<<"name">>,1}]` */
export function erlangPairs(object: JsonObject): string {
  const entries = Object.entries(object).sort(byName);
  return `[${entries.map(([name, it]) => `{${binary(name)},${erlangTerm(it)}}`).join(',')}]`;
}

function binary(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n');
  const isLatin1 = [...text].every((character) => character.codePointAt(0)! < 256);
  return isLatin1 ? `<<"${escaped}">>` : `<<"${escaped}"/utf8>>`;
}

export function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}
