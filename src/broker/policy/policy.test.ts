import { describe, expect, test } from 'vitest';
import type { Json } from '../json.ts';
import { OperatorError } from '../operator-error.ts';
import { checkedPolicy, type PolicyRequest } from './policy.ts';
import { type PolicyTarget, policyKeys } from './policy-keys.ts';
import { PolicyList } from './policy-list.ts';

function policy(more: Partial<PolicyRequest> = {}, isOperator = false) {
  return checkedPolicy(
    { name: 'p', pattern: '.*', definition: { 'max-length': 1 }, ...more },
    isOperator,
  );
}

/** What is said of a definition, without what it always begins and ends with. */
function problem(definition: Json, isOperator = false): string {
  try {
    policy({ definition }, isOperator);
    return 'none';
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return /^Validation failed\n\n(.*)\n$/s.exec((error as Error).message)?.[1] ?? String(error);
  }
}

/** For each key: what it takes, what it does not take, and how that is said. The texts are RabbitMQ's. */
const cases: [key: string, valid: Json[], invalid: Json[], what: string][] = [
  ['alternate-exchange', ['', 'ae'], [1, null], 'alternate exchange name'],
  ['consumer-disconnected-timeout', [0, 5], [-1, '5'], 'consumer disconnected timeout'],
  ['consumer-timeout', [0, 1000], [-1, 1.5], 'consumer timeout'],
  ['dead-letter-exchange', ['', 'dlx'], [1, []], 'dead letter exchange name'],
  ['dead-letter-routing-key', ['', 'k'], [1, {}], 'dead letter routing key'],
  ['dead-letter-strategy', ['at-most-once', 'at-least-once'], ['', 1], 'dead letter strategy'],
  ['delayed-retry-max', [0], [-1], 'delayed retry maximum'],
  ['delayed-retry-min', [0], [-1], 'delayed retry minimum'],
  ['delayed-retry-type', ['disabled', 'all', 'failed', 'returned'], ['x'], 'delayed retry type'],
  ['delivery-limit', [0, 20, -1], ['20', 0.5], 'delivery limit'],
  ['expires', [1], [0, -1, '1'], 'queue expiry'],
  ['federation-upstream', ['u'], [1], 'federation-upstream value'],
  ['federation-upstream-pattern', ['u'], [1], 'federation-upstream-pattern value'],
  ['federation-upstream-set', ['all'], [1], 'federation-upstream-set value'],
  ['ha-mode', ['all'], [], ''],
  ['ha-params', [2, ['a']], [], ''],
  ['ha-promote-on-failure', ['always'], [], ''],
  ['ha-promote-on-shutdown', ['always'], [], ''],
  ['ha-sync-batch-size', [1], [], ''],
  ['ha-sync-mode', ['automatic'], [], ''],
  ['initial-cluster-size', [0, 3], [-1], 'cluster size'],
  ['max-age', ['7D', '1Y', '10s'], ['7', 'D', '1x', 7], 'max age'],
  ['max-in-memory-bytes', [0], [-1], 'maximum memory in bytes'],
  ['max-in-memory-length', [0], [-1], 'maximum memory in bytes'],
  ['max-length', [0, 1], [-1, '1', 2 ** 60], 'maximum length'],
  ['max-length-bytes', [0, 1], [-1, true], 'maximum length in bytes'],
  ['message-ttl', [0, 60_000], [-1, null], 'message TTL'],
  ['overflow', ['drop-head', 'reject-publish', 'reject-publish-dlx'], ['drop'], 'overflow value'],
  ['queue-leader-locator', ['client-local', 'balanced'], ['x'], 'queue leader locator value'],
  ['queue-master-locator', ['min-masters'], [1], 'queue-master-locator value'],
  ['queue-mode', ['default', 'lazy'], ['eager'], 'queue-mode value'],
  ['queue-version', [1, 2], [3, '2'], 'queue-version value'],
  ['stream-filter-size-bytes', [16, 255], [15, 256], 'stream filter size'],
  ['stream-max-segment-size-bytes', [500], [-1], 'segment size'],
  ['target-group-size', [1, 5], [0], 'target group size'],
];

test('the table of keys is complete', () => {
  expect(cases.map(([key]) => key).sort()).toEqual([...policyKeys.keys()].sort());
});

describe.each(cases)('%s', (key, valid, invalid, what) => {
  test.each(valid)('takes %j', (value) => expect(problem({ [key]: value })).toBe('none'));
  test.each(invalid)('does not take %j', (value) => {
    expect(problem({ [key]: value })).toMatch(new RegExp(` is not a valid ${what}$`));
  });
  test('an operator policy may have it, or not', () => {
    const isAllowed = policyKeys.get(key)?.withOperator !== undefined;
    const said = problem({ [key]: valid[0]! }, true);
    expect(said).toMatch(isAllowed ? /^none$/ : /are not recognised policy settings$/);
  });
});

test('the keys of operator policies', () => {
  const keys = [...policyKeys].filter(([, { withOperator }]) => withOperator).map(([key]) => key);
  expect(keys).toEqual([
    'delivery-limit',
    'expires',
    'max-in-memory-bytes',
    'max-in-memory-length',
    'max-length',
    'max-length-bytes',
    'message-ttl',
    'overflow',
    'queue-version',
    'target-group-size',
  ]);
});

/** As rabbitmqctl of RabbitMQ 3.10.8 says it. */
test.each<[Json, string]>([
  [{ foo: 1, 'max-length': 2 }, '[{<<"foo">>,1}] are not recognised policy settings'],
  [
    { b: 'x', a: [true] },
    '[{<<"a">>,[true]},{<<"b">>,<<"x">>}] are not recognised policy settings',
  ],
  [{}, 'no policy provided'],
  [{ 'max-length': -1 }, '-1 is not a valid maximum length'],
  [{ 'max-length': 'x' }, '<<"x">> is not a valid maximum length'],
  [
    { overflow: 'bogus', 'max-length': { a: [1, true, null, 'x', 1.5] } },
    '#{<<"a">> => [1,true,null,<<"x">>,1.5]} is not a valid maximum length',
  ],
  [{ 'max-age': '1x' }, '<<"1x">> is not a valid max age'],
])('%j: %s', (definition, text) => expect(problem(definition)).toBe(text));

test.each<[Partial<PolicyRequest>, string]>([
  [
    { pattern: '(' },
    'Validation failed\n\npattern should be regular expression but is invalid: {"missing )",1}\n',
  ],
  [
    { applyTo: 'bogus' },
    "Validation failed\n\napply-to 'bogus' unrecognised; should be one of 'all', 'classic_queues', 'exchanges', 'queues', 'quorum_queues', 'streams'\n",
  ],
  [{ applyTo: 'constructor' }, "Validation failed\n\napply-to 'constructor' unrecognised; "],
  [{ priority: 1.5 }, 'Validation failed\n\npriority should be a number, actually was 1.5\n'],
  [{ definition: [] }, 'Validation failed\n\ndefinition should be a JSON object\n'],
  [{ definition: 'x' }, 'Validation failed\n\ndefinition should be a JSON object\n'],
  [{ name: '' }, 'policy name cannot be empty'],
])('%j is refused', (request, text) => {
  expect(() => policy(request)).toThrow(text);
});

test('what is left out: everything, at priority 0', () => {
  expect(policy().properties).toEqual({
    name: 'p',
    pattern: '.*',
    applyTo: 'all',
    priority: 0,
    definition: { 'max-length': 1 },
  });
});

const every: PolicyTarget[] = ['classic', 'quorum', 'stream', 'exchange'];

test.each<[string, PolicyTarget[]]>([
  ['all', every],
  ['queues', ['classic', 'quorum', 'stream']],
  ['exchanges', ['exchange']],
  ['classic_queues', ['classic']],
  ['quorum_queues', ['quorum']],
  ['streams', ['stream']],
])('apply-to %s: %j', (applyTo, expected) => {
  const applied = policy({ applyTo, definition: { 'max-length-bytes': 1 } });
  expect(every.filter((target) => applied.matches('x', target))).toEqual(expected);
});

/** Seen on RabbitMQ 3.10.8: a policy with a key that is nothing for a type of queue is none for it. */
test.each<[Record<string, Json>, PolicyTarget[]]>([
  [{ 'max-length': 5, 'delivery-limit': 5 }, ['quorum', 'exchange']],
  [{ 'max-length': 5, 'queue-mode': 'lazy' }, ['classic', 'exchange']],
  [{ 'ha-mode': 'all' }, ['classic', 'exchange']],
  [{ 'alternate-exchange': 'x' }, every],
  [{ overflow: 'reject-publish-dlx' }, ['classic', 'quorum', 'exchange']],
])('%j is for %j', (definition, expected) => {
  const applied = policy({ definition });
  expect(every.filter((target) => applied.matches('x', target))).toEqual(expected);
});

test('of those that match, the highest priority counts; then the first name', () => {
  const list = new PolicyList();
  const add = (name: string, priority: number, pattern: string) =>
    list.set(policy({ name, priority, pattern }));
  add('low', 1, '.*');
  add('b', 5, '^x');
  add('a', 5, '^x');
  add('high', 9, '^y');
  const found = (name: string) => list.find(name, 'classic')?.name;
  expect(['x', 'y', 'z'].map(found)).toEqual(['a', 'high', 'low']);
  add('a', 0, '^x');
  expect(found('x')).toBe('b');
  expect([list.delete('b'), list.delete('b')]).toEqual([true, false]);
  expect(found('x')).toBe('low');
  expect([...list.values()].map(({ name }) => name)).toEqual(['high', 'low', 'a']);
});
