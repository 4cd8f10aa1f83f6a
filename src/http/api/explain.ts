// /exchanges/…/where: where a message would go, and why or why not, binding by binding. Nothing is published.

import { contentOf } from '../../broker/post.ts';
import {
  type ExplainedBinding,
  type ExplainedStep,
  explain,
} from '../../broker/route-explanation.ts';
import { objectOf, textIn } from '../body.ts';
import { tableFromJson } from '../field-table-json.ts';
import type { Call, Route } from '../route.ts';
import { type BindingItem, bindingItem } from './bindings.ts';
import { checkName } from './changes.ts';
import { exchangeIn } from './exchanges.ts';

export interface ExplainedBindingItem extends BindingItem {
  readonly matches: boolean;
  /** A sentence without its end. */
  readonly reason: string;
}

export interface ExplainedStepItem {
  readonly exchange: string;
  readonly type: string;
  /** It would be held back so long first; 0 for not at all. */
  readonly delay_ms: number;
  /** Those that match; of the others no more than a hundred. */
  readonly bindings: readonly ExplainedBindingItem[];
  readonly binding_count: number;
  /** Queues that the default exchange reaches by their names. */
  readonly by_name: readonly string[];
  /** Where it goes since nothing matches. */
  readonly alternate?: string;
}

export interface ExplanationItem {
  readonly steps: readonly ExplainedStepItem[];
  readonly queues: readonly string[];
}

const MAX_UNMATCHED = 100;

function run(call: Call): ExplanationItem {
  const { vhost } = call;
  const body = objectOf(call.body);
  const routingKey = textIn(body, 'routing_key', '');
  checkName(routingKey);
  const exchange = exchangeIn(call);
  const properties = { headers: tableFromJson(body.headers) };
  const content = contentOf(exchange.name, { routingKey, properties, body: new Uint8Array(0) });
  const { steps, queues } = explain(vhost, exchange, content);
  return { steps: steps.map((step) => stepItem(vhost.name, step)), queues: [...queues] };
}

function stepItem(vhost: string, step: ExplainedStep): ExplainedStepItem {
  const { exchange, delayMs, bindings, direct, alternate } = step;
  const matching = bindings.filter(({ matches }) => matches);
  const others = bindings.filter(({ matches }) => !matches).slice(0, MAX_UNMATCHED);
  const item = ({ binding, matches, reason }: ExplainedBinding) => ({
    ...bindingItem(vhost, binding),
    matches,
    reason,
  });
  return {
    exchange: exchange.name,
    type: exchange.type,
    delay_ms: delayMs,
    bindings: [...matching, ...others].map(item),
    binding_count: bindings.length,
    by_name: direct.map(({ name }) => name),
    ...(alternate === undefined ? {} : { alternate: alternate.name }),
  };
}

export const explainRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/exchanges/:vhost/:name/where',
    gate: 'management',
    summary: 'Where a message would go and why: routing_key, headers',
    run,
  },
];
