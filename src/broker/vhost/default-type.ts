// The type of queues that are declared without one.
import type { QueueType } from '../policy/policy-keys.ts';
import type { QueueProperties } from '../queue/queue-host.ts';

const TYPE = 'x-queue-type';

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
