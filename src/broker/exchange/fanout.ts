// Fanout exchange: every binding matches, whatever the key.
import type { Binding, Destination } from '../binding.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

export class FanoutExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  readonly #bindings = new Set<Binding>();

  check(): void {}

  bind(binding: Binding): void {
    this.#bindings.add(binding);
  }

  unbind(binding: Binding): void {
    this.#bindings.delete(binding);
  }

  route(_message: RoutedMessage, found: Set<Destination>): void {
    for (const { destination } of this.#bindings) found.add(destination);
  }
}
