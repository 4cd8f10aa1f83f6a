// A method as a frame of its own, for what a test says in the broker's place.
import { ByteWriter } from '../protocol/byte-writer.ts';
import { encodeMethod } from '../protocol/method-codec.ts';
import { FrameType, type Method, methodIds } from '../protocol/methods.generated.ts';

const FRAME_END = 0xce;

export function methodFrame(channel: number, method: Method): Uint8Array {
  const payload = new ByteWriter();
  payload.long(methodIds[method.name]);
  encodeMethod(method, payload);
  const frame = new ByteWriter();
  frame.octet(FrameType.METHOD);
  frame.short(channel);
  frame.longstr(payload.bytes);
  frame.octet(FRAME_END);
  return frame.bytes.slice();
}
