import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import type { Json, JsonObject } from '../json.ts';
import {
  effectiveArguments,
  effectiveDefinition,
  explainArguments,
} from './effective-arguments.ts';
import { Policy } from './policy.ts';
import type { PolicyTarget } from './policy-keys.ts';

const policy = (name: string, definition: JsonObject | undefined) =>
  definition && new Policy({ name, pattern: '', applyTo: 'all', priority: 0, definition });

function table(fields: Record<string, Json>): FieldTable {
  return new FieldTable(
    Object.entries(fields).map(([name, value]): [string, FieldValue] => [
      name,
      typeof value === 'number' ? { type: 'I', value } : { type: 'S', value: String(value) },
    ]),
  );
}

/** Without types: whoever reads an argument takes any width of integer. */
function plain(effective: FieldTable): Record<string, Json> {
  return Object.fromEntries(
    effective.entries.map(([name, { value }]) => [
      name,
      typeof value === 'bigint' ? Number(value) : (value as Json),
    ]),
  );
}

interface Said {
  readonly argument?: Json;
  readonly policy?: Json;
  readonly operator?: Json;
}

function outcome(key: string, target: PolicyTarget, said: Said): Json | undefined {
  const argument = key === 'alternate-exchange' ? key : `x-${key}`;
  const definition = (value: Json | undefined) =>
    value === undefined ? undefined : { [key]: value };
  const declared = said.argument === undefined ? {} : { [argument]: said.argument };
  const policies = [policy('p', definition(said.policy)), policy('o', definition(said.operator))];
  const effective = effectiveArguments(table(declared), target, policies[0], policies[1]);
  return plain(effective)[argument];
}

describe('one key', () => {
  const min = (key: string, target: PolicyTarget): [string, PolicyTarget, Said, Json][] => [
    [key, target, { policy: 5 }, 5],
    [key, target, { operator: 5 }, 5],
    [key, target, { argument: 3, policy: 5 }, 3],
    [key, target, { argument: 5, policy: 3 }, 3],
    [key, target, { policy: 5, operator: 3 }, 3],
    [key, target, { policy: 3, operator: 5 }, 3],
    [key, target, { argument: 9, policy: 8, operator: 7 }, 7],
    [key, target, { argument: 1, policy: 8, operator: 7 }, 1],
  ];
  test.each<[string, PolicyTarget, Said, Json | undefined]>([
    ...['message-ttl', 'expires', 'max-length', 'max-length-bytes'].flatMap((key) => [
      ...min(key, 'classic'),
      ...min(key, 'quorum'),
    ]),
    ['consumer-timeout', 'classic', { argument: 9, policy: 8 }, 8],
    ['dead-letter-exchange', 'classic', { argument: 'a', policy: 'p' }, 'a'],
    ['dead-letter-exchange', 'quorum', { argument: 'a', policy: 'p' }, 'a'],
    ['dead-letter-exchange', 'classic', { argument: '', policy: 'p' }, ''],
    ['dead-letter-exchange', 'classic', { policy: 'p' }, 'p'],
    ['dead-letter-routing-key', 'classic', { argument: 'a', policy: 'p' }, 'a'],
    ['overflow', 'classic', { argument: 'drop-head', policy: 'reject-publish' }, 'drop-head'],
    ['overflow', 'quorum', { argument: 'drop-head', policy: 'reject-publish' }, 'reject-publish'],
    ['overflow', 'classic', { policy: 'drop-head', operator: 'reject-publish' }, 'reject-publish'],
    ['delivery-limit', 'quorum', { argument: 10, policy: 5 }, 5],
    ['delivery-limit', 'quorum', { argument: -1, policy: 5 }, 5],
    ['delivery-limit', 'quorum', { policy: -1, operator: 5 }, 5],
    ['delivery-limit', 'quorum', { policy: 9, operator: 5 }, 5],
    ['delivery-limit', 'classic', { policy: 9 }, undefined],
    ['dead-letter-strategy', 'quorum', { argument: 'at-most-once', policy: 'x' }, 'at-most-once'],
    ['target-group-size', 'quorum', { policy: 3, operator: 5 }, 5],
    ['max-length-bytes', 'stream', { argument: 3, policy: 5 }, 5],
    ['max-age', 'stream', { argument: '1D', policy: '7D' }, '7D'],
    ['max-age', 'classic', { policy: '7D' }, undefined],
    ['alternate-exchange', 'exchange', { argument: 'a', policy: 'p' }, 'a'],
    ['alternate-exchange', 'exchange', { policy: 'p' }, 'p'],
    ['alternate-exchange', 'classic', { policy: 'p' }, undefined],
    ['max-length', 'exchange', { policy: 5 }, undefined],
    ['ha-mode', 'classic', { policy: 'all' }, undefined],
  ])('%s of a %s, where it is said %j: %j', (key, target, said, expected) => {
    expect(outcome(key, target, said)).toBe(expected);
  });
});

test('what no policy touches stays as it was declared, types and order too', () => {
  const declared = new FieldTable([
    ['x-mine', { type: 'u', value: 7 }],
    ['x-max-length', { type: 'I', value: 3 }],
  ]);
  expect(effectiveArguments(declared, 'classic', undefined, undefined)).toBe(declared);
  const limited = effectiveArguments(
    declared,
    'classic',
    policy('p', { 'max-length': 5 }),
    undefined,
  );
  expect(limited.entries).toEqual(declared.entries);
  const more = effectiveArguments(declared, 'classic', policy('p', { 'max-length': 2 }), undefined);
  expect(more.entries).toEqual([
    ['x-mine', { type: 'u', value: 7 }],
    ['x-max-length', { type: 'l', value: 2n }],
  ]);
});

test('a definition of both policies, keys in order', () => {
  const both = effectiveDefinition(
    policy('p', { 'max-length': 10, 'message-ttl': 5 }),
    policy('o', { 'max-length': 3, expires: 9 }),
  );
  expect(Object.entries(both)).toEqual([
    ['expires', 9],
    ['max-length', 3],
    ['message-ttl', 5],
  ]);
});

test('an explanation says who decided, and over whom', () => {
  const declared = table({ 'x-max-length': 10, 'x-message-ttl': 5, 'x-mine': 'yes' });
  const explained = explainArguments(
    declared,
    'classic',
    policy('p', { 'max-length': 8, 'message-ttl': 6, 'dead-letter-exchange': 'dlx' }),
    policy('o', { 'max-length': 9 }),
  );
  const argument = (value: Json) => ({ from: 'argument', value });
  const p = (value: Json) => ({ from: 'policy', name: 'p', value });
  const o = (value: Json) => ({ from: 'operator policy', name: 'o', value });
  expect(explained).toEqual([
    { argument: 'x-dead-letter-exchange', value: 'dlx', decidedBy: p('dlx'), over: [] },
    { argument: 'x-max-length', value: 8, decidedBy: p(8), over: [argument(10), o(9)] },
    { argument: 'x-message-ttl', value: 5, decidedBy: argument(5), over: [p(6)] },
    { argument: 'x-mine', value: 'yes', decidedBy: argument('yes'), over: [] },
  ]);
});

test('explanation and effect say the same, and the smallest limit is never exceeded', () => {
  const limits = fc.record(
    { 'max-length': fc.nat(9), 'message-ttl': fc.nat(9), expires: fc.integer({ min: 1, max: 9 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      limits,
      fc.option(limits, { nil: undefined }),
      fc.option(limits, { nil: undefined }),
      fc.constantFrom<PolicyTarget>('classic', 'quorum'),
      (own, said, limited, target) => {
        const declared = table(
          Object.fromEntries(Object.entries(own).map(([key, value]) => [`x-${key}`, value])),
        );
        const policies = [policy('p', said), policy('o', limited)] as const;
        const effective = plain(effectiveArguments(declared, target, ...policies));
        const explained = explainArguments(declared, target, ...policies);
        expect(Object.fromEntries(explained.map((it) => [it.argument, it.value]))).toEqual(
          effective,
        );
        for (const key of ['max-length', 'message-ttl', 'expires'] as const) {
          const values = [own[key], said?.[key], limited?.[key]].filter((it) => it !== undefined);
          const smallest = values.length === 0 ? undefined : Math.min(...values);
          expect(effective[`x-${key}`]).toBe(smallest);
        }
      },
    ),
  );
});
