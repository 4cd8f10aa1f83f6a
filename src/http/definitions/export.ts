// Everything that is defined, as a definitions file in RabbitMQ's JSON.
import type { Broker } from '../../broker/broker.ts';
import type { VHost } from '../../broker/vhost.ts';
import { COMPATIBLE_VERSION } from '../../server/server-properties.ts';
import { parameterItems } from '../api/parameters.ts';
import { permissionItems, topicPermissionItems } from '../api/permissions.ts';
import { policyItem, policyItems } from '../api/policies.ts';
import { userItem } from '../api/users.ts';
import { metadataItem } from '../api/vhosts.ts';
import { tableToJson } from '../field-table-json.ts';
import type {
  BindingDefinition,
  ExchangeDefinition,
  ParameterDefinition,
  QueueDefinition,
} from './definitions-file.ts';

const RESERVED_PREFIX = 'amq.';

function queuesOf(vhost: VHost): QueueDefinition[] {
  return [...vhost.queues]
    .filter(({ exclusive }) => !exclusive)
    .map((queue) => ({
      name: queue.name,
      vhost: vhost.name,
      durable: queue.durable,
      auto_delete: queue.autoDelete,
      arguments: tableToJson(queue.arguments),
    }));
}

/** All but those that every vhost has. */
function exchangesOf(vhost: VHost): ExchangeDefinition[] {
  return [...vhost.exchanges]
    .filter(({ name }) => name !== '' && !name.startsWith(RESERVED_PREFIX))
    .map((exchange) => ({
      name: exchange.name,
      vhost: vhost.name,
      type: exchange.type,
      durable: exchange.durable,
      auto_delete: exchange.autoDelete,
      internal: exchange.internal,
      arguments: tableToJson(exchange.arguments),
    }));
}

/** All but those to queues that are not exported. */
function bindingsOf(vhost: VHost): BindingDefinition[] {
  return [...vhost.exchanges].flatMap((exchange) =>
    [...exchange.bindings]
      .filter(({ destination }) => destination.kind === 'exchange' || !destination.exclusive)
      .map(({ destination, routingKey, arguments: table }) => ({
        source: exchange.name,
        vhost: vhost.name,
        destination: destination.name,
        destination_type: destination.kind,
        routing_key: routingKey,
        arguments: tableToJson(table),
      })),
  );
}

/** Operator policies are parameters in a file, as in RabbitMQ's. */
function parametersOf(vhost: VHost): ParameterDefinition[] {
  const operatorPolicies = [...vhost.policies.list('operatorPolicy')].map((policy) => {
    const { name, vhost: _, ...value } = policyItem(vhost.name, policy);
    return { value, vhost: vhost.name, component: 'operator_policy', name };
  });
  return [...parameterItems([vhost]), ...operatorPolicies];
}

const contentsOf = (vhosts: readonly VHost[]) => ({
  parameters: vhosts.flatMap(parametersOf),
  policies: policyItems(vhosts, 'policy'),
  queues: vhosts.flatMap(queuesOf),
  exchanges: vhosts.flatMap(exchangesOf),
  bindings: vhosts.flatMap(bindingsOf),
});

export function exportDefinitions(broker: Broker, version: string) {
  const vhosts = [...broker.vhosts.values()];
  const users = [...broker.users.values()];
  const { parameters, ...rest } = contentsOf(vhosts);
  return {
    rabbit_version: COMPATIBLE_VERSION,
    rabbitmq_version: COMPATIBLE_VERSION,
    product_name: 'Leveret',
    product_version: version,
    users: users.map(userItem),
    vhosts: vhosts.map((vhost) => ({ name: vhost.name, metadata: metadataItem(vhost) })),
    permissions: permissionItems(users),
    topic_permissions: topicPermissionItems(users),
    parameters,
    global_parameters: [...broker.globalParameters()],
    ...rest,
  };
}

/** One vhost: no users, and no names of vhosts, so that it can go into any. */
export function exportVHost(vhost: VHost) {
  const contents = contentsOf([vhost]);
  const withoutVHost = <Item extends { readonly vhost: string }>(items: readonly Item[]) =>
    items.map(({ vhost: _, ...item }) => item);
  return {
    rabbit_version: COMPATIBLE_VERSION,
    parameters: withoutVHost(contents.parameters),
    policies: withoutVHost(contents.policies),
    queues: withoutVHost(contents.queues),
    exchanges: withoutVHost(contents.exchanges),
    bindings: withoutVHost(contents.bindings),
  };
}
