// /parameters and /global-parameters: JSON values that parts of the broker go by. Limits of vhosts are parameters, too, of the
// component `vhost-limits`, as in RabbitMQ.
import type { Json } from '../../broker/json.ts';
import type { VHost } from '../../broker/vhost.ts';
import { objectOf, requireKeys } from '../body.ts';
import { objectNotFound } from '../http-error.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { checkName, synced } from './changes.ts';
import { vhostLimitsItems } from './limits.ts';
import { visibleVHosts } from './vhosts.ts';

export interface ParameterItem {
  readonly value: Json;
  readonly vhost: string;
  readonly component: string;
  readonly name: string;
}

export interface GlobalParameterItem {
  readonly name: string;
  readonly value: Json;
}

export function parameterItems(vhosts: Iterable<VHost>): ParameterItem[] {
  return [...vhosts].flatMap((vhost) => [
    ...[...vhost.parameters.values()].map((parameter) => ({ ...parameter, vhost: vhost.name })),
    ...vhostLimitsItems([vhost]).map(({ vhost: name, value }) => ({
      value,
      vhost: name,
      component: 'vhost-limits',
      name: 'limits',
    })),
  ]);
}

const ofComponent = (items: readonly ParameterItem[], { params }: Call) =>
  items.filter(({ component }) => params.component === undefined || component === params.component);

/** @throws HttpError 404 */
function named(call: Call): ParameterItem {
  const items = ofComponent(parameterItems([call.vhost]), call);
  const item = items.find(({ name }) => name === call.params.name);
  if (!item) throw objectNotFound();
  return item;
}

/** @throws HttpError 400 */
function valueIn({ body }: Call): Json {
  const given = objectOf(body);
  requireKeys(given, ['value']);
  return given.value as Json;
}

async function put(call: Call) {
  const { vhost, params } = call;
  const { component = '', name = '' } = params;
  const value = valueIn(call);
  checkName(name);
  const existed = ofComponent(parameterItems([vhost]), call).some((item) => item.name === name);
  vhost.parameters.set({ component, name, value });
  await synced(call.context);
  return existed ? noContent : created();
}

async function putGlobal(call: Call) {
  const { context, params } = call;
  const { name = '' } = params;
  const value = valueIn(call);
  checkName(name);
  const existed = context.broker.globalParameter(name) !== undefined;
  context.broker.setGlobalParameter(name, value);
  await synced(context);
  return existed ? noContent : created();
}

export const parameterRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/parameters',
    gate: 'policymaker',
    summary: 'All runtime parameters',
    run: (call) => parameterItems(visibleVHosts(call)),
  },
  {
    method: 'GET',
    path: '/parameters/:component',
    gate: 'policymaker',
    summary: 'The parameters of a component',
    run: (call) => ofComponent(parameterItems(visibleVHosts(call)), call),
  },
  {
    method: 'GET',
    path: '/parameters/:component/:vhost',
    gate: 'policymaker',
    summary: 'The parameters of a component in a vhost',
    run: (call) => ofComponent(parameterItems([call.vhost]), call),
  },
  {
    method: 'GET',
    path: '/parameters/:component/:vhost/:name',
    gate: 'policymaker',
    summary: 'One parameter',
    run: named,
  },
  {
    method: 'PUT',
    path: '/parameters/:component/:vhost/:name',
    gate: 'policymaker',
    summary: 'Sets a parameter: value',
    run: put,
  },
  {
    method: 'DELETE',
    path: '/parameters/:component/:vhost/:name',
    gate: 'policymaker',
    summary: 'Clears a parameter',
    async run(call) {
      const { component, name } = named(call);
      call.vhost.parameters.clear(component, name);
      await synced(call.context);
      return noContent;
    },
  },
  {
    method: 'GET',
    path: '/global-parameters',
    gate: 'policymaker',
    summary: 'All global parameters',
    run: ({ context }) => [...context.broker.globalParameters()],
  },
  {
    method: 'GET',
    path: '/global-parameters/:name',
    gate: 'policymaker',
    summary: 'One global parameter',
    run({ context, params }) {
      const value = context.broker.globalParameter(params.name!);
      if (value === undefined) throw objectNotFound();
      return { value, name: params.name };
    },
  },
  {
    method: 'PUT',
    path: '/global-parameters/:name',
    gate: 'administrator',
    summary: 'Sets a global parameter: value',
    run: putGlobal,
  },
  {
    method: 'DELETE',
    path: '/global-parameters/:name',
    gate: 'administrator',
    summary: 'Clears a global parameter',
    async run({ context, params }) {
      context.broker.clearGlobalParameter(params.name!);
      await synced(context);
      return noContent;
    },
  },
];
