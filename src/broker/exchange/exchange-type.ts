// What an exchange type is: bindings come and go, and a message is matched against them. Adding one is adding a file and a
// line in types.ts.
import type { Random } from '../../platform/random.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import type { BasicProperties } from '../../protocol/properties.ts';
import type { Binding, Destination } from '../binding.ts';

/** What an exchange may look at. */
export interface RoutedMessage {
  /** The message's own first, then those of CC and BCC. Any of them may match. */
  readonly routingKeys: readonly string[];
  /** Decoded when first asked for. */
  readonly headers: FieldTable;
  /** Decoded when first asked for. */
  readonly properties: BasicProperties;
}

export interface ExchangeType {
  /** Whether the routing key alone decides, so that the answer may be remembered by key. */
  readonly routesByKeyAlone: boolean;
  /** @throws AmqpError 406 for a key or arguments that this type cannot take. */
  check(routingKey: string, bindingArguments: FieldTable): void;
  bind(binding: Binding): void;
  unbind(binding: Binding): void;
  /** Adds the destination of every binding that matches. */
  route(message: RoutedMessage, found: Set<Destination>): void;
}

/** How an exchange of some type is made. */
export interface ExchangeTypeMaker {
  /** @throws AmqpError 406 for arguments that an exchange of this type cannot have. `resource` is as `named` says it. */
  check?(exchangeArguments: FieldTable, resource: string): void;
  make(exchangeArguments: FieldTable, random: Random): ExchangeType;
}
