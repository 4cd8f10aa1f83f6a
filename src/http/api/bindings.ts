// /bindings: from exchanges to queues and exchanges. One binding between two ends is known by its properties key: the routing
// key, percent-encoded, then `~` and a hash when it has arguments; `~` alone when it has neither.
import { createHash } from 'node:crypto';
import type { Binding, Destination } from '../../broker/binding.ts';
import { encodeArguments } from '../../broker/definitions.ts';
import type { Exchange } from '../../broker/exchange/exchange.ts';
import { accessRefused } from '../../broker/refusal.ts';
import type { VHost } from '../../broker/vhost.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { objectOf, textIn } from '../body.ts';
import { type JsonTable, tableFromJson, tableToJson } from '../field-table-json.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { apiOwner, synced } from './changes.ts';
import { exchangeNameIn } from './exchanges.ts';
import { visibleVHosts } from './vhosts.ts';

export interface BindingItem {
  readonly source: string;
  readonly vhost: string;
  readonly destination: string;
  readonly destination_type: 'queue' | 'exchange';
  readonly routing_key: string;
  readonly arguments: JsonTable;
  readonly properties_key: string;
}

const HASH_LENGTH = 11;

export function propertiesKey(routingKey: string, bindingArguments: FieldTable): string {
  const key = quoted(routingKey);
  if (bindingArguments.size === 0) return key || '~';
  const sorted = bindingArguments.entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash('sha256').update(encodeArguments(new FieldTable(sorted)));
  return `${key}~${digest.digest('base64url').slice(0, HASH_LENGTH)}`;
}

/** Percent-encoded as Erlang does it: only letters, digits and `_.-` stay, a space is a plus. */
function quoted(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

export function bindingItem(vhost: string, binding: Binding): BindingItem {
  const { source, destination, routingKey } = binding;
  return {
    source: source.name,
    vhost,
    destination: destination.name,
    destination_type: destination.kind,
    routing_key: routingKey,
    arguments: tableToJson(binding.arguments),
    properties_key: propertiesKey(routingKey, binding.arguments),
  };
}

/** Every queue is bound to the default exchange, though nothing stores that. */
function defaultBinding(vhost: string, queue: string): BindingItem {
  return {
    source: '',
    vhost,
    destination: queue,
    destination_type: 'queue',
    routing_key: queue,
    arguments: {},
    properties_key: propertiesKey(queue, FieldTable.empty),
  };
}

function bindingsOf(vhost: VHost): BindingItem[] {
  return [...vhost.exchanges].flatMap((exchange) => bindingsFrom(vhost, exchange));
}

function bindingsFrom(vhost: VHost, source: Exchange): BindingItem[] {
  if (source.name === '') {
    return [...vhost.queues].map(({ name }) => defaultBinding(vhost.name, name));
  }
  return [...source.bindings].map((binding) => bindingItem(vhost.name, binding));
}

function bindingsTo(vhost: VHost, destination: Destination): BindingItem[] {
  const stored = [...destination.incoming].map((binding) => bindingItem(vhost.name, binding));
  if (destination.kind === 'exchange') return stored;
  return [defaultBinding(vhost.name, destination.name), ...stored];
}

const list = (items: readonly BindingItem[], { query }: Call) =>
  listOf(
    items,
    ({ source, destination, routing_key }) => `${source} ${destination} ${routing_key}`,
    (item) => item,
    query,
  );

interface Ends {
  readonly source: Exchange;
  readonly destination: Destination;
}

/** The two ends that a path names. @throws HttpError 404 unless both are there. */
function endsOf({ vhost, params }: Call): Ends {
  const source = vhost.exchange(exchangeNameIn(params.source));
  const destination =
    params.kind === 'q'
      ? vhost.queue(params.destination!)
      : vhost.exchange(exchangeNameIn(params.destination));
  if (!source || !destination) throw objectNotFound();
  return { source, destination };
}

function between({ vhost }: Call, { source, destination }: Ends): BindingItem[] {
  return bindingsFrom(vhost, source).filter(
    (item) => item.destination === destination.name && item.destination_type === destination.kind,
  );
}

function named(call: Call, ends: Ends): BindingItem {
  const item = between(call, ends).find((one) => one.properties_key === call.params.key);
  if (!item) throw objectNotFound();
  return item;
}

/** The same permissions as over AMQP: write on the destination, read on the source. */
function requireBindable(
  { caller, vhost }: Call,
  { source, destination }: Ends,
  routingKey: string,
): void {
  if (source.name === '' || destination.name === '') {
    throw accessRefused('operation not permitted on the default exchange');
  }
  caller.require('write', destination.kind, destination.name, vhost.name);
  caller.require('read', 'exchange', source.name, vhost.name);
  caller.requireTopic('read', source, routingKey, vhost.name);
  if (destination.kind === 'queue') vhost.checkOwner(destination, apiOwner);
}

const MAX_KEY_BYTES = 255;

async function bind(call: Call) {
  const given = objectOf(call.body);
  const routingKey = textIn(given, 'routing_key', '');
  const bindingArguments = tableFromJson(given.arguments);
  if (Buffer.byteLength(routingKey) > MAX_KEY_BYTES) {
    throw badRequest(`the routing key is longer than ${MAX_KEY_BYTES} bytes`);
  }
  const { vhost, params } = call;
  // The texts are the model's here, not the API's: they name what is missing.
  if (!vhost.exchange(exchangeNameIn(params.source))) vhost.requireExchange(params.source!);
  if (params.kind === 'q') vhost.requireQueue(params.destination!, apiOwner);
  else vhost.requireExchange(exchangeNameIn(params.destination));
  const ends = endsOf(call);
  requireBindable(call, ends, routingKey);
  vhost.bind(ends.source, ends.destination, routingKey, bindingArguments);
  await synced(call.context);
  const key = propertiesKey(routingKey, bindingArguments);
  return created(`${encodeURIComponent(ends.destination.name)}/${encodeKey(key)}`);
}

/** As RabbitMQ: `~` may stay as it is in an address. */
const encodeKey = (key: string) => encodeURIComponent(key);

async function unbind(call: Call) {
  const ends = endsOf(call);
  const item = named(call, ends);
  requireBindable(call, ends, item.routing_key);
  const binding = [...ends.source.bindings].find(
    ({ destination, routingKey, arguments: table }) =>
      destination === ends.destination && propertiesKey(routingKey, table) === item.properties_key,
  );
  if (binding) {
    call.vhost.unbind(ends.source, ends.destination, binding.routingKey, binding.arguments);
  }
  await synced(call.context);
  return noContent;
}

/** Between an exchange and a queue (`q`) or exchange (`e`). */
const pairRoutes = (['q', 'e'] as const).flatMap((kind): Route[] => {
  const what = kind === 'q' ? 'a queue' : 'another exchange';
  const path = `/bindings/:vhost/e/:source/${kind}/:destination`;
  const withKind = (run: (call: Call) => unknown) => (call: Call) =>
    run({ ...call, params: { ...call.params, kind } });
  return [
    {
      method: 'GET',
      path,
      gate: 'management',
      summary: `The bindings between an exchange and ${what}`,
      run: withKind((call) => list(between(call, endsOf(call)), call)),
    },
    {
      method: 'POST',
      path,
      gate: 'management',
      summary: `Binds ${what} to an exchange: routing_key, arguments`,
      run: withKind(bind),
    },
    {
      method: 'GET',
      path: `${path}/:key`,
      gate: 'management',
      summary: `One binding between an exchange and ${what}`,
      run: withKind((call) => itemWithColumns(named(call, endsOf(call)), call.query)),
    },
    {
      method: 'DELETE',
      path: `${path}/:key`,
      gate: 'management',
      summary: `Removes a binding between an exchange and ${what}`,
      run: withKind(unbind),
    },
  ];
});

export const bindingRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/bindings',
    gate: 'management',
    summary: 'All bindings',
    run: (call) => list(visibleVHosts(call).flatMap(bindingsOf), call),
  },
  {
    method: 'GET',
    path: '/bindings/:vhost',
    gate: 'management',
    summary: 'The bindings of a vhost',
    run: (call) => list(bindingsOf(call.vhost), call),
  },
  {
    method: 'GET',
    path: '/exchanges/:vhost/:name/bindings/source',
    gate: 'management',
    summary: 'The bindings from an exchange',
    run(call) {
      const exchange = call.vhost.exchange(exchangeNameIn(call.params.name));
      return list(exchange ? bindingsFrom(call.vhost, exchange) : [], call);
    },
  },
  {
    method: 'GET',
    path: '/exchanges/:vhost/:name/bindings/destination',
    gate: 'management',
    summary: 'The bindings to an exchange',
    run(call) {
      const exchange = call.vhost.exchange(exchangeNameIn(call.params.name));
      return list(exchange ? bindingsTo(call.vhost, exchange) : [], call);
    },
  },
  {
    method: 'GET',
    path: '/queues/:vhost/:name/bindings',
    gate: 'management',
    summary: 'The bindings to a queue',
    run(call) {
      const queue = call.vhost.queue(call.params.name!);
      return list(queue ? bindingsTo(call.vhost, queue) : [], call);
    },
  },
  ...pairRoutes,
];
