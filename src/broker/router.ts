// The way of a message through a vhost: from exchange to exchange along the bindings, to the queues it reaches. What was found
// is remembered by exchange and routing key until something changes.
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { encodeUtf8 } from '../protocol/utf8.ts';
import type { Destination } from './binding.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Queue } from './queue/queue.ts';
import { type Route, RouteCache } from './route-cache.ts';

const noBytes = new Uint8Array(0);

export class Router {
  readonly #exchanges: ReadonlyMap<string, Exchange>;
  readonly #routes = new RouteCache();
  /** Some exchange sends to the default exchange what matches no binding, or did once. */
  #defaultIsAlternate = false;

  constructor(exchanges: ReadonlyMap<string, Exchange>) {
    this.#exchanges = exchanges;
  }

  /** An exchange has come, or sends elsewhere what matches none of its bindings. */
  exchangeChanged(exchange: Exchange): void {
    if (exchange.alternate === '') this.#defaultIsAlternate = true;
    this.#routes.clear();
  }

  /** A binding or an exchange has come or gone. */
  bindingsChanged(): void {
    this.#routes.clear();
  }

  /** A queue comes or goes. One that nothing is bound to (a reply queue, say) concerns the default exchange alone. */
  queueChanged(queue: Queue): void {
    if (queue.incoming.size > 0 || this.#defaultIsAlternate) {
      this.#routes.clear();
      return;
    }
    const name = encodeUtf8(queue.name);
    this.#routes.forget(Uint8Array.of(0, name.length, ...name));
  }

  /** The route of a message, if one with its exchange and routing key was found before and nothing has changed since. */
  remembered(content: Content): Route | undefined {
    return this.#routes.find(content.block.bytes, content.routeAt, content.routeEnd);
  }

  /** Finds the route of messages with this exchange and routing key, and remembers it when it is asked for again. */
  find(content: Content, exchange: Exchange): Route {
    const { bytes } = content.block;
    const { routeAt, routeEnd } = content;
    const walk = this.#walk(exchange, [content.routingKey], FieldTable.empty);
    const queues = walk.byKeyAlone ? [...walk.queues] : undefined;
    if (!this.#routes.admits(bytes, routeAt, routeEnd)) {
      return { bytes: noBytes, exchange, queues, isCurrent: false };
    }
    const route = { bytes: bytes.slice(routeAt, routeEnd), exchange, queues, isCurrent: true };
    this.#routes.add(route);
    return route;
  }

  /** The queues a message reaches, each once, where more than its exchange and routing key decide. */
  route(content: Content, exchange: Exchange, routingKeys: readonly string[]): readonly Queue[] {
    const headers = content.properties.headers ?? FieldTable.empty;
    return [...this.#walk(exchange, routingKeys, headers).queues];
  }

  /** Follows bindings from exchange to exchange. Each is visited once, so a circle of them ends. */
  #walk(first: Exchange, routingKeys: readonly string[], headers: FieldTable): Walk {
    const walk = new Walk(first);
    for (let exchange = walk.next(); exchange; exchange = walk.next()) {
      const found = new Set<Destination>();
      for (const routingKey of routingKeys) exchange.matcher.route({ routingKey, headers }, found);
      if (!exchange.matcher.routesByKeyAlone) walk.byKeyAlone = false;
      for (const destination of found) {
        if (destination.kind === 'queue') walk.queues.add(destination);
        else walk.visit(destination);
      }
      if (found.size === 0 && exchange.alternate !== undefined) {
        const alternate = this.#exchanges.get(exchange.alternate);
        if (alternate) walk.visit(alternate);
      }
    }
    return walk;
  }
}

/** Where a message has been and what it has reached. */
class Walk {
  readonly queues = new Set<Queue>();
  byKeyAlone = true;
  readonly #seen = new Set<Exchange>();
  readonly #waiting: Exchange[] = [];

  constructor(first: Exchange) {
    this.visit(first);
  }

  visit(exchange: Exchange): void {
    if (this.#seen.has(exchange)) return;
    this.#seen.add(exchange);
    this.#waiting.push(exchange);
  }

  next(): Exchange | undefined {
    return this.#waiting.pop();
  }
}
