// The method frame of a publish, ready to be written: the same for all messages of one route on one channel.
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { encodeMethod } from '../../protocol/method-codec.ts';
import { FRAME_END, FrameType, methodIds } from '../../protocol/methods.generated.ts';

const writer = new ByteWriter();

/** @throws RangeError for a name that a short string does not hold. */
export function publishFrame(
  channel: number,
  exchange: string,
  routingKey: string,
  mandatory: boolean,
): Uint8Array {
  writer.clear();
  writer.octet(FrameType.METHOD);
  writer.short(channel);
  writer.sized(() => {
    writer.long(methodIds['basic.publish']);
    encodeMethod(
      { name: 'basic.publish', exchange, routingKey, mandatory, immediate: false },
      writer,
    );
  });
  writer.octet(FRAME_END);
  return writer.bytes.slice();
}
