// Random exchanges: every message goes along one binding, whichever. For `x-random` a binding may have any key, so a
// destination with several of them is hit more often. `x-local-random` is for request and reply in a cluster, where it takes
// the queues of its own node: here all of them.
import type { Random } from '../../platform/random.ts';
import type { Binding, Destination } from '../binding.ts';
import { preconditionFailed } from '../refusal.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

/** Random numbers are fetched so many at a time. */
const NUMBERS = 256;

export class RandomExchange implements ExchangeType {
  readonly routesByKeyAlone = false;
  readonly #random: Random;
  #numbers = new Uint32Array(0);
  #used = 0;
  readonly #bindings: Binding[] = [];
  readonly #indexes = new Map<Binding, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  check(_routingKey: string): void {}

  bind(binding: Binding): void {
    this.#indexes.set(binding, this.#bindings.length);
    this.#bindings.push(binding);
  }

  unbind(binding: Binding): void {
    const index = this.#indexes.get(binding);
    const last = this.#bindings.at(-1);
    if (index === undefined || !last) return;
    this.#bindings[index] = last;
    this.#indexes.set(last, index);
    this.#bindings.pop();
    this.#indexes.delete(binding);
  }

  route(_message: RoutedMessage, found: Set<Destination>): void {
    const binding = this.#bindings[this.#nextNumber() % this.#bindings.length];
    if (binding) found.add(binding.destination);
  }

  #nextNumber(): number {
    if (this.#used === this.#numbers.length) {
      this.#numbers = new Uint32Array(new Uint8Array(this.#random.bytes(NUMBERS * 4)).buffer);
      this.#used = 0;
    }
    const number = this.#numbers[this.#used]!;
    this.#used += 1;
    return number;
  }
}

export class LocalRandomExchange extends RandomExchange {
  override check(routingKey: string): void {
    if (routingKey === '') return;
    throw preconditionFailed(`Non empty binding '${routingKey}' key not permitted`);
  }
}
