// The way of a message through a vhost: from exchange to exchange along the bindings, to the queues it reaches. What was found
// is remembered by exchange and routing key until something changes.
import type { Content } from '../protocol/content.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { BasicProperties } from '../protocol/properties.ts';
import { encodeUtf8 } from '../protocol/utf8.ts';
import type { Destination } from './binding.ts';
import { deduplicationKeyOf } from './deduplication-key.ts';
import type { DeduplicationWindow } from './deduplication-window.ts';
import type { DelayedMessages } from './exchange/delayed-messages.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { RoutedMessage } from './exchange/exchange-type.ts';
import type { Queue } from './queue/queue.ts';
import { type Route, RouteCache } from './route-cache.ts';

/** Where a message goes. */
export interface Routed {
  readonly queues: readonly Queue[];
  /** Delayed exchanges that hold it back; what is behind them gets it later. */
  readonly delays: readonly DelayedMessages[];
  /** Where it will be known as repeated when it comes again, and by what. */
  readonly windows: readonly DeduplicationWindow[];
  readonly key: string | undefined;
  /** An exchange or a queue has dropped it, since it had come before. */
  readonly isRepeated: boolean;
}

const noBytes = new Uint8Array(0);

export class Router {
  readonly #exchanges: ReadonlyMap<string, Exchange>;
  /** Of exchanges and queues that drop repeated messages. */
  readonly #windows: ReadonlyMap<Destination, DeduplicationWindow>;
  readonly #routes = new RouteCache();
  /** Some exchange sends to the default exchange what matches no binding, or did once. */
  #defaultIsAlternate = false;

  constructor(
    exchanges: ReadonlyMap<string, Exchange>,
    windows: ReadonlyMap<Destination, DeduplicationWindow>,
  ) {
    this.#exchanges = exchanges;
    this.#windows = windows;
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
    const message = new RoutedContent(content, [content.routingKey]);
    const walk = this.#walk(new Walk(exchange), message, true);
    const queues = walk.byKeyAlone ? [...walk.queues] : undefined;
    if (!this.#routes.admits(bytes, routeAt, routeEnd)) {
      return { bytes: noBytes, exchange, queues, isCurrent: false };
    }
    const route = { bytes: bytes.slice(routeAt, routeEnd), exchange, queues, isCurrent: true };
    this.#routes.add(route);
    return route;
  }

  /** What a message reaches, each once, where more than its exchange and routing key decide. */
  route(content: Content, exchange: Exchange, routingKeys: readonly string[]): Routed {
    return this.#routed(new Walk(exchange), content, routingKeys);
  }

  /** The same for a message that a delayed exchange has held back: it is known there, and no repetition. */
  routeHeld(content: Content, exchange: Exchange, routingKeys: readonly string[]): Routed {
    const walk = new Walk(exchange);
    walk.knownIn = exchange;
    return this.#routed(walk, content, routingKeys);
  }

  #routed(walk: Walk, content: Content, routingKeys: readonly string[]): Routed {
    const message = new RoutedContent(content, routingKeys);
    const { queues, delays, windows, droppedBy } = this.#walk(walk, message, false);
    const key = windows.length > 0 ? message.deduplicationKey : undefined;
    return { queues: [...queues], delays, windows, key, isRepeated: droppedBy.length > 0 };
  }

  /**
   * Follows bindings from exchange to exchange. Each is visited once, so a circle of them ends. With `byKeyAlone` it ends, too,
   * where anything else has a say.
   */
  #walk(walk: Walk, message: RoutedContent, byKeyAlone: boolean): Walk {
    for (let exchange = walk.next(); exchange; exchange = walk.next()) {
      const { delayed, matcher } = exchange;
      const isPlain = matcher.routesByKeyAlone && !delayed && !this.#remembers(exchange);
      if (byKeyAlone && !isPlain) return walk.endsUndecided();
      if (!isPlain && this.#isRepeated(exchange, walk, message)) continue;
      if (delayed?.wants(message.content)) {
        walk.delays.push(delayed);
        continue;
      }
      const found = new Set<Destination>();
      matcher.route(message, found);
      for (const destination of found) {
        if (destination.kind === 'exchange') walk.visit(destination);
        else if (byKeyAlone && this.#remembers(destination)) return walk.endsUndecided();
        else this.#reach(destination, walk, message);
      }
      if (found.size === 0 && exchange.alternate !== undefined) {
        const alternate = this.#exchanges.get(exchange.alternate);
        if (alternate) walk.visit(alternate);
      }
    }
    return walk;
  }

  #remembers(place: Destination): boolean {
    return this.#windows.size > 0 && this.#windows.has(place);
  }

  #reach(queue: Queue, walk: Walk, message: RoutedContent): void {
    if (walk.queues.has(queue) || this.#isRepeated(queue, walk, message)) return;
    walk.queues.add(queue);
  }

  /** Whether a message has come to an exchange or a queue before; if not, it will be remembered there. */
  #isRepeated(place: Destination, walk: Walk, message: RoutedContent): boolean {
    const window = this.#windows.get(place);
    if (!window || walk.knownIn === place) return false;
    const key = message.deduplicationKey;
    if (key === undefined) return false;
    if (walk.droppedBy.includes(place)) return true;
    if (window.isRepeated(key)) {
      walk.droppedBy.push(place);
      return true;
    }
    walk.windows.push(window);
    return false;
  }
}

/** A message as exchanges see it. */
class RoutedContent implements RoutedMessage {
  readonly content: Content;
  readonly routingKeys: readonly string[];
  #key: string | undefined;
  #isKeyKnown = false;
  #headers: FieldTable | undefined;
  #properties: BasicProperties | undefined;

  constructor(content: Content, routingKeys: readonly string[]) {
    this.content = content;
    this.routingKeys = routingKeys;
  }

  /** By what it is known when it comes again; undefined for most. */
  get deduplicationKey(): string | undefined {
    if (!this.#isKeyKnown) this.#key = deduplicationKeyOf(this.content);
    this.#isKeyKnown = true;
    return this.#key;
  }
  get headers(): FieldTable {
    this.#headers ??= this.content.headers;
    return this.#headers;
  }
  get properties(): BasicProperties {
    this.#properties ??= this.content.properties;
    return this.#properties;
  }
}

/** Where a message has been and what it has reached. */
class Walk {
  readonly queues = new Set<Queue>();
  readonly delays: DelayedMessages[] = [];
  byKeyAlone = true;
  readonly windows: DeduplicationWindow[] = [];
  readonly droppedBy: Destination[] = [];
  /** An exchange that the message has come from. */
  knownIn: Exchange | undefined;
  readonly #seen = new Set<Exchange>();
  readonly #waiting: Exchange[] = [];

  constructor(first: Exchange) {
    this.visit(first);
  }

  /** Says that more than the key decides. */
  endsUndecided(): this {
    this.byKeyAlone = false;
    return this;
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
