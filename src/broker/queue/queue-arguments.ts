// The arguments a queue may be declared with: which are known, which values they take, and RabbitMQ's words for those that
// do not fit.
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { integerOf, requireText, textOf, typeName } from '../equivalence.ts';
import { named, preconditionFailed } from '../refusal.ts';

/** Ten years: what RabbitMQ allows for any expiry, in ms. */
export const MAX_EXPIRY_MS = 315_360_000_000n;

/** Says what is wrong with a value, or undefined. The texts are Erlang terms, as RabbitMQ prints them. */
type Check = (value: FieldValue, all: FieldTable) => string | undefined;

function integerFrom(min: bigint, max?: bigint): Check {
  return (value) => {
    const integer = integerOf(value);
    if (integer === undefined) return `"expected integer, got ${typeName(value)}"`;
    if (integer < 0n) return `{value_negative,${integer}}`;
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
    oneOf(['classic', '', 'undefined'], (type) => `"unsupported queue type '${type}'"`),
  ],
  ['x-single-active-consumer', bool],
]);

/** Arguments of RabbitMQ's quorum queues and streams, which a classic queue cannot have. */
const ofOtherTypes: ReadonlySet<string> = new Set([
  'x-dead-letter-strategy',
  'x-delivery-limit',
  'x-initial-cluster-size',
  'x-max-age',
  'x-max-in-memory-bytes',
  'x-max-in-memory-length',
  'x-quorum-initial-group-size',
  'x-quorum-target-group-size',
  'x-stream-filter-size-bytes',
  'x-stream-max-segment-size-bytes',
]);

/** Arguments that a redeclaration must repeat. */
export const queueArgumentNames: readonly string[] = [
  'x-dead-letter-exchange',
  ...[...checks.keys()].filter((name) => name !== 'x-queue-type' && name !== 'x-queue-mode'),
];

/** Arguments that are checked and kept, and have no effect yet. */
const withoutEffect: ReadonlySet<string> = new Set([
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-overflow',
]);

/** The arguments of a declaration that this version accepts without acting on them. */
export function argumentsWithoutEffect(queueArguments: FieldTable): string[] {
  return queueArguments.entries.map(([name]) => name).filter((name) => withoutEffect.has(name));
}

/**
 * @throws AmqpError 406 when an argument has a value it cannot have, or is of another type of queue. Arguments we do not
 * know are nobody's business.
 */
export function checkQueueArguments(name: string, vhost: string, queueArguments: FieldTable): void {
  const resource = named('queue', name, vhost);
  requireText('x-dead-letter-exchange', resource, queueArguments);
  for (const [argument, value] of queueArguments.entries) {
    if (ofOtherTypes.has(argument)) {
      throw preconditionFailed(
        `invalid arg '${argument}' for ${resource} of queue type rabbit_classic_queue`,
      );
    }
    const problem = checks.get(argument)?.(value, queueArguments);
    if (problem) throw preconditionFailed(`invalid arg '${argument}' for ${resource}: ${problem}`);
  }
}
