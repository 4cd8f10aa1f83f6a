// Messages as an exchange type sees them, and bindings as far as one looks at them.

import type { Binding, Destination } from '../../src/broker/binding.ts';
import type { ExchangeType, RoutedMessage } from '../../src/broker/exchange/exchange-type.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import type { BasicProperties } from '../../src/protocol/properties.ts';

export function routed(
  routingKeys: string | readonly string[],
  headers = FieldTable.empty,
  properties: BasicProperties = {},
): RoutedMessage {
  const keys = typeof routingKeys === 'string' ? [routingKeys] : routingKeys;
  return { routingKeys: keys, headers, properties };
}

export function destination(name: string): Destination {
  return { kind: 'queue', name } as Destination;
}

export function bindingTo(
  to: Destination,
  routingKey = '',
  bindingArguments = FieldTable.empty,
): Binding {
  return { destination: to, routingKey, arguments: bindingArguments } as Binding;
}

/** The names of the destinations that a message reaches, sorted. */
export function reached(type: ExchangeType, message: RoutedMessage): string[] {
  const found = new Set<Destination>();
  type.route(message, found);
  return [...found].map(({ name }) => name).sort();
}
