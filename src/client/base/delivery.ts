// One failure of a connection ends many publishes, and each wants to say what became of its own message.
import type { AMQPError, Delivery } from './errors.ts';

/** The same error with another `delivery`; its `cause` is the original, unless that had one of its own. */
export function withDelivery<E extends AMQPError>(error: E, delivery: Delivery): E {
  if (error.delivery === delivery) return error;
  const copy = Object.create(
    Object.getPrototypeOf(error) as object,
    Object.getOwnPropertyDescriptors(error),
  ) as E;
  Object.defineProperty(copy, 'delivery', {
    value: delivery,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  if (!('cause' in error))
    Object.defineProperty(copy, 'cause', { value: error, configurable: true });
  return copy;
}
