// Where a message would go, and why: the walk of router.ts with every binding on its way asked for itself, in words for people.
// Nothing is published, counted or remembered; whether a message has come before (deduplication) is not looked at.
import { systemRandom } from '../platform/random.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { Binding, Destination } from './binding.ts';
import { textOf } from './equivalence.ts';
import { delayMsOf } from './exchange/delay.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { RoutedMessage } from './exchange/exchange-type.ts';
import { HeadersExchange } from './exchange/headers.ts';
import { makeExchangeType } from './exchange/types.ts';
import { selectedOf } from './sender-selected.ts';
import type { VHost } from './vhost.ts';

export interface ExplainedBinding {
  readonly binding: Binding;
  readonly matches: boolean;
  readonly reason: string;
}

export interface ExplainedStep {
  readonly exchange: Exchange;
  /** For how long it would hold the message back first; 0 for not at all. */
  readonly delayMs: number;
  readonly bindings: readonly ExplainedBinding[];
  /** Reached by name, without a binding: what the default exchange does. */
  readonly direct: readonly Destination[];
  /** Where it sends what matches none of its bindings, when that is so. */
  readonly alternate: Exchange | undefined;
}

export interface Explanation {
  readonly steps: readonly ExplainedStep[];
  /** The names of the queues that would get it, each once. */
  readonly queues: ReadonlySet<string>;
}

/** Types that look at each binding for itself; the others pick among all of them. */
const BY_BINDING = new Set(['direct', 'fanout', 'topic', 'headers']);

/** @throws AmqpError 406 for headers that cannot be. */
export function explain(vhost: VHost, first: Exchange, given: Content): Explanation {
  const { routingKeys, content } = selectedOf(given);
  const { headers, properties } = content;
  const message: RoutedMessage = { routingKeys, headers, properties };
  const seen = new Set([first]);
  const steps: ExplainedStep[] = [];
  const queues = new Set<string>();
  for (const exchange of seen) {
    const step = stepOf(vhost, exchange, message, content);
    steps.push(step);
    const reached = step.bindings.filter(({ matches }) => matches);
    const destinations = [...step.direct, ...reached.map(({ binding }) => binding.destination)];
    // A set is walked to its end, though it grows on the way.
    for (const destination of destinations) {
      if (destination.kind === 'queue') queues.add(destination.name);
      else seen.add(destination);
    }
    if (step.alternate) seen.add(step.alternate);
  }
  return { steps, queues };
}

function stepOf(
  vhost: VHost,
  exchange: Exchange,
  message: RoutedMessage,
  content: Content,
): ExplainedStep {
  const delayMs = exchange.delayed?.wants(content) ? delayMsOf(content) : 0;
  const found = new Set<Destination>();
  exchange.matcher.route(message, found);
  const { alternate: name } = exchange;
  const alternate = found.size === 0 && name !== undefined ? vhost.exchange(name) : undefined;
  const bindings = [...exchange.bindings].map((binding) => {
    const matches = isMatch(exchange, binding, message, found);
    return { binding, matches, reason: reasonFor(exchange, binding, message, matches) };
  });
  return { exchange, delayMs, bindings, direct: exchange.name === '' ? [...found] : [], alternate };
}

/** How the exchange matches: its type, or the one that a delayed exchange has besides. */
function ruleOf(exchange: Exchange): string {
  return textOf(exchange.arguments.get('x-delayed-type')) ?? exchange.type;
}

function isMatch(
  exchange: Exchange,
  binding: Binding,
  message: RoutedMessage,
  found: ReadonlySet<Destination>,
): boolean {
  if (!BY_BINDING.has(ruleOf(exchange))) return found.has(binding.destination);
  // The real thing, with this one binding: what it says is so.
  const alone = makeExchangeType(exchange, systemRandom);
  alone.bind(binding);
  const reached = new Set<Destination>();
  alone.route(message, reached);
  return reached.size > 0;
}

function reasonFor(
  exchange: Exchange,
  { routingKey, arguments: wanted }: Binding,
  message: RoutedMessage,
  matches: boolean,
): string {
  const [key = ''] = message.routingKeys;
  switch (ruleOf(exchange)) {
    case 'fanout':
      return 'a fanout exchange sends to everything that is bound to it';
    case 'direct':
      return matches
        ? `the key is exactly ${quoted(routingKey)}`
        : `the key is not ${quoted(routingKey)}`;
    case 'topic':
      return matches ? topicMatch(routingKey) : topicMismatch(routingKey, key);
    case 'headers':
      return headersReason(wanted, message);
    default:
      return matches ? 'picked for this message' : 'another binding was picked for this message';
  }
}

const quoted = (text: string) => (text === '' ? 'the empty text' : `“${text}”`);

function topicMatch(pattern: string): string {
  if (pattern === '#') return '“#” stands for any key';
  if (!/(^|\.)[*#](\.|$)/.test(pattern)) return 'the key is the same, word for word';
  return `the words of the key fit the pattern ${quoted(pattern)}`;
}

function topicMismatch(pattern: string, key: string): string {
  const wanted = pattern.split('.');
  const words = key === '' ? [] : key.split('.');
  if (wanted.includes('#')) return `the words of the key do not fit the pattern ${quoted(pattern)}`;
  if (wanted.length !== words.length) {
    return `the pattern has ${wanted.length} ${wanted.length === 1 ? 'word' : 'words'}, the key ${words.length}`;
  }
  const at = wanted.findIndex((word, i) => word !== '*' && word !== words[i]);
  return `word ${at + 1} is ${quoted(words[at] ?? '')}, the pattern wants ${quoted(wanted[at] ?? '')}`;
}

/** Each header that counts, asked for by itself. */
function headersReason(wanted: FieldTable, message: RoutedMessage): string {
  const mode = textOf(wanted.get('x-match')) ?? 'all';
  const withX = mode.endsWith('-with-x');
  const counting = wanted.entries.filter(
    ([name]) => name !== 'x-match' && (withX || !name.startsWith('x-')),
  );
  if (counting.length === 0) return `the binding asks for no headers (${mode})`;
  const parts = counting.map(([name, value]) => {
    if (!message.headers.has(name)) return `${name} is missing`;
    return hasHeader(name, value, message) ? `${name} fits` : `${name} has another value`;
  });
  return `${mode.startsWith('any') ? 'any' : 'all'} of: ${parts.join(', ')}`;
}

type Field = FieldTable['entries'][number][1];

function hasHeader(name: string, value: Field, message: RoutedMessage): boolean {
  const probe = new HeadersExchange();
  const destination = {} as Destination;
  const table = new FieldTable([
    ['x-match', { type: 'S', value: 'all-with-x' }],
    [name, value],
  ]);
  probe.bind({ source: {} as Exchange, destination, routingKey: '', arguments: table });
  const found = new Set<Destination>();
  probe.route(message, found);
  return found.size > 0;
}
