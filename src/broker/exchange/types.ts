// The exchange types there are.
import type { Random } from '../../platform/random.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { preconditionFailed } from '../refusal.ts';
import { ConsistentHashExchange, checkConsistentHash } from './consistent-hash.ts';
import { DirectExchange } from './direct.ts';
import type { ExchangeType, ExchangeTypeMaker } from './exchange-type.ts';
import { FanoutExchange } from './fanout.ts';
import { HeadersExchange } from './headers.ts';
import { ModulusHashExchange } from './modulus-hash.ts';
import { LocalRandomExchange, RandomExchange } from './random.ts';
import { TopicExchange } from './topic.ts';

export const exchangeTypes: ReadonlyMap<string, ExchangeTypeMaker> = new Map<
  string,
  ExchangeTypeMaker
>([
  ['direct', { make: () => new DirectExchange() }],
  ['fanout', { make: () => new FanoutExchange() }],
  ['topic', { make: () => new TopicExchange() }],
  ['headers', { make: () => new HeadersExchange() }],
  [
    'x-consistent-hash',
    { check: checkConsistentHash, make: (all) => new ConsistentHashExchange(all) },
  ],
  ['x-modulus-hash', { make: () => new ModulusHashExchange() }],
  ['x-random', { make: (_all, random) => new RandomExchange(random) }],
  ['x-local-random', { make: (_all, random) => new LocalRandomExchange(random) }],
]);

interface Declared {
  readonly type: string;
  readonly arguments: FieldTable;
}

/** @throws AmqpError 406 when there is no such type. */
export function checkExchangeType(type: string): void {
  if (!exchangeTypes.has(type)) throw preconditionFailed(`unknown exchange type '${type}'`);
}

/** @throws AmqpError 406 when an exchange of that type cannot have those arguments. */
export function checkExchangeArguments(declared: Declared, resource: string): void {
  exchangeTypes.get(declared.type)?.check?.(declared.arguments, resource);
}

/** What matches messages for an exchange of a type that there is. */
export function makeExchangeType(declared: Declared, random: Random): ExchangeType {
  return exchangeTypes.get(declared.type)!.make(declared.arguments, random);
}
