// A message that goes on with something of it changed. Everything else is copied as it came, byte by byte: what another client
// put there is not ours to read and write again.
import { blockOf } from '../protocol/block.ts';
import { Content } from '../protocol/content.ts';
import { PropertyFlag, propertyAt } from '../protocol/properties.ts';
import { encodeUtf8 } from '../protocol/utf8.ts';

/** A copy of `content` whose property of that flag, which it must have, is `value`, in wire format. */
export function withProperty(content: Content, flag: number, value: Uint8Array): Content {
  const { bytes, view } = content.block;
  const valueAt = propertyAt(view, content.propertiesAt, flag);
  const valueEnd = propertyAt(view, content.propertiesAt, flag >> 1);
  const route = bytes.subarray(content.routeAt, content.routeEnd);
  const before = bytes.subarray(content.propertiesAt, valueAt);
  const after = bytes.subarray(valueEnd, content.propertiesEnd);
  return assembled(route, [before, value, after], content.body);
}

/** A copy of `content` with another table of headers, in wire format. */
export function withHeaders(content: Content, headers: Uint8Array): Content {
  const { bytes, view } = content.block;
  const { propertiesAt, propertiesEnd } = content;
  const flags = content.propertyFlags | PropertyFlag.headers;
  const headersAt = propertyAt(view, propertiesAt, PropertyFlag.headers);
  const headersEnd = propertyAt(view, propertiesAt, PropertyFlag.headers >> 1);
  return assembled(
    bytes.subarray(content.routeAt, content.routeEnd),
    [
      Uint8Array.of(flags >> 8, flags),
      bytes.subarray(propertiesAt + 2, headersAt),
      headers,
      bytes.subarray(headersEnd, propertiesEnd),
    ],
    content.body,
  );
}

/** A copy of `content` with another exchange, key and table of headers (in wire format), and without an expiration. */
export function asDeadLetter(
  content: Content,
  exchange: string,
  routingKey: string,
  headers: Uint8Array,
): Content {
  const { bytes, view } = content.block;
  const { propertiesAt, propertiesEnd } = content;
  const at = (flag: number) => propertyAt(view, propertiesAt, flag);
  const flags = (content.propertyFlags | PropertyFlag.headers) & ~PropertyFlag.expiration;
  return assembled(
    Buffer.concat([shortstr(exchange), shortstr(routingKey)]),
    [
      Uint8Array.of(flags >> 8, flags),
      bytes.subarray(propertiesAt + 2, at(PropertyFlag.headers)),
      headers,
      bytes.subarray(at(PropertyFlag.headers >> 1), at(PropertyFlag.expiration)),
      bytes.subarray(at(PropertyFlag.expiration >> 1), propertiesEnd),
    ],
    content.body,
  );
}

function shortstr(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

function assembled(
  route: Uint8Array,
  properties: readonly Uint8Array[],
  body: Uint8Array,
): Content {
  const copy = new Content();
  copy.block = blockOf(Buffer.concat([route, ...properties, body]));
  copy.routeEnd = route.length;
  copy.propertiesAt = route.length;
  copy.propertiesEnd = copy.block.bytes.length - body.length;
  copy.bodyAt = copy.propertiesEnd;
  copy.bodyEnd = copy.block.bytes.length;
  return copy;
}
