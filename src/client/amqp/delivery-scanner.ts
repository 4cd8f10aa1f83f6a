// The fast path of a delivery: method, header and the one body frame, when they lie in the read buffer one behind the other.
// Whatever is not exactly that (a frame cut off, a body in several frames, anything odd) is left to the state machine of
// protocol/command-assembler.ts, which is the authority; delivery-scanner.test.ts shows that both see the same.
import type { Block } from '../../protocol/block.ts';
import { Content } from '../../protocol/content.ts';
import { maxPayloadBytes } from '../../protocol/frame-parser.ts';
import { FRAME_END, FrameType, methodIds } from '../../protocol/methods.generated.ts';
import { propertiesAreWellFormed } from '../../protocol/properties.ts';
import { isUtf8 } from '../../protocol/utf8.ts';

/** What the last successful scan found. */
export class ScannedDelivery extends Content {
  channel = 0;
  /** The consumer tag's octets. */
  tagAt = 0;
  tagEnd = 0;
  deliveryTag = 0;
  redelivered = false;
}

const DELIVER = methodIds['basic.deliver'];
/** Class 60, weight 0. */
const CLASS_AND_WEIGHT = 60 << 16;
/** Frame header 7, ids 4. */
const TAG_OFFSET = 11;
/** Frame header 7, class 2, weight 2, body size 8. */
const PROPERTIES_OFFSET = 19;
/** The shortest delivery without a body, with a byte to spare. */
const MIN_BYTES = 46;

/** Reads one whole delivery at `at` into `found`. @returns where it ends, or `at` when it takes the slow way. */
export function scanDelivery(
  block: Block,
  at: number,
  end: number,
  found: ScannedDelivery,
  frameMax: number,
): number {
  const { bytes, view } = block;
  if (end - at < MIN_BYTES || view.getInt32(at + 7) !== DELIVER) return at;
  const tagAt = at + TAG_OFFSET + 1;
  const tagEnd = tagAt + bytes[tagAt - 1]!;
  const routeAt = tagEnd + 9;
  if (routeAt >= end) return at;
  const routingKeyAt = routeAt + 1 + bytes[routeAt]!;
  if (routingKeyAt >= end) return at;
  const methodEnd = routingKeyAt + 1 + bytes[routingKeyAt]!;
  const headerAt = methodEnd + 1;
  const propertiesAt = headerAt + PROPERTIES_OFFSET;
  if (propertiesAt + 2 >= end) return at;
  if (view.getUint32(at + 3) !== methodEnd - at - 7 || bytes[methodEnd] !== FRAME_END) return at;

  const channel = view.getUint16(at + 1);
  if (bytes[headerAt] !== FrameType.HEADER || view.getUint16(headerAt + 1) !== channel) return at;
  const headerSize = view.getUint32(headerAt + 3);
  const headerEnd = headerAt + 7 + headerSize;
  if (headerSize > maxPayloadBytes(frameMax)) return at;
  if (headerEnd >= end || headerEnd < propertiesAt + 2 || bytes[headerEnd] !== FRAME_END) return at;
  if (view.getUint32(headerAt + 7) !== CLASS_AND_WEIGHT) return at;
  if (view.getUint32(headerAt + 11) !== 0) return at;
  if (!isUtf8(view, tagAt, tagEnd) || !isUtf8(view, routeAt + 1, routingKeyAt)) return at;
  if (!isUtf8(view, routingKeyAt + 1, methodEnd)) return at;
  if (!propertiesAreWellFormed(view, propertiesAt, headerEnd)) return at;
  const bodySize = view.getUint32(headerAt + 15);
  if (bodySize > maxPayloadBytes(frameMax)) return at;

  let bodyAt = headerEnd + 1;
  let next = bodyAt;
  if (bodySize > 0) {
    const bodyFrameAt = bodyAt;
    bodyAt += 7;
    const bodyEnd = bodyAt + bodySize;
    if (bodyEnd >= end) return at;
    if (bytes[bodyFrameAt] !== FrameType.BODY) return at;
    if (view.getUint16(bodyFrameAt + 1) !== channel) return at;
    if (view.getUint32(bodyFrameAt + 3) !== bodySize || bytes[bodyEnd] !== FRAME_END) return at;
    next = bodyEnd + 1;
  }

  found.block = block;
  found.channel = channel;
  found.tagAt = tagAt;
  found.tagEnd = tagEnd;
  found.deliveryTag = view.getUint32(tagEnd) * 0x1_0000_0000 + view.getUint32(tagEnd + 4);
  found.redelivered = (bytes[tagEnd + 8]! & 1) !== 0;
  found.routeAt = routeAt;
  found.routeEnd = methodEnd;
  found.propertiesAt = propertiesAt;
  found.propertiesEnd = headerEnd;
  found.bodyAt = bodyAt;
  found.bodyEnd = bodyAt + bodySize;
  return next;
}
