// The default exchange: every queue is bound to it by its own name, and nothing else can be.
import type { Destination } from '../binding.ts';
import type { Queue } from '../queue/queue.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

export class DefaultExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  readonly #queues: ReadonlyMap<string, Queue>;

  constructor(queues: ReadonlyMap<string, Queue>) {
    this.#queues = queues;
  }

  check(): void {}
  bind(): void {}
  unbind(): void {}

  route(message: RoutedMessage, found: Set<Destination>): void {
    for (const routingKey of message.routingKeys) {
      const queue = this.#queues.get(routingKey);
      if (queue) found.add(queue);
    }
  }
}
