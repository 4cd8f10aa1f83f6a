// Consistent-hash exchange: every message goes to one destination, messages of the same key to the same one. The binding key is
// the destination's weight. What is hashed is the routing key, or what the exchange's `hash-header` or `hash-property` names.
//
// Each destination draws a number from the hash of message and name together, and the lowest draw, divided by the weight,
// wins (rendezvous hashing). So shares are as the weights say, a destination that comes takes only what becomes its own, one
// that goes leaves the others as they were, and the order of bindings does not matter.
import type { FieldTable } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import { requireText, textOf } from '../equivalence.ts';
import { identityOf } from '../field-identity.ts';
import { preconditionFailed } from '../refusal.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';
import { hashOfText, mixed } from './text-hash.ts';

const HEADER = 'hash-header';
const PROPERTY = 'hash-property';

const properties = {
  message_id: 'messageId',
  correlation_id: 'correlationId',
  timestamp: 'timestamp',
} as const;
type PropertyName = keyof typeof properties;

/** @throws AmqpError 406 when it is not clear what to hash. */
export function checkConsistentHash(exchangeArguments: FieldTable, resource: string): void {
  requireText(HEADER, resource, exchangeArguments);
  requireText(PROPERTY, resource, exchangeArguments);
  const property = textOf(exchangeArguments.get(PROPERTY));
  if (property === undefined) return;
  if (exchangeArguments.has(HEADER)) {
    throw preconditionFailed('hash-header and hash-property are mutually exclusive');
  }
  if (!(property in properties)) throw preconditionFailed(`Unsupported property: ${property}`);
}

/** A destination and its bindings. The first one's weight counts, the others wait for it to go. */
class Share {
  readonly destination: Destination;
  readonly seed: number;
  readonly bindings = new Set<Binding>();
  weight = 0;

  constructor(destination: Destination) {
    this.destination = destination;
    this.seed = hashOfText(`${destination.kind} ${destination.name}`);
  }

  /** The weight is that of the first binding. */
  weigh(): void {
    const [first] = this.bindings;
    if (first) this.weight = Number(first.routingKey);
  }
}

export class ConsistentHashExchange implements ExchangeType {
  readonly routesByKeyAlone: boolean;
  readonly #header: string | undefined;
  readonly #property: PropertyName | undefined;
  readonly #shares = new Map<Destination, Share>();

  constructor(exchangeArguments: FieldTable) {
    this.#header = textOf(exchangeArguments.get(HEADER));
    this.#property = textOf(exchangeArguments.get(PROPERTY)) as PropertyName | undefined;
    this.routesByKeyAlone = this.#header === undefined && this.#property === undefined;
  }

  check(routingKey: string): void {
    if (!/^[+-]?\d+$/.test(routingKey)) {
      const key = routingKey === '' ? '<<>>' : `<<"${routingKey}">>`;
      throw preconditionFailed(`The binding key must be an integer: ${key}`);
    }
    if (Number(routingKey) < 1) throw preconditionFailed('The binding key must be greater than 0');
  }

  bind(binding: Binding): void {
    const { destination } = binding;
    const share = this.#shares.get(destination) ?? new Share(destination);
    this.#shares.set(destination, share);
    share.bindings.add(binding);
    share.weigh();
  }

  unbind(binding: Binding): void {
    const share = this.#shares.get(binding.destination);
    if (!share?.bindings.delete(binding)) return;
    if (share.bindings.size === 0) this.#shares.delete(binding.destination);
    else share.weigh();
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    const hash = hashOfText(this.#hashed(message));
    let winner: Share | undefined;
    let lowest = Number.POSITIVE_INFINITY;
    for (const share of this.#shares.values()) {
      // From 0 to 1, neither included. The logarithm makes a draw of weight 3 as good as the best of three draws.
      const chance = (mixed(hash ^ share.seed) + 0.5) / 0x1_0000_0000;
      const draw = -Math.log(chance) / share.weight;
      if (draw > lowest || (draw === lowest && !isBefore(share, winner!))) continue;
      winner = share;
      lowest = draw;
    }
    if (winner) found.add(winner.destination);
  }

  /** What decides, as a text. Messages without it are all of one kind. */
  #hashed(message: RoutedMessage): string {
    if (this.#header !== undefined) {
      const value = message.headers.get(this.#header);
      return value === undefined ? '' : identityOf(value);
    }
    if (this.#property === undefined) return message.routingKeys[0] ?? '';
    return String(message.properties[properties[this.#property]] ?? '');
  }
}

function isBefore(a: Share, b: Share): boolean {
  return a.destination.name < b.destination.name;
}
