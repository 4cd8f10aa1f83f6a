// The two methods that come by the million, read from the buffer without making objects of them: a publish that lies there
// whole, and an ack. Everything else, and these when anything is unusual about them, goes through the state machine.
import { PermissionPending } from '../broker/permission-pending.ts';
import type { Block } from '../protocol/block.ts';
import { FRAME_END, methodIds } from '../protocol/methods.generated.ts';
import { ScannedPublish, scanPublish } from '../protocol/publish-scanner.ts';
import type { ChannelTable } from './channel-table.ts';
import { acknowledge } from './methods/basic.ts';
import { publish } from './methods/publish.ts';

const found = new ScannedPublish();
const ACK = methodIds['basic.ack'];
/** ids 4, delivery tag 8, multiple 1 */
const ACK_PAYLOAD_BYTES = 13;
const ACK_FRAME_BYTES = ACK_PAYLOAD_BYTES + 8;

/** Told what a method that was read here has thrown. */
export type FailureListener = (error: unknown, channelNumber: number, methodId: number) => void;

/** Reads one publish or ack at `at`; returns where it ends, or `at` when it takes the slow way. */
export function readFast(
  block: Block,
  at: number,
  end: number,
  frameMax: number,
  channels: ChannelTable,
  failed: FailureListener,
): number {
  const next = scanPublish(block, at, end, found, frameMax);
  if (next === at) return readAck(block, at, end, channels, failed);
  const channel = channels.ready(found.channel);
  if (!channel) return at;
  try {
    publish(channel, found, found.mandatory, found.immediate);
  } catch (error) {
    // Nothing has changed yet, and the state machine keeps the message until the answer is there.
    if (error instanceof PermissionPending) return at;
    failed(error, channel.number, methodIds['basic.publish']);
  }
  return next;
}

function readAck(
  block: Block,
  at: number,
  end: number,
  channels: ChannelTable,
  failed: FailureListener,
): number {
  const { bytes, view } = block;
  const next = at + ACK_FRAME_BYTES;
  if (next > end || view.getInt32(at + 7) !== ACK) return at;
  if (view.getUint32(at + 3) !== ACK_PAYLOAD_BYTES || bytes[next - 1] !== FRAME_END) return at;
  const channel = channels.ready(view.getUint16(at + 1));
  if (!channel) return at;
  const tag = view.getUint32(at + 11) * 0x1_0000_0000 + view.getUint32(at + 15);
  try {
    acknowledge(channel, tag, (bytes[at + 19]! & 1) !== 0);
  } catch (error) {
    failed(error, channel.number, ACK);
  }
  return next;
}
