// Modulus-hash exchange: every message goes along one binding, that of the routing key's hash modulo the number of bindings.
// Binding keys are ignored. Bindings are taken in the order of their destinations' names, so that messages of a key go on to
// the same place after a restart; when a binding comes or goes, most of them go elsewhere.
import type { Binding, Destination } from '../binding.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';
import { hashOfText } from './text-hash.ts';

export class ModulusHashExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  #bindings: Binding[] = [];

  check(): void {}

  bind(binding: Binding): void {
    const index = this.#bindings.findIndex((other) => isBefore(binding, other));
    this.#bindings.splice(index < 0 ? this.#bindings.length : index, 0, binding);
  }

  unbind(binding: Binding): void {
    this.#bindings = this.#bindings.filter((other) => other !== binding);
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    const hash = hashOfText(message.routingKeys[0] ?? '');
    const binding = this.#bindings[hash % this.#bindings.length];
    if (binding) found.add(binding.destination);
  }
}

function isBefore(a: Binding, b: Binding): boolean {
  return nameOf(a) < nameOf(b);
}

function nameOf({ destination }: Binding): string {
  return `${destination.kind} ${destination.name}`;
}
