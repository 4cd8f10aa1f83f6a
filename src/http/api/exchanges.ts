// /exchanges: looking at them, declaring, deleting. The default exchange is called `amq.default` in paths.
import { alternateOf, type Exchange } from '../../broker/exchange/exchange.ts';
import { accessRefused } from '../../broker/refusal.ts';
import type { VHost } from '../../broker/vhost.ts';
import { booleanOf, objectOf, textIn } from '../body.ts';
import { type JsonTable, tableFromJson, tableToJson } from '../field-table-json.ts';
import { objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { type Rated, ratedNow, windowOf } from '../statistics/rates.ts';
import { checkName, synced } from './changes.ts';
import { visibleVHosts } from './vhosts.ts';

export interface ExchangeItem {
  readonly name: string;
  readonly vhost: string;
  readonly type: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly internal: boolean;
  readonly arguments: JsonTable;
  readonly policy?: string;
  readonly user_who_performed_action?: string;
  readonly message_stats?: Rated;
  /** When one exchange is asked for. */
  readonly incoming?: readonly never[];
  readonly outgoing?: readonly never[];
}

const COUNTED = ['publish_in', 'publish_out'];

function exchangeItem(vhost: VHost, exchange: Exchange, { context, query }: Call): ExchangeItem {
  const { exchanges } = context.statistics;
  const isUsed = exchange.publishInCount > 0;
  const { policy } = vhost.policies.appliedTo(exchange);
  const window = windowOf(query, 'msg_rates');
  return {
    name: exchange.name,
    vhost: vhost.name,
    type: exchange.type,
    durable: exchange.durable,
    auto_delete: exchange.autoDelete,
    internal: exchange.internal,
    arguments: tableToJson(exchange.arguments),
    ...(policy === undefined ? {} : { policy: policy.name }),
    ...(isUsed ? { message_stats: ratedNow(exchanges, exchange, COUNTED, window) } : {}),
  };
}

const list = (vhosts: readonly VHost[], call: Call) =>
  listOf(
    vhosts.flatMap((vhost) =>
      [...vhost.exchanges]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((exchange) => ({ vhost, exchange })),
    ),
    ({ exchange }) => exchange.name,
    ({ vhost, exchange }) => exchangeItem(vhost, exchange, call),
    call.query,
  );

/** The exchange's name in a path. */
export const exchangeNameIn = (name = ''): string => (name === 'amq.default' ? '' : name);

/** @throws HttpError 404 */
export function exchangeIn({ vhost, params }: Call): Exchange {
  const exchange = vhost.exchange(exchangeNameIn(params.name));
  if (!exchange) throw objectNotFound();
  return exchange;
}

async function declare(call: Call) {
  const { vhost, caller, body } = call;
  const name = exchangeNameIn(call.params.name);
  const given = objectOf(body);
  const properties = {
    name,
    type: textIn(given, 'type', 'direct'),
    durable: booleanOf(given.durable, true),
    autoDelete: booleanOf(given.auto_delete, false),
    internal: booleanOf(given.internal, false),
    arguments: tableFromJson(given.arguments),
  };
  checkName(name);
  if (name === '') throw accessRefused('operation not permitted on the default exchange');
  caller.require('configure', 'exchange', name, vhost.name);
  const existing = vhost.exchange(name);
  const alternate = alternateOf(properties.arguments);
  if (alternate !== undefined && !existing) {
    caller.require('read', 'exchange', name, vhost.name);
    caller.require('write', 'exchange', alternate, vhost.name);
  }
  vhost.declareExchange(properties);
  await synced(call.context);
  return existing ? noContent : created();
}

export const exchangeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/exchanges',
    gate: 'management',
    summary: 'All exchanges',
    run: (call) => list(visibleVHosts(call), call),
  },
  {
    method: 'GET',
    path: '/exchanges/:vhost',
    gate: 'management',
    summary: 'The exchanges of a vhost',
    run: (call) => list([call.vhost], call),
  },
  {
    method: 'GET',
    path: '/exchanges/:vhost/:name',
    gate: 'management',
    summary: 'One exchange',
    run: (call) => {
      const item = exchangeItem(call.vhost, exchangeIn(call), call);
      return itemWithColumns({ ...item, incoming: [], outgoing: [] }, call.query);
    },
  },
  {
    method: 'PUT',
    path: '/exchanges/:vhost/:name',
    gate: 'management',
    summary: 'Declares an exchange: type, durable, auto_delete, internal, arguments',
    run: declare,
  },
  {
    method: 'DELETE',
    path: '/exchanges/:vhost/:name',
    gate: 'management',
    summary: 'Deletes an exchange; ?if-unused=true only if nothing is bound to it',
    async run(call) {
      const { name } = exchangeIn(call);
      if (name === '') throw accessRefused('operation not permitted on the default exchange');
      call.caller.require('configure', 'exchange', name, call.vhost.name);
      call.vhost.deleteExchange(name, call.query['if-unused'] === 'true');
      await synced(call.context);
      return noContent;
    },
  },
];
