// Which messages somebody wants to see: by their headers, by what is in the body, or both.
import type { Content } from '../../protocol/content.ts';
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { decodeAnyUtf8 } from '../../protocol/utf8.ts';
import { integerOf } from '../equivalence.ts';

export interface MessageFilter {
  /** All of these headers must be there; one with a value must have it. */
  readonly headers?: readonly HeaderWanted[];
  /** The body must have this in it. */
  readonly body?: BodyWanted;
}

export interface HeaderWanted {
  readonly name: string;
  /** As people write it: `5` is the integer of any width, and the text. */
  readonly value?: string;
}

export interface BodyWanted {
  readonly text: string;
  readonly ignoresCase?: boolean;
}

export type MessageTest = (content: Content) => boolean;

/** A function that tells whether a message is wanted. */
export function testOf({ headers = [], body }: MessageFilter): MessageTest {
  const hasBody = body === undefined ? undefined : bodyTest(body);
  return (content) => {
    if (headers.length > 0 && !hasHeaders(content.headers, headers)) return false;
    return hasBody === undefined || hasBody(content);
  };
}

function hasHeaders(there: FieldTable, wanted: readonly HeaderWanted[]): boolean {
  return wanted.every(({ name, value }) => {
    const field = there.get(name);
    return field !== undefined && (value === undefined || plainText(field) === value);
  });
}

/** A value as people write it; undefined for what nobody writes. */
function plainText(field: FieldValue): string | undefined {
  const integer = field.type === 'T' ? field.value : integerOf(field);
  if (integer !== undefined) return String(integer);
  if (field.type === 'S') {
    return typeof field.value === 'string' ? field.value : undefined;
  }
  if (field.type === 't' || field.type === 'f' || field.type === 'd') return String(field.value);
  return undefined;
}

function bodyTest({ text, ignoresCase = false }: BodyWanted): MessageTest {
  if (ignoresCase) {
    const wanted = text.toLowerCase();
    return ({ block, bodyAt, bodyEnd }) =>
      decodeAnyUtf8(block.bytes, bodyAt, bodyEnd).toLowerCase().includes(wanted);
  }
  const wanted = Buffer.from(text);
  return ({ body }) => Buffer.from(body.buffer, body.byteOffset, body.length).indexOf(wanted) >= 0;
}
