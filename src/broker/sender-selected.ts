// Sender-selected distribution: the headers CC and BCC hold further routing keys, as the fields of a letter hold further
// addressees. BCC is taken out before anybody gets to see it.

import { ByteWriter } from '../protocol/byte-writer.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable, type FieldValue, tableHasName } from '../protocol/field-table.ts';
import { PropertyFlag, propertyAt } from '../protocol/properties.ts';
import { textOf, typeName } from './equivalence.ts';
import { preconditionFailed } from './refusal.ts';
import { withProperty } from './rewritten.ts';

export const CC = 'CC';
const BCC = 'BCC';
const NAMES = [Buffer.from(CC), Buffer.from(BCC)];

export interface SenderSelected {
  /** The message's own key and those of CC and BCC. */
  readonly routingKeys: readonly string[];
  /** The message as it goes on, without BCC. */
  readonly content: Content;
  /** The message as it came. */
  readonly original: Content;
}

/**
 * What CC and BCC say; undefined for a message that has neither, which costs it no decoding.
 * @throws AmqpError 406 when one of them is not an array.
 */
export function senderSelected(content: Content): SenderSelected | undefined {
  if ((content.propertyFlags & PropertyFlag.headers) === 0) return undefined;
  const { bytes, view } = content.block;
  const tableAt = propertyAt(view, content.propertiesAt, PropertyFlag.headers);
  const tableEnd = tableAt + 4 + view.getUint32(tableAt);
  if (!tableHasName(bytes, view, tableAt + 4, tableEnd, NAMES)) return undefined;
  const headers = content.properties.headers ?? FieldTable.empty;
  return {
    routingKeys: [content.routingKey, ...keysOf(headers, CC), ...keysOf(headers, BCC)],
    content: headers.has(BCC)
      ? withProperty(content, PropertyFlag.headers, encoded(headers.without(BCC)))
      : content,
    original: content,
  };
}

/** The same for any message that was accepted: its own key when it says nothing more. */
export function selectedOf(content: Content): SenderSelected {
  return senderSelected(content) ?? toOwnKey(content);
}

/** A message that goes by its own key alone. */
export function toOwnKey(content: Content): SenderSelected {
  return { content, original: content, routingKeys: [content.routingKey] };
}

function keysOf(headers: FieldTable, name: string): string[] {
  const value = headers.get(name);
  if (!value) return [];
  if (value.type === 'A') return keysIn(value);
  throw preconditionFailed(
    `invalid message: {unacceptable_type_in_header,"${name}",${typeName(value)}}`,
  );
}

/** The routing keys in a CC that was accepted. What is no text in the array is passed over, as RabbitMQ does. */
export function keysIn(value: FieldValue | undefined): string[] {
  if (value?.type !== 'A') return [];
  return value.value.map(textOf).filter((key) => key !== undefined);
}

function encoded(table: FieldTable): Uint8Array {
  const writer = new ByteWriter();
  writer.table(table);
  return writer.bytes;
}
