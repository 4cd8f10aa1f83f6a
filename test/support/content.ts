// Messages as tests write them, and headers in a form that fits on a line.
import { blockOf } from '../../src/protocol/block.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { Content } from '../../src/protocol/content.ts';
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.ts';
import { encodeProperties } from '../../src/protocol/properties.ts';
import { encodeUtf8 } from '../../src/protocol/utf8.ts';
import { type PlainProperties, properties } from './wire-methods.ts';

export interface PlainContent {
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly properties?: PlainProperties;
  readonly body?: string;
}

/** A message with other bytes before, between and behind its parts, as it may lie in a buffer. */
export function contentOf({
  exchange = '',
  routingKey = 'key',
  properties: given = {},
  body = 'body',
}: PlainContent): Content {
  const writer = new ByteWriter();
  const content = new Content();
  writer.long(0);
  content.routeAt = writer.length;
  writer.shortstr(exchange);
  writer.shortstr(routingKey);
  content.routeEnd = writer.length;
  writer.octet(0xce);
  content.propertiesAt = writer.length;
  encodeProperties(properties(given), writer);
  content.propertiesEnd = writer.length;
  const bytes = encodeUtf8(body);
  writer.longstr(bytes);
  content.bodyEnd = writer.length;
  content.bodyAt = writer.length - bytes.length;
  writer.octet(0xce);
  content.block = blockOf(writer.bytes);
  return content;
}

/** Headers as plain values that show their types: `I:1`, `S:text`. */
export function shown(table: FieldTable | undefined): Record<string, unknown> {
  return Object.fromEntries((table?.entries ?? []).map(([name, value]) => [name, show(value)]));
}

function show(value: FieldValue): unknown {
  if (value.type === 'F') return shown(value.value);
  if (value.type === 'A') return value.value.map(show);
  return `${value.type}:${String(value.value)}`;
}
