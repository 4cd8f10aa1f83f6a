// The exchange types there are.
import type { Random } from '../../platform/random.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { preconditionFailed } from '../refusal.ts';
import { ConsistentHashExchange, checkConsistentHash } from './consistent-hash.ts';
import { DELAYED_TYPE, delayedTypeOf } from './delay.ts';
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
  [
    DELAYED_TYPE,
    {
      check: checkDelayed,
      make: (all, random) =>
        makeExchangeType({ type: delayedTypeOf(all)!, arguments: all }, random),
    },
  ],
  ['x-local-random', { make: (_all, random) => new LocalRandomExchange(random) }],
]);

/** The real type is in an argument, and checks the others. The texts are those of RabbitMQ's plugin. */
function checkDelayed(exchangeArguments: FieldTable, resource: string): void {
  const type = delayedTypeOf(exchangeArguments);
  if (type === DELAYED_TYPE) {
    throw preconditionFailed(
      "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
    );
  }
  if (type === undefined) {
    throw preconditionFailed(
      "Invalid argument, 'x-delayed-type' must be an existing exchange type",
    );
  }
  checkExchangeType(type);
  checkExchangeArguments({ type, arguments: exchangeArguments }, resource);
}

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
