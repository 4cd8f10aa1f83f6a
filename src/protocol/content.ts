// One message's content as ranges of a block: where it is, not what it is. A publish that lies whole in the read buffer, one
// that was assembled from many frames and a message in the store all look like this, so what routes, stores and delivers
// messages is written once and copies bytes without decoding them.
import { type Block, blockOf, sameBytes } from './block.ts';
import { ByteReader } from './byte-reader.ts';
import { FieldTable } from './field-table.ts';
import { type BasicProperties, decodeProperties, PropertyFlag, propertyAt } from './properties.ts';
import { decodeAnyUtf8, decodeUtf8 } from './utf8.ts';

const noBlock = blockOf(new Uint8Array(2));

/** Mutable and reused: whoever keeps content beyond the call that handed it over copies the bytes. */
export class Content {
  block: Block = noBlock;
  /** Exchange and routing key: two short strings, adjacent in basic.publish and basic.deliver alike. */
  routeAt = 0;
  routeEnd = 0;
  /** Property flags and values, as in a content header. */
  propertiesAt = 0;
  propertiesEnd = 0;
  bodyAt = 0;
  bodyEnd = 0;

  get bodySizeBytes(): number {
    return this.bodyEnd - this.bodyAt;
  }
  /** Where the routing key's length octet is. */
  get routingKeyAt(): number {
    return this.routeAt + 1 + this.block.bytes[this.routeAt]!;
  }
  /** Shortstr bytes that are not UTF-8 are refused on entry, so this is always text. */
  get exchange(): string {
    return decodeUtf8(this.block.bytes, this.routeAt + 1, this.routingKeyAt) ?? '';
  }
  get routingKey(): string {
    return decodeUtf8(this.block.bytes, this.routingKeyAt + 1, this.routeEnd) ?? '';
  }
  get propertyFlags(): number {
    return this.block.view.getUint16(this.propertiesAt);
  }
  get properties(): BasicProperties {
    return decodeProperties(
      new ByteReader(this.block.bytes, this.propertiesAt, this.propertiesEnd),
    );
  }
  /** The headers and nothing else of the properties; an empty table when there are none. */
  get headers(): FieldTable {
    if ((this.propertyFlags & PropertyFlag.headers) === 0) return FieldTable.empty;
    const at = propertyAt(this.block.view, this.propertiesAt, PropertyFlag.headers);
    return new ByteReader(this.block.bytes, at, this.propertiesEnd).table();
  }
  /** The text of a property that is a short string and is there, and nothing else of the properties. */
  textOf(flag: number): string {
    const { bytes, view } = this.block;
    const at = propertyAt(view, this.propertiesAt, flag);
    return decodeAnyUtf8(bytes, at + 1, at + 1 + bytes[at]!);
  }
  /** Whether a property that is a short string and is there consists of these bytes. */
  textIs(flag: number, text: Uint8Array): boolean {
    const { bytes, view } = this.block;
    const at = propertyAt(view, this.propertiesAt, flag);
    return bytes[at] === text.length && sameBytes(bytes, at + 1, text, 0, text.length);
  }
  /** The body, not copied. */
  get body(): Uint8Array {
    return this.block.bytes.subarray(this.bodyAt, this.bodyEnd);
  }
}
