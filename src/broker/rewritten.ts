// A message that goes on with something of it changed. Everything else is copied as it came, byte by byte: what another client
// put there is not ours to read and write again.
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { PropertyFlag, propertyAt } from '../protocol/properties.ts';

/** Reused: what it wrote is copied before anything else is. */
const writer = new ByteWriter();

/** A copy of `content` whose property of that flag, which it must have, is `value`, in wire format. */
export function withProperty(content: Content, flag: number, value: Uint8Array): Content {
  const { bytes, view } = content.block;
  const valueAt = propertyAt(view, content.propertiesAt, flag);
  const valueEnd = propertyAt(view, content.propertiesAt, flag >> 1);
  const route = bytes.subarray(content.routeAt, content.routeEnd);
  const before = bytes.subarray(content.propertiesAt, valueAt);
  const after = bytes.subarray(valueEnd, content.propertiesEnd);
  return assembled([route, before, value, after], route.length, content.body);
}

/** A copy of `content` with another table of headers, in wire format. */
export function withHeaders(content: Content, headers: Uint8Array): Content {
  const { bytes, view } = content.block;
  const { propertiesAt, propertiesEnd } = content;
  const flags = content.propertyFlags | PropertyFlag.headers;
  const headersAt = propertyAt(view, propertiesAt, PropertyFlag.headers);
  const headersEnd = propertyAt(view, propertiesAt, PropertyFlag.headers >> 1);
  const route = bytes.subarray(content.routeAt, content.routeEnd);
  return assembled(
    [
      route,
      Uint8Array.of(flags >> 8, flags),
      bytes.subarray(propertiesAt + 2, headersAt),
      headers,
      bytes.subarray(headersEnd, propertiesEnd),
    ],
    route.length,
    content.body,
  );
}

/** A copy of `content` with another exchange, key and table of headers, and without an expiration. */
export function asDeadLetter(
  content: Content,
  exchange: string,
  routingKey: string,
  headers: FieldTable,
): Content {
  const { bytes, view } = content.block;
  const { propertiesAt, propertiesEnd } = content;
  const at = (flag: number) => propertyAt(view, propertiesAt, flag);
  writer.clear();
  writer.shortstr(exchange);
  writer.shortstr(routingKey);
  const routeEnd = writer.length;
  writer.short((content.propertyFlags | PropertyFlag.headers) & ~PropertyFlag.expiration);
  writer.append(bytes, propertiesAt + 2, at(PropertyFlag.headers));
  writer.table(headers);
  writer.append(bytes, at(PropertyFlag.headers >> 1), at(PropertyFlag.expiration));
  writer.append(bytes, at(PropertyFlag.expiration >> 1), propertiesEnd);
  return assembled([writer.bytes], routeEnd, content.body);
}

function assembled(parts: readonly Uint8Array[], routeEnd: number, body: Uint8Array): Content {
  const copy = new Content();
  const bytes = Buffer.concat([...parts, body]);
  copy.block = blockOf(bytes);
  copy.routeEnd = routeEnd;
  copy.propertiesAt = routeEnd;
  copy.propertiesEnd = bytes.length - body.length;
  copy.bodyAt = copy.propertiesEnd;
  copy.bodyEnd = bytes.length;
  return copy;
}
