// Queues, exchanges and bindings, as a definitions file has them.
import { requireText } from '../../broker/equivalence.ts';
import type { ExchangeType } from '../../broker/exchange/exchange-type.ts';
import {
  checkExchangeArguments,
  exchangeTypes,
  makeExchangeType,
} from '../../broker/exchange/types.ts';
import { isReached, parseVHostLimits } from '../../broker/limits.ts';
import { invalid } from '../../broker/operator-error.ts';
import { checkQueueArguments } from '../../broker/queue/queue-arguments.ts';
import { named } from '../../broker/refusal.ts';
import { predeclaredExchanges } from '../../broker/vhost/exchanges.ts';
import type { VHost } from '../../broker/vhost.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { apiOwner, checkName } from '../api/changes.ts';
import { tableFromJson, tableToJson } from '../field-table-json.ts';
import type { BindingDefinition, ExchangeDefinition, QueueDefinition } from './definitions-file.ts';
import type { Effect, Planner } from './import-plan.ts';
import { sameJson } from './plan-settings.ts';

const RESERVED_PREFIX = 'amq.';

/** Queues first: bindings want both their ends, and exchanges are few. */
export function planTopology(planner: Planner): void {
  for (const queue of planner.file.queues) planQueue(planner, queue);
  checkQueueLimits(planner);
  for (const exchange of planner.file.exchanges) planExchange(planner, exchange);
  const ends = new Ends(planner);
  for (const binding of planner.file.bindings) planBinding(planner, ends, binding);
}

function planQueue(planner: Planner, definition: QueueDefinition): void {
  const { broker } = planner;
  const { vhost, name, durable, auto_delete: autoDelete } = definition;
  const existing = broker.vhost(vhost)?.queue(name);
  const effect = (): Effect => {
    if (!existing) return 'add';
    const same =
      existing.durable === durable &&
      existing.autoDelete === autoDelete &&
      sameJson(tableToJson(existing.arguments), definition.arguments);
    return same ? 'same' : 'kept';
  };
  let table: FieldTable;
  const check = () => {
    planner.requireVHost(vhost);
    if (name === '') throw invalid('a queue needs a name');
    checkName(name);
    table = tableFromJson(definition.arguments);
    checkQueueArguments(name, vhost, table);
    return effect();
  };
  planner.plan('queue', named('queue', name, vhost), check, () => {
    const properties = { name, durable, autoDelete, exclusive: false, arguments: table };
    // Names of the broker's own making (`amq.gen-…`) may come back, too.
    broker.vhosts.require(vhost).declareQueue(properties, apiOwner, true);
  });
}

/** More queues than the vhost may have then would stop the import in the middle. */
function checkQueueLimits({ broker, file, changes, problems }: Planner): void {
  for (const name of new Set(file.queues.map(({ vhost }) => vhost))) {
    const vhost = broker.vhost(name);
    const given = file.parameters.find(
      (one) => one.vhost === name && one.component === 'vhost-limits',
    );
    const isGiven = given !== undefined && !Array.isArray(given.value);
    const maxQueues = isGiven ? limitIn(given.value) : vhost?.limits.maxQueues;
    const inVHost = ` in vhost '${name}'`;
    const added = changes.filter(
      ({ kind, effect, what }) => kind === 'queue' && effect === 'add' && what.endsWith(inVHost),
    ).length;
    const count = [...(vhost?.queues ?? [])].length + added;
    if (added > 0 && isReached(maxQueues, count - 1)) {
      problems.push(`vhost '${name}' may have ${maxQueues} queues and would have ${count}`);
    }
  }
}

function limitIn(value: Parameters<typeof parseVHostLimits>[0]): number | undefined {
  try {
    return parseVHostLimits(value).maxQueues;
  } catch {
    // What is wrong with the limits has been said.
    return undefined;
  }
}

function planExchange(planner: Planner, definition: ExchangeDefinition): void {
  const { broker } = planner;
  const { vhost, name, type, durable, auto_delete: autoDelete, internal } = definition;
  // Those that every vhost has; files of LavinMQ name them.
  if (name === '' || name.startsWith(RESERVED_PREFIX)) return;
  const existing = broker.vhost(vhost)?.exchange(name);
  const effect = (): Effect => {
    if (!existing) return 'add';
    const same =
      existing.type === type &&
      existing.durable === durable &&
      existing.autoDelete === autoDelete &&
      existing.internal === internal &&
      sameJson(tableToJson(existing.arguments), definition.arguments);
    return same ? 'same' : 'kept';
  };
  let table: FieldTable;
  const what = named('exchange', name, vhost);
  const check = () => {
    planner.requireVHost(vhost);
    checkName(name);
    table = tableFromJson(definition.arguments);
    if (!exchangeTypes.has(type)) throw invalid(`unknown exchange type '${type}'`);
    requireText('alternate-exchange', what, table);
    checkExchangeArguments({ type, arguments: table }, what);
    return effect();
  };
  planner.plan('exchange', what, check, () => {
    const properties = { name, type, durable, autoDelete, internal, arguments: table };
    broker.vhosts.require(vhost).declareExchange(properties);
  });
}

/** What a binding may name: what is there, and what the file brings. */
class Ends {
  readonly #planner: Planner;
  readonly #queues: ReadonlySet<string>;
  readonly #exchanges: ReadonlyMap<string, ExchangeDefinition>;

  constructor(planner: Planner) {
    const { file } = planner;
    this.#planner = planner;
    this.#queues = new Set(file.queues.map(({ vhost, name }) => keyOf(vhost, name)));
    this.#exchanges = new Map(
      file.exchanges.map((exchange) => [keyOf(exchange.vhost, exchange.name), exchange]),
    );
  }

  /** What matches messages for an exchange; undefined for one that there is not, and will not be. */
  matcherOf(vhost: string, name: string): ExchangeType | undefined {
    const { broker } = this.#planner;
    const existing = broker.vhost(vhost)?.exchange(name);
    if (existing) return existing.matcher;
    const coming = this.#exchanges.get(keyOf(vhost, name));
    const type = coming?.type ?? predeclaredExchanges.get(name);
    if (type === undefined || !exchangeTypes.has(type)) return undefined;
    const all = coming ? tableFromJson(coming.arguments) : FieldTable.empty;
    return makeExchangeType({ type, arguments: all }, broker.services.random);
  }

  has(vhost: string, kind: 'queue' | 'exchange', name: string): boolean {
    if (kind === 'exchange') return this.matcherOf(vhost, name) !== undefined;
    if (this.#planner.broker.vhost(vhost)?.queue(name)) return true;
    return this.#queues.has(keyOf(vhost, name));
  }
}

const keyOf = (vhost: string, name: string) => `${vhost.length} ${vhost}${name}`;

function planBinding(planner: Planner, ends: Ends, definition: BindingDefinition): void {
  const { broker } = planner;
  const { vhost, source, destination, destination_type, routing_key: routingKey } = definition;
  // Every queue is bound to the default exchange anyway.
  if (source === '') return;
  const kind = destination_type === 'exchange' ? 'exchange' : 'queue';
  const what = `binding from exchange '${source}' to ${named(kind, destination, vhost)}`;
  let table: FieldTable;
  const check = (): Effect => {
    planner.requireVHost(vhost);
    if (destination_type !== kind) {
      throw invalid(`unknown kind of destination '${destination_type}'`);
    }
    checkName(routingKey);
    table = tableFromJson(definition.arguments);
    const from = ends.matcherOf(vhost, source);
    if (from === undefined) throw invalid(`no ${named('exchange', source, vhost)}`);
    if (!ends.has(vhost, kind, destination)) throw invalid(`no ${named(kind, destination, vhost)}`);
    from.check(routingKey, table);
    return isBound(broker.vhost(vhost), kind, definition) ? 'same' : 'add';
  };
  planner.plan('binding', what, check, () => {
    const at = broker.vhosts.require(vhost);
    const from = at.requireExchange(source);
    const to = destinationIn(at, kind, destination);
    if (to) at.bind(from, to, routingKey, table);
  });
}

function destinationIn(at: VHost, kind: 'queue' | 'exchange', name: string) {
  return kind === 'queue' ? at.queue(name) : at.exchange(name);
}

/** Whether there is such a binding. JSON does not tell how wide a number is, so widths do not count. */
function isBound(
  at: VHost | undefined,
  kind: 'queue' | 'exchange',
  { source, destination, routing_key, arguments: table }: BindingDefinition,
): boolean {
  const to = at && destinationIn(at, kind, destination);
  return [...(to?.incoming ?? [])].some(
    (binding) =>
      binding.source.name === source &&
      binding.routingKey === routing_key &&
      sameJson(tableToJson(binding.arguments), table),
  );
}
