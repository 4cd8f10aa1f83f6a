// What a queue or exchange goes by: what it was declared with, and what its policies make of that. And, for every argument, why.
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { integerOf, textOf } from '../equivalence.ts';
import { byName, type Json, type JsonObject } from '../json.ts';
import type { Policy } from './policy.ts';
import { argumentResolution, type PolicyTarget, policyKeys, resolve } from './policy-keys.ts';

/** Who says something. */
export interface Source {
  readonly from: 'argument' | 'policy' | 'operator policy';
  /** The policy's; an argument has none. */
  readonly name?: string;
  readonly value: Json;
}

/** Why an argument is as it is: who says it, and who was overruled. */
export interface Explanation {
  readonly argument: string;
  readonly value: Json;
  readonly decidedBy: Source;
  readonly over: readonly Source[];
}

/** What the policies of a queue or exchange say together: an operator policy adds to the other one and limits it. */
export function effectiveDefinition(
  policy: Policy | undefined,
  operatorPolicy: Policy | undefined,
): JsonObject {
  const merged: Record<string, Json> = {};
  for (const [key, sources] of sourcesByKey(policy, operatorPolicy)) {
    merged[key] = sources[0]!.value;
  }
  return Object.fromEntries(Object.entries(merged).sort(byName));
}

/**
 * The arguments that count: those of the declaration, and one for each key of the policies that means something to `target`.
 * Everything that policies do not touch stays as it was declared.
 */
export function effectiveArguments(
  declared: FieldTable,
  target: PolicyTarget,
  policy: Policy | undefined,
  operatorPolicy: Policy | undefined,
): FieldTable {
  let effective = declared;
  for (const { argument, value, decidedBy } of combined(declared, target, policy, operatorPolicy)) {
    // What an argument decides keeps the type it was sent with.
    if (decidedBy.from !== 'argument') effective = effective.with(argument, fieldOf(value));
  }
  return effective;
}

/** Why the effective arguments are what they are: one entry for each argument that was declared or comes from a policy. */
export function explainArguments(
  declared: FieldTable,
  target: PolicyTarget,
  policy: Policy | undefined,
  operatorPolicy: Policy | undefined,
): Explanation[] {
  const explained = combined(declared, target, policy, operatorPolicy);
  const known = new Set(explained.map(({ argument }) => argument));
  for (const [argument, field] of declared.entries) {
    if (known.has(argument)) continue;
    const value = jsonOf(field);
    explained.push({ argument, value, decidedBy: { from: 'argument', value }, over: [] });
  }
  return explained.sort((a, b) => (a.argument < b.argument ? -1 : 1));
}

/** `message-ttl` is `x-message-ttl` as an argument. */
export function argumentOf(key: string): string {
  return key === 'alternate-exchange' ? key : `x-${key}`;
}

/** What policies say, by key: whoever decides first, then who was overruled. */
function sourcesByKey(
  policy: Policy | undefined,
  operatorPolicy: Policy | undefined,
): Map<string, Source[]> {
  const byKey = new Map<string, Source[]>();
  for (const [key, value] of Object.entries(policy?.definition ?? {})) {
    byKey.set(key, [{ from: 'policy', name: policy!.name, value }]);
  }
  for (const [key, value] of Object.entries(operatorPolicy?.definition ?? {})) {
    const source: Source = { from: 'operator policy', name: operatorPolicy!.name, value };
    const [said] = byKey.get(key) ?? [];
    if (!said) {
      byKey.set(key, [source]);
      continue;
    }
    const resolution = policyKeys.get(key)?.withOperator ?? 'second';
    const isOurs = resolve(resolution, said.value, value) === said.value;
    byKey.set(key, isOurs ? [said, source] : [source, said]);
  }
  return byKey;
}

function combined(
  declared: FieldTable,
  target: PolicyTarget,
  policy: Policy | undefined,
  operatorPolicy: Policy | undefined,
): Explanation[] {
  const explained: Explanation[] = [];
  for (const [key, sources] of sourcesByKey(policy, operatorPolicy)) {
    const known = policyKeys.get(key);
    if (!known || known.isLegacy || !known.targets.includes(target)) continue;
    const argument = argumentOf(key);
    const [decidedBy, ...over] = sources as [Source, ...Source[]];
    const field = declared.get(argument);
    if (!field) {
      explained.push({ argument, value: decidedBy.value, decidedBy, over });
      continue;
    }
    const own: Source = { from: 'argument', value: jsonOf(field) };
    const value = resolve(argumentResolution(key, target), decidedBy.value, own.value);
    const isOwn = value === own.value;
    explained.push({
      argument,
      value,
      decidedBy: isOwn ? own : decidedBy,
      over: isOwn ? sources : [own, ...over],
    });
  }
  return explained;
}

function fieldOf(value: Json): FieldValue {
  if (typeof value === 'number') return { type: 'l', value: BigInt(value) };
  if (typeof value === 'boolean') return { type: 't', value };
  return { type: 'S', value: String(value) };
}

/** Numbers and texts as they are, anything else as its text: nothing else is compared. */
function jsonOf(field: FieldValue): Json {
  const integer = integerOf(field);
  if (integer !== undefined) return Number(integer);
  return textOf(field) ?? (typeof field.value === 'boolean' ? field.value : String(field.value));
}
