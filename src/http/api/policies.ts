// /policies and /operator-policies: arguments for many queues and exchanges at once, by pattern.
import type { Json, JsonObject } from '../../broker/json.ts';
import { validationFailed } from '../../broker/operator-error.ts';
import type { Policy, PolicyRequest } from '../../broker/policy/policy.ts';
import type { PolicyKind } from '../../broker/vhost/policies.ts';
import type { VHost } from '../../broker/vhost.ts';
import { type JsonObject as Body, objectOf, requireKeys, textIn } from '../body.ts';
import { objectNotFound } from '../http-error.ts';
import { listOf } from '../list.ts';
import { type Call, created, noContent, type Route } from '../route.ts';
import { checkName, synced } from './changes.ts';
import { visibleVHosts } from './vhosts.ts';

export interface PolicyItem {
  readonly vhost: string;
  readonly name: string;
  readonly pattern: string;
  readonly 'apply-to': string;
  readonly definition: JsonObject;
  readonly priority: number;
}

export function policyItem(vhost: string, { properties }: Policy): PolicyItem {
  const { name, pattern, applyTo, definition, priority } = properties;
  return { vhost, name, pattern, 'apply-to': applyTo, definition, priority };
}

export function policyItems(vhosts: Iterable<VHost>, kind: PolicyKind): PolicyItem[] {
  return [...vhosts].flatMap((vhost) =>
    [...vhost.policies.list(kind)].map((policy) => policyItem(vhost.name, policy)),
  );
}

/** @throws HttpError 400, or OperatorError for a value that cannot be. */
export function policyRequest(name: string, body: Body): PolicyRequest {
  requireKeys(body, ['pattern', 'definition']);
  const { definition, priority } = body;
  return {
    name,
    pattern: textIn(body, 'pattern'),
    definition: definition as Json,
    ...(body['apply-to'] === undefined ? {} : { applyTo: textIn(body, 'apply-to') }),
    ...(priority === undefined ? {} : { priority: priorityOf(priority) }),
  };
}

function priorityOf(priority: unknown): number {
  if (typeof priority === 'number') return priority;
  throw validationFailed(`priority should be a number, actually was <<"${String(priority)}">>`);
}

/** @throws HttpError 404 */
function named({ vhost, params }: Call, kind: PolicyKind): Policy {
  const policy = vhost.policies.get(kind, params.name!);
  if (!policy) throw objectNotFound();
  return policy;
}

const list = (items: readonly PolicyItem[], { query }: Call) =>
  listOf(
    items,
    ({ name }) => name,
    (item) => item,
    query,
  );

function routesOf(kind: PolicyKind, path: string, what: string): Route[] {
  const changing = kind === 'policy' ? 'policymaker' : 'administrator';
  return [
    {
      method: 'GET',
      path,
      gate: 'management',
      summary: `All ${what} policies`,
      run: (call) => list(policyItems(visibleVHosts(call), kind), call),
    },
    {
      method: 'GET',
      path: `${path}/:vhost`,
      gate: 'management',
      summary: `The ${what} policies of a vhost`,
      run: (call) => list(policyItems([call.vhost], kind), call),
    },
    {
      method: 'GET',
      path: `${path}/:vhost/:name`,
      gate: 'management',
      summary: `One ${what} policy`,
      run: (call) => policyItem(call.vhost.name, named(call, kind)),
    },
    {
      method: 'PUT',
      path: `${path}/:vhost/:name`,
      gate: changing,
      summary: `Sets a ${what} policy: pattern, definition, priority, apply-to`,
      async run(call) {
        const { vhost, params, body } = call;
        const name = params.name!;
        const request = policyRequest(name, objectOf(body));
        checkName(name);
        const existed = vhost.policies.get(kind, name) !== undefined;
        vhost.policies.set(kind, request);
        await synced(call.context);
        return existed ? noContent : created();
      },
    },
    {
      method: 'DELETE',
      path: `${path}/:vhost/:name`,
      gate: changing,
      summary: `Clears a ${what} policy`,
      async run(call) {
        named(call, kind);
        call.vhost.policies.clear(kind, call.params.name!);
        await synced(call.context);
        return noContent;
      },
    },
  ];
}

export const policyRoutes: readonly Route[] = [
  ...routesOf('policy', '/policies', 'user'),
  ...routesOf('operatorPolicy', '/operator-policies', 'operator'),
];
