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

const maxPriority: Check = (value) => {
  const integer = integerOf(value);
  if (integer === undefined) return `{unacceptable_type,${typeName(value)}}`;
  if (integer < 0n) return `{value_negative,${integer}}`;
  return integer > 255n ? `{max_value_exceeded,${integer}}` : undefined;
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
  ['x-max-length', integerFrom(0n)],
  ['x-max-length-bytes', integerFrom(0n)],
  ['x-max-priority', maxPriority],
  [
    'x-overflow',
    oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], () => 'invalid_overflow'),
  ],
  ['x-queue-mode', oneOf(['default', 'lazy'], () => 'invalid_queue_mode')],
  [
    'x-queue-type',
    oneOf(['classic', '', 'undefined'], (type) => `"unsupported queue type '${type}'"`),
  ],
  ['x-single-active-consumer', bool],
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

/** @throws AmqpError 406 when an argument has a value it cannot have. Arguments we do not know are nobody's business. */
export function checkQueueArguments(name: string, vhost: string, queueArguments: FieldTable): void {
  requireText('x-dead-letter-exchange', named('queue', name, vhost), queueArguments);
  for (const [argument, value] of queueArguments.entries) {
    const problem = checks.get(argument)?.(value, queueArguments);
    if (problem) {
      throw preconditionFailed(
        `invalid arg '${argument}' for ${named('queue', name, vhost)}: ${problem}`,
      );
    }
  }
}
