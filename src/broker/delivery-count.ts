// What a consumer of a quorum queue is told of deliveries that failed before: the header x-delivery-count.
import { ByteWriter } from '../protocol/byte-writer.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { Queue } from './queue/queue.ts';
import { withHeaders } from './rewritten.ts';

/** The message in that place of the queue as it is delivered; the same, not copied, when no delivery of it has failed. */
export function withDeliveryCount(content: Content, queue: Queue, sequence: number): Content {
  const count = queue.deliveryCountOf(sequence);
  if (count === 0) return content;
  const headers = content.properties.headers ?? FieldTable.empty;
  const writer = new ByteWriter();
  writer.table(headers.with('x-delivery-count', { type: 'l', value: BigInt(count) }));
  return withHeaders(content, writer.bytes);
}
