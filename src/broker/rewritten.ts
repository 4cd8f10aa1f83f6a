// A message that goes on with one property changed. Everything else is copied as it came, byte by byte: what another client
// put there is not ours to read and write again.
import { blockOf } from '../protocol/block.ts';
import { Content } from '../protocol/content.ts';
import { propertyAt } from '../protocol/properties.ts';

/** A copy of `content` whose property of that flag, which it must have, is `value`, in wire format. */
export function withProperty(content: Content, flag: number, value: Uint8Array): Content {
  const { bytes, view } = content.block;
  const valueAt = propertyAt(view, content.propertiesAt, flag);
  const valueEnd = propertyAt(view, content.propertiesAt, flag >> 1);
  const route = bytes.subarray(content.routeAt, content.routeEnd);
  const before = bytes.subarray(content.propertiesAt, valueAt);
  const after = bytes.subarray(valueEnd, content.propertiesEnd);
  const copy = new Content();
  copy.block = blockOf(Buffer.concat([route, before, value, after, content.body]));
  copy.routeEnd = route.length;
  copy.propertiesAt = route.length;
  copy.propertiesEnd = route.length + before.length + value.length + after.length;
  copy.bodyAt = copy.propertiesEnd;
  copy.bodyEnd = copy.block.bytes.length;
  return copy;
}
