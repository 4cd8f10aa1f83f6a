// Frames as bytes (§4.2.3), written plainly and apart from src/protocol's FrameWriter, so that a mistake there is not made
// here as well. Any of them may be wrong on purpose.
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { encodeMethod } from '../../src/protocol/method-codec.ts';
import { FrameType, type Method, methodIds } from '../../src/protocol/methods.generated.ts';
import { type BasicProperties, encodeProperties } from '../../src/protocol/properties.ts';

export { FrameType };

export const FRAME_OVERHEAD_BYTES = 8;
const FRAME_END = 0xce;
const BASIC_CLASS = 60;

export const protocolHeader = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);

/** type u8 | channel u16 | size u32 | payload | end u8 */
export function frame(
  type: number,
  channel: number,
  payload: Uint8Array,
  { end = FRAME_END, size = payload.length } = {},
): Uint8Array {
  const writer = new ByteWriter();
  writer.octet(type);
  writer.short(channel);
  writer.long(size);
  return concat(writer.bytes, payload, Uint8Array.of(end));
}

export function methodPayload(method: Method): Uint8Array {
  const writer = new ByteWriter();
  writer.long(methodIds[method.name]);
  encodeMethod(method, writer);
  return writer.bytes.slice();
}

/** class u16 | weight u16 | body size u64 | property flags and values */
export function headerPayload(
  bodySize: number,
  properties: BasicProperties | Uint8Array = {},
  classId = BASIC_CLASS,
): Uint8Array {
  const writer = new ByteWriter();
  writer.short(classId);
  writer.short(0);
  writer.longlong(bodySize);
  if (properties instanceof Uint8Array) return concat(writer.bytes, properties);
  encodeProperties(properties, writer);
  return writer.bytes.slice();
}

export function methodFrame(channel: number, method: Method): Uint8Array {
  return frame(FrameType.METHOD, channel, methodPayload(method));
}

export function headerFrame(
  channel: number,
  bodySize: number,
  properties?: BasicProperties | Uint8Array,
): Uint8Array {
  return frame(FrameType.HEADER, channel, headerPayload(bodySize, properties));
}

export function bodyFrame(channel: number, body: Uint8Array): Uint8Array {
  return frame(FrameType.BODY, channel, body);
}

export function heartbeatFrame(channel = 0): Uint8Array {
  return frame(FrameType.HEARTBEAT, channel, new Uint8Array(0));
}

/** Header and body frames of a message, the body cut to what `frameMax` holds. */
export function contentFrames(
  channel: number,
  properties: BasicProperties | Uint8Array,
  body: Uint8Array,
  frameMax: number,
): Uint8Array {
  const frames = [headerFrame(channel, body.length, properties)];
  const room = frameMax - FRAME_OVERHEAD_BYTES;
  for (let at = 0; at < body.length; at += room) {
    frames.push(bodyFrame(channel, body.subarray(at, at + room)));
  }
  return concat(...frames);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
