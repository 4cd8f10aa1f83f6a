// Where a message would go, and by which bindings: the way through the exchanges, step by step, with nothing published.
import { systemRandom } from '../platform/random.ts';
import type { Binding, Destination } from './binding.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { RoutedMessage } from './exchange/exchange-type.ts';
import { makeExchangeType } from './exchange/types.ts';
import type { Queue } from './queue/queue.ts';
import type { VHost } from './vhost.ts';

/** What happens at one exchange. */
export interface RouteStep {
  readonly exchange: Exchange;
  /** The bindings that match. */
  readonly matching: readonly Binding[];
  /** How many bindings there are. */
  readonly bindingCount: number;
  /** No binding matches, so it goes here. */
  readonly alternate: Exchange | undefined;
  /** The exchange holds messages with a delay back; what is said holds for when they are due. */
  readonly isDelayed: boolean;
  /** The type picks one of several destinations, not always the same. */
  readonly isRandom: boolean;
}

export interface RouteExplanation {
  readonly queues: readonly Queue[];
  readonly steps: readonly RouteStep[];
}

const RANDOM_TYPES: readonly string[] = ['x-random', 'x-local-random'];

/** Follows a message from an exchange on. Each exchange is visited once, so a circle of them ends. */
export function explainRoute(
  vhost: VHost,
  first: Exchange,
  message: RoutedMessage,
): RouteExplanation {
  const queues = new Set<Queue>();
  const seen = new Set([first]);
  const steps: RouteStep[] = [];
  // The set grows while it is walked.
  for (const exchange of seen) {
    const step = stepAt(vhost, exchange, message);
    steps.push(step);
    const [toDefault] = exchange.name === '' ? message.routingKeys : [];
    const direct = toDefault === undefined ? undefined : vhost.queue(toDefault);
    if (direct) queues.add(direct);
    for (const { destination } of step.matching) {
      if (destination.kind === 'queue') queues.add(destination);
      else seen.add(destination);
    }
    if (step.alternate && !direct) seen.add(step.alternate);
  }
  return { queues: [...queues], steps };
}

function stepAt(vhost: VHost, exchange: Exchange, message: RoutedMessage): RouteStep {
  const bindings = [...exchange.bindings];
  const found = new Set<Destination>();
  exchange.matcher.route(message, found);
  const matching = bindings.filter(
    (binding) => found.has(binding.destination) && matchesAlone(exchange, binding, message),
  );
  const { alternate } = exchange;
  return {
    exchange,
    matching,
    bindingCount: bindings.length,
    alternate: found.size === 0 && alternate !== undefined ? vhost.exchange(alternate) : undefined,
    isDelayed: exchange.delayed !== undefined,
    isRandom: RANDOM_TYPES.includes(exchange.type),
  };
}

/** Whether this binding, and not only another one to the same destination, matches. */
function matchesAlone(exchange: Exchange, binding: Binding, message: RoutedMessage): boolean {
  const alone = makeExchangeType(exchange, systemRandom);
  alone.bind(binding);
  const found = new Set<Destination>();
  alone.route(message, found);
  return found.size > 0;
}
