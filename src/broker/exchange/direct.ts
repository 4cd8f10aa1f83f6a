// Direct exchange: the binding key is the routing key, byte for byte.
import type { Binding, Destination } from '../binding.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

export class DirectExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  readonly #byKey = new Map<string, Set<Binding>>();

  check(): void {}

  bind(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    if (bindings) bindings.add(binding);
    else this.#byKey.set(binding.routingKey, new Set([binding]));
  }

  unbind(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    bindings?.delete(binding);
    if (bindings?.size === 0) this.#byKey.delete(binding.routingKey);
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    for (const routingKey of message.routingKeys) {
      const bindings = this.#byKey.get(routingKey);
      if (bindings) for (const { destination } of bindings) found.add(destination);
    }
  }
}
