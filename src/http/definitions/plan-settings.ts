// Policies, limits and parameters, as a definitions file has them.
import { isJsonObject, type Json } from '../../broker/json.ts';
import { parseVHostLimits } from '../../broker/limits.ts';
import { requireComponent } from '../../broker/parameters.ts';
import { checkedPolicy, type PolicyRequest } from '../../broker/policy/policy.ts';
import type { PolicyKind } from '../../broker/vhost/policies.ts';
import { limitsToJson } from '../api/limits.ts';
import { policyRequest } from '../api/policies.ts';
import type { ParameterDefinition } from './definitions-file.ts';
import type { Effect, Planner } from './import-plan.ts';

export function planSettings(planner: Planner): void {
  for (const parameter of planner.file.parameters) planParameter(planner, parameter);
  planGlobalParameters(planner);
  for (const { vhost, name, ...policy } of planner.file.policies) {
    planPolicy(planner, 'policy', vhost, () => policyRequest(name, policy), name);
  }
}

/** The same JSON, whatever the order of its keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

const effectOf = (existing: unknown, given: unknown): Effect => {
  if (existing === undefined) return 'add';
  return sameJson(existing, given) ? 'same' : 'change';
};

function planParameter(planner: Planner, parameter: ParameterDefinition): void {
  const { broker } = planner;
  const { vhost, component, name, value } = parameter;
  if (component === 'vhost-limits') {
    planLimits(planner, vhost, value);
  } else if (component === 'operator_policy') {
    const request = () => policyRequest(name, isJsonObject(value) ? value : {});
    planPolicy(planner, 'operatorPolicy', vhost, request, name);
  } else {
    const existing = broker.vhost(vhost)?.parameters.get(component, name);
    const check = () => {
      planner.requireVHost(vhost);
      requireComponent(broker.parameterComponents, component).check(vhost, name, value);
      return effectOf(existing, value);
    };
    const what = `parameter '${name}' of ${component} in vhost '${vhost}'`;
    planner.plan('parameter', what, check, () => {
      broker.vhosts.require(vhost).parameters.set({ component, name, value });
    });
  }
}

function planLimits(planner: Planner, vhost: string, value: Json): void {
  const { broker } = planner;
  // RabbitMQ writes no limits at all as an empty list.
  const limits: Json = Array.isArray(value) && value.length === 0 ? {} : value;
  const existing = broker.vhost(vhost)?.limits;
  const check = () => {
    planner.requireVHost(vhost);
    parseVHostLimits(limits);
    return effectOf(existing && limitsToJson(existing), limits);
  };
  planner.plan('limits', `limits of vhost '${vhost}'`, check, () => {
    broker.vhosts.require(vhost).setLimits(limits);
  });
}

function planGlobalParameters(planner: Planner): void {
  const { broker, file } = planner;
  for (const { name, value } of file.global_parameters) {
    planner.plan(
      'global parameter',
      `global parameter '${name}'`,
      () => effectOf(broker.globalParameter(name), value),
      () => broker.setGlobalParameter(name, value),
    );
  }
}

function planPolicy(
  planner: Planner,
  kind: PolicyKind,
  vhost: string,
  requestOf: () => PolicyRequest,
  name: string,
): void {
  const { broker } = planner;
  const existing = broker.vhost(vhost)?.policies.get(kind, name);
  const what = `${kind === 'policy' ? 'policy' : 'operator policy'} '${name}' in vhost '${vhost}'`;
  const check = () => {
    planner.requireVHost(vhost);
    const { properties } = checkedPolicy(requestOf(), kind === 'operatorPolicy');
    return effectOf(existing?.properties, properties);
  };
  planner.plan('policy', what, check, () => {
    broker.vhosts.require(vhost).policies.set(kind, requestOf());
  });
}
