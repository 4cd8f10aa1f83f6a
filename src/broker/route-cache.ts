// Routes remembered by the bytes of exchange and routing key, as they stand in the publish: a key that was seen before needs
// no decoding and no matching. Any change of exchanges, queues or bindings empties it.
import { sameBytes } from '../protocol/block.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Queue } from './queue/queue.ts';

/** Where messages with one exchange and routing key go. */
export interface Route {
  /** Exchange and routing key: two short strings. */
  readonly bytes: Uint8Array;
  readonly exchange: Exchange;
  /** Undefined when the message's headers decide as well. */
  readonly queues: readonly Queue[] | undefined;
  /** False once the topology has changed, and for a route that is not remembered at all. */
  isCurrent: boolean;
}

/** Places in the table; a power of two. A key that finds its places taken replaces one. */
const PLACES = 16_384;
/** Keys that are remembered to have been asked about once; a power of two. */
const MARKS = 4096;
/** Of so many keys without a mark, one is remembered all the same. */
const STRANGERS_PER_TURN = 8;
/** Places that a key may take, one behind the other. */
const PROBES = 4;

export class RouteCache {
  readonly #routes: (Route | undefined)[] = [];
  /** Hashes of keys that were asked about lately. */
  readonly #marks = new Int32Array(MARKS);
  #strangers = 0;
  /** The places that are taken. */
  readonly #taken = new Set<number>();

  /** The route for the bytes [at, end), if it is remembered. */
  find(bytes: Uint8Array, at: number, end: number): Route | undefined {
    if (this.#taken.size === 0) return undefined;
    const place = this.#placeOf(bytes, at, end);
    return place < 0 ? undefined : this.#routes[place];
  }

  #placeOf(bytes: Uint8Array, at: number, end: number): number {
    const length = end - at;
    const hash = hashOf(bytes, at, end);
    for (let probe = 0; probe < PROBES; probe++) {
      const place = (hash + probe) & (PLACES - 1);
      const route = this.#routes[place];
      if (route?.bytes.length !== length) continue;
      if (sameBytes(route.bytes, 0, bytes, at, length)) return place;
    }
    return -1;
  }

  /**
   * Whether a key is worth remembering: it is when it was asked about before, and no other of the same mark since. So keys
   * that never come again (an id in the key) cost little and push little out. Keys whose marks collide get in by their turn.
   */
  admits(bytes: Uint8Array, at: number, end: number): boolean {
    const hash = hashOf(bytes, at, end);
    const mark = hash & (MARKS - 1);
    if (this.#marks[mark] === hash) return true;
    this.#marks[mark] = hash;
    this.#strangers = (this.#strangers + 1) % STRANGERS_PER_TURN;
    return this.#strangers === 0;
  }

  add(route: Route): void {
    if (this.#routes.length === 0) {
      for (let place = 0; place < PLACES; place++) this.#routes.push(undefined);
    }
    this.forget(route.bytes);
    const hash = hashOf(route.bytes, 0, route.bytes.length);
    for (let probe = 0; probe < PROBES; probe++) {
      const place = (hash + probe) & (PLACES - 1);
      if (this.#routes[place]) continue;
      this.#routes[place] = route;
      this.#taken.add(place);
      return;
    }
    // All its places are taken: the first one makes room.
    const place = hash & (PLACES - 1);
    this.#routes[place]!.isCurrent = false;
    this.#routes[place] = route;
  }

  /** Forgets the route of one key. */
  forget(bytes: Uint8Array): void {
    const place = this.#taken.size === 0 ? -1 : this.#placeOf(bytes, 0, bytes.length);
    if (place < 0) return;
    this.#routes[place]!.isCurrent = false;
    this.#routes[place] = undefined;
    this.#taken.delete(place);
  }

  /** Forgets all routes. Those that channels still hold know that they are out of date. */
  clear(): void {
    for (const place of this.#taken) {
      this.#routes[place]!.isCurrent = false;
      this.#routes[place] = undefined;
    }
    this.#taken.clear();
  }
}

function hashOf(bytes: Uint8Array, at: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = at; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x7fff_ffff;
}
