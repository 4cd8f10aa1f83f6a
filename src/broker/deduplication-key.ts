// By what a message is known when it comes again: its header `x-deduplication-header`.
import { createHash } from 'node:crypto';
import type { Content } from '../protocol/content.ts';
import { tableHasName } from '../protocol/field-table.ts';
import { PropertyFlag, propertyAt } from '../protocol/properties.ts';
import { encodeUtf8 } from '../protocol/utf8.ts';
import { identityOf } from './field-identity.ts';

const HEADER = 'x-deduplication-header';
const NAMES = [Buffer.from(HEADER)];
const X_DEATH = 'x-death';

/** Longer ones are remembered by their hash. A key has to fit into a short string. */
const MAX_KEY_BYTES = 200;

/** The key of a message; undefined for one that has none, and for a dead letter, which is no repetition of what it was. */
export function deduplicationKeyOf(content: Content): string | undefined {
  if ((content.propertyFlags & PropertyFlag.headers) === 0) return undefined;
  const { bytes, view } = content.block;
  const tableAt = propertyAt(view, content.propertiesAt, PropertyFlag.headers);
  const tableEnd = tableAt + 4 + view.getUint32(tableAt);
  if (!tableHasName(bytes, view, tableAt + 4, tableEnd, NAMES)) return undefined;
  const { headers } = content;
  const value = headers.get(HEADER);
  if (!value || value.type === 'V' || headers.has(X_DEATH)) return undefined;
  const key = identityOf(value);
  const encoded = encodeUtf8(key);
  if (encoded.length <= MAX_KEY_BYTES) return key;
  return `#${createHash('sha256').update(encoded).digest('base64url')}`;
}
