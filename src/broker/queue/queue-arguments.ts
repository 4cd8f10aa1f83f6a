// The arguments a queue may be declared with: which each type of queue knows, which values they take, and RabbitMQ's words for
// those that do not fit.
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { integerOf, requireSameArguments, requireText, textOf, typeName } from '../equivalence.ts';
import { named, preconditionFailed } from '../refusal.ts';
import type { QueueProperties } from './queue-host.ts';
import { type QueueType, queueTypeOf } from './queue-type.ts';

/** Ten years: what RabbitMQ allows for any expiry, in ms. */
export const MAX_EXPIRY_MS = 315_360_000_000n;

/** So many keys of messages can be remembered at most (see deduplication-window.ts). */
const MAX_CACHE_SIZE = 10_000_000n;

/** Says what is wrong with a value, or undefined. The texts are Erlang terms, as RabbitMQ prints them. */
type Check = (value: FieldValue, all: FieldTable) => string | undefined;

function integerFrom(min: bigint, max?: bigint): Check {
  return (value) => {
    const integer = integerOf(value);
    if (integer === undefined) return `"expected integer, got ${typeName(value)}"`;
    if (integer < 0n && integer < min) return `{value_negative,${integer}}`;
    if (integer < min) return `{value_zero,${integer}}`;
    if (max !== undefined && integer > max) return `{value_too_large,${integer}}`;
    return undefined;
  };
}

const text: Check = (value) =>
  textOf(value) === undefined ? `{unacceptable_type,${typeName(value)}}` : undefined;

const bool: Check = (value) =>
  value.type === 't' ? undefined : `{unacceptable_type,${typeName(value)}}`;

function oneOf(allowed: readonly string[], otherwise: (given: string) => string): Check {
  return (value, all) => {
    const given = textOf(value) ?? '';
    return text(value, all) ?? (allowed.includes(given) ? undefined : otherwise(given));
  };
}

const notNegative = integerFrom(0n);

const maxPriority: Check = (value, all) => {
  const integer = integerOf(value) ?? 0n;
  return (
    notNegative(value, all) ?? (integer > 255n ? `{max_value_exceeded,${integer}}` : undefined)
  );
};

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['x-expires', integerFrom(1n, MAX_EXPIRY_MS)],
  ['x-message-ttl', integerFrom(0n, MAX_EXPIRY_MS)],
  [
    'x-dead-letter-routing-key',
    (value, all) =>
      text(value, all) ??
      (all.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'),
  ],
  ['x-max-length', notNegative],
  ['x-max-length-bytes', notNegative],
  ['x-max-priority', maxPriority],
  [
    'x-overflow',
    oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], () => 'invalid_overflow'),
  ],
  ['x-queue-mode', oneOf(['default', 'lazy'], (mode) => `"unsupported queue mode '${mode}'"`)],
  [
    'x-queue-type',
    oneOf(['classic', 'quorum', '', 'undefined'], (type) => `"unsupported queue type '${type}'"`),
  ],
  ['x-single-active-consumer', bool],
  ['x-message-deduplication', bool],
  ['x-cache-size', integerFrom(1n, MAX_CACHE_SIZE)],
  ['x-cache-ttl', integerFrom(1n, MAX_EXPIRY_MS)],
  ['x-consumer-timeout', integerFrom(0n, MAX_EXPIRY_MS)],
  [
    'x-dead-letter-strategy',
    oneOf(['at-most-once', 'at-least-once'], () => 'invalid_dlx_strategy'),
  ],
  ['x-delivery-limit', integerFrom(-1n)],
  [
    'x-delayed-retry-type',
    oneOf(['disabled', 'all', 'failed', 'returned'], () => 'invalid_delayed_retry_type'),
  ],
  ['x-delayed-retry-min', integerFrom(0n, MAX_EXPIRY_MS)],
  ['x-delayed-retry-max', integerFrom(0n, MAX_EXPIRY_MS)],
  [
    'x-queue-leader-locator',
    oneOf(
      ['client-local', 'balanced', 'random', 'least-leaders'],
      () => 'invalid_queue_locator_arg',
    ),
  ],
  ['x-quorum-initial-group-size', integerFrom(1n)],
  ['x-quorum-target-group-size', integerFrom(1n)],
]);

/** Arguments that one type of queue cannot have, since another has them for itself. */
const foreign: Readonly<Record<QueueType, ReadonlySet<string>>> = {
  classic: new Set([
    'x-dead-letter-strategy',
    'x-delayed-retry-max',
    'x-delayed-retry-min',
    'x-delayed-retry-type',
    'x-delivery-limit',
    'x-initial-cluster-size',
    'x-max-age',
    'x-max-in-memory-bytes',
    'x-max-in-memory-length',
    'x-quorum-initial-group-size',
    'x-quorum-target-group-size',
    'x-stream-filter-size-bytes',
    'x-stream-max-segment-size-bytes',
  ]),
  quorum: new Set([
    'x-initial-cluster-size',
    'x-max-age',
    'x-queue-master-locator',
    'x-queue-mode',
    'x-queue-version',
    'x-stream-filter-size-bytes',
    'x-stream-max-segment-size-bytes',
  ]),
};

const ofDeduplication = ['x-message-deduplication', 'x-cache-size', 'x-cache-ttl'];

/** @throws AmqpError 406 when an exchange cannot drop repeated messages in the way it is told. */
export function checkDeduplicationArguments(resource: string, exchangeArguments: FieldTable): void {
  for (const argument of ofDeduplication) {
    const value = exchangeArguments.get(argument);
    const problem = value && checks.get(argument)!(value, exchangeArguments);
    if (problem) throw preconditionFailed(`invalid arg '${argument}' for ${resource}: ${problem}`);
  }
}

/** What a redeclaration need not repeat: the type is compared by what it means, the others mean nothing here. */
const notCompared: ReadonlySet<string> = new Set([
  'x-queue-leader-locator',
  'x-queue-mode',
  'x-queue-type',
  'x-quorum-initial-group-size',
  'x-quorum-target-group-size',
]);

const comparedNames: readonly string[] = [
  'x-dead-letter-exchange',
  ...[...checks.keys()].filter((name) => !notCompared.has(name)),
];

/** @throws AmqpError 406 when a redeclaration does not repeat the arguments that count. */
export function requireSameQueueArguments(
  resource: string,
  current: FieldTable,
  received: FieldTable,
): void {
  const isSameType = queueTypeOf(current) === queueTypeOf(received);
  if (!isSameType) requireSameArguments(['x-queue-type'], resource, current, received);
  requireSameArguments(comparedNames, resource, current, received);
}

/** @throws AmqpError 406 when a queue of its type cannot have a property. */
export function checkQueueProperties(
  { name, durable, exclusive, autoDelete, arguments: all }: QueueProperties,
  vhost: string,
  nameIsGenerated: boolean,
): void {
  if (queueTypeOf(all) !== 'quorum') return;
  if (nameIsGenerated) {
    throw preconditionFailed(`Cannot declare a server-named queue for type rabbit_quorum_queue`);
  }
  const invalid = autoDelete
    ? 'auto-delete'
    : exclusive
      ? 'exclusive-owner'
      : durable
        ? undefined
        : 'non-durable';
  if (!invalid) return;
  throw preconditionFailed(`invalid property '${invalid}' for ${named('queue', name, vhost)}`);
}

/**
 * @throws AmqpError 406 when an argument has a value it cannot have, or is of another type of queue. Arguments we do not
 * know are nobody's business.
 */
export function checkQueueArguments(name: string, vhost: string, queueArguments: FieldTable): void {
  const resource = named('queue', name, vhost);
  const type = queueTypeOf(queueArguments);
  requireText('x-dead-letter-exchange', resource, queueArguments);
  for (const [argument, value] of queueArguments.entries) {
    if (foreign[type].has(argument)) {
      throw preconditionFailed(
        `invalid arg '${argument}' for ${resource} of queue type rabbit_${type}_queue`,
      );
    }
    const problem = checks.get(argument)?.(value, queueArguments);
    if (problem) throw preconditionFailed(`invalid arg '${argument}' for ${resource}: ${problem}`);
  }
}
