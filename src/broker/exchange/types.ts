// The exchange types there are.
import { DirectExchange } from './direct.ts';
import type { ExchangeType } from './exchange-type.ts';
import { FanoutExchange } from './fanout.ts';
import { HeadersExchange } from './headers.ts';
import { TopicExchange } from './topic.ts';

export const exchangeTypes: ReadonlyMap<string, new () => ExchangeType> = new Map<
  string,
  new () => ExchangeType
>([
  ['direct', DirectExchange],
  ['fanout', FanoutExchange],
  ['topic', TopicExchange],
  ['headers', HeadersExchange],
]);
