// The fast path of a publish: method, header and the one body frame, when they lie in the buffer one behind the other.
// Whatever is not exactly that (a frame cut off, an error, a body in several frames) is left to the state machine of
// command-assembler.ts, which is the authority; publish-scanner.test.ts shows that both see the same messages.
import type { Block } from './block.ts';
import { Content } from './content.ts';
import { maxPayloadBytes } from './frame-parser.ts';
import { FRAME_END, FrameType, methodIds } from './methods.generated.ts';
import { propertiesAreWellFormed } from './properties.ts';
import { isUtf8 } from './utf8.ts';

/** What the last successful scan found. */
export class ScannedPublish extends Content {
  channel = 0;
  mandatory = false;
  immediate = false;
}

const PUBLISH = methodIds['basic.publish'];
/** Class 60, weight 0. */
const CLASS_AND_WEIGHT = 60 << 16;
/** Frame header 7, ids 4, ticket 2. */
const ROUTE_OFFSET = 13;
/** Frame header 7, class 2, weight 2, body size 8. */
const PROPERTIES_OFFSET = 19;
/** The shortest publish without a body, with a byte to spare: enough to read all fixed fields without a check each. */
const MIN_BYTES = 40;

/**
 * Reads one whole publish at `at` into `found`. No frame of it is larger than `frameMax` allows; its method frame never is.
 * @returns where it ends, or `at` when it takes the slow path.
 */
export function scanPublish(
  block: Block,
  at: number,
  end: number,
  found: ScannedPublish,
  frameMax = Number.MAX_SAFE_INTEGER,
): number {
  const { bytes, view } = block;
  if (end - at < MIN_BYTES || view.getInt32(at + 7) !== PUBLISH) return at;
  const routeAt = at + ROUTE_OFFSET;
  const routingKeyAt = routeAt + 1 + bytes[routeAt]!;
  if (routingKeyAt >= end) return at;
  const routeEnd = routingKeyAt + 1 + bytes[routingKeyAt]!;
  const methodEnd = routeEnd + 1;
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
  if (view.getUint32(headerAt + 7) !== CLASS_AND_WEIGHT || view.getUint32(headerAt + 11) !== 0)
    return at;
  if (!isUtf8(view, routeAt + 1, routingKeyAt) || !isUtf8(view, routingKeyAt + 1, routeEnd))
    return at;
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
    if (bytes[bodyFrameAt] !== FrameType.BODY || view.getUint16(bodyFrameAt + 1) !== channel)
      return at;
    if (view.getUint32(bodyFrameAt + 3) !== bodySize || bytes[bodyEnd] !== FRAME_END) return at;
    next = bodyEnd + 1;
  }

  const bits = bytes[routeEnd]!;
  found.block = block;
  found.channel = channel;
  found.mandatory = (bits & 1) !== 0;
  found.immediate = (bits & 2) !== 0;
  found.routeAt = routeAt;
  found.routeEnd = routeEnd;
  found.propertiesAt = propertiesAt;
  found.propertiesEnd = headerEnd;
  found.bodyAt = bodyAt;
  found.bodyEnd = bodyAt + bodySize;
  return next;
}
