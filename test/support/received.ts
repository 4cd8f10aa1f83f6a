// What came back from the broker: a method, with its content where it carries some, and how a test compares and prints it.
import { inspect, isDeepStrictEqual } from 'node:util';
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import type { Method, MethodName, MethodOf } from '../../src/protocol/methods.generated.ts';
import type { BasicProperties } from '../../src/protocol/properties.ts';
import { decodeUtf8 } from '../../src/protocol/utf8.ts';
import { type PlainTable, plain } from './wire-methods.ts';

export interface ReceivedContent {
  readonly properties: BasicProperties;
  /** Property flags and values as they came. */
  readonly propertyBytes: Uint8Array;
  readonly body: Uint8Array;
  /** The body, when it is text. */
  readonly text: string | undefined;
  /** The payload sizes of the body frames. */
  readonly bodyFrameSizes: readonly number[];
}

type NameWithContent = 'basic.return' | 'basic.deliver' | 'basic.get-ok' | 'basic.publish';

export type Received<Name extends MethodName = MethodName> = Name extends NameWithContent
  ? MethodOf<Name> & ReceivedContent
  : MethodOf<Name>;

/** Some fields of a method that must be there, text given exactly or as a pattern; `text` is the body's. */
export type Expected<Name extends MethodName> = {
  readonly [Field in Exclude<keyof MethodOf<Name>, 'name'>]?:
    | MethodOf<Name>[Field]
    | PlainTable
    | string
    | RegExp;
} & (Name extends NameWithContent ? { readonly text?: string } : unknown);

export function received(
  method: Method,
  content: Content | undefined,
  bodyFrameSizes: readonly number[],
): Received {
  if (!content) return method as Received;
  const body = content.body.slice();
  const contentFields: ReceivedContent = {
    properties: content.properties,
    propertyBytes: content.block.bytes.slice(content.propertiesAt, content.propertiesEnd),
    body,
    text: decodeUtf8(body, 0, body.length),
    bodyFrameSizes,
  };
  return { ...method, ...contentFields } as Received;
}

export function matches(came: Received, name: string, expected: object): boolean {
  const actual = came as unknown as Record<string, unknown>;
  return (
    came.name === name &&
    Object.entries(plain(came, expected)).every(([field, value]) =>
      value instanceof RegExp
        ? value.test(String(actual[field]))
        : isDeepStrictEqual(actual[field], value),
    )
  );
}

/** `basic.ack { deliveryTag: 1, multiple: false }` */
export function describe(name: string, fields: object): string {
  const shown = Object.entries(fields)
    .filter(([field]) => !['name', 'propertyBytes', 'body', 'bodyFrameSizes'].includes(field))
    .map(([field, value]) => `${field}: ${describeValue(value)}`);
  return shown.length > 0 ? `${name} { ${shown.join(', ')} }` : name;
}

function describeValue(value: unknown): string {
  const plainValue = value instanceof FieldTable ? Object.fromEntries(value.entries) : value;
  return inspect(plainValue, { breakLength: Infinity, maxStringLength: 300, depth: 5 });
}
