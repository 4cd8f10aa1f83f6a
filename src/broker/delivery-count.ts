// What a consumer of a quorum queue is told of earlier deliveries: how many have failed (x-delivery-count), and how many there were
// at all (x-acquired-count).
import { ByteWriter } from '../protocol/byte-writer.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import type { Queue } from './queue/queue.ts';
import { withHeaders } from './rewritten.ts';

/** The message in that place of the queue as it is delivered; the same, not copied, when it has not been before. */
export function withDeliveryCount(content: Content, { returns }: Queue, sequence: number): Content {
  const acquisitions = returns?.counts.acquisitionsOf(sequence) ?? 0;
  if (returns === undefined || acquisitions === 0) return content;
  const failures = returns.counts.failuresOf(sequence);
  let headers = content.properties.headers ?? FieldTable.empty;
  if (failures > 0) headers = headers.with('x-delivery-count', long(failures));
  headers = headers.with('x-acquired-count', long(acquisitions));
  const writer = new ByteWriter();
  writer.table(headers);
  return withHeaders(content, writer.bytes);
}

function long(count: number): FieldValue {
  return { type: 'l', value: BigInt(count) };
}
