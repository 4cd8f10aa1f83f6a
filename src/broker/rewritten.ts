// A message that goes on with other properties than it came with.
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';

/** A copy of `content` with `properties` in place of its own. */
export function withProperties(content: Content, properties: BasicProperties): Content {
  const writer = new ByteWriter();
  encodeProperties(properties, writer);
  const route = content.block.bytes.subarray(content.routeAt, content.routeEnd);
  const copy = new Content();
  copy.block = blockOf(Buffer.concat([route, writer.bytes, content.body]));
  copy.routeEnd = route.length;
  copy.propertiesAt = route.length;
  copy.propertiesEnd = route.length + writer.length;
  copy.bodyAt = copy.propertiesEnd;
  copy.bodyEnd = copy.block.bytes.length;
  return copy;
}
