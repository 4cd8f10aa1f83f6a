// The type of a queue, as its arguments name it.
import type { FieldTable } from '../../protocol/field-table.ts';
import { textOf } from '../equivalence.ts';
import type { QueueType } from '../policy/policy-keys.ts';
import type { QueueProperties } from './queue.ts';

const TYPE = 'x-queue-type';

/** `classic` when nothing is said. */
export function queueTypeOf(queueArguments: FieldTable): QueueType {
  const type = textOf(queueArguments.get(TYPE));
  return type === 'quorum' || type === 'stream' ? type : 'classic';
}

/** A declaration that names no type gets the vhost's, where a queue of that type can be as it is declared. */
export function withDefaultType(
  properties: QueueProperties,
  type: QueueType | undefined,
): QueueProperties {
  const { durable, exclusive, autoDelete } = properties;
  if (type === undefined || properties.arguments.has(TYPE)) return properties;
  if (type !== 'classic' && (!durable || exclusive || autoDelete)) return properties;
  return { ...properties, arguments: properties.arguments.with(TYPE, { type: 'S', value: type }) };
}
