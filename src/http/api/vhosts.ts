// /vhosts: virtual hosts, what goes on in each, and who may enter.
import type { VHost } from '../../broker/vhost.ts';
import { itemWithColumns, listOf } from '../list.ts';
import type { Call, Route } from '../route.ts';
import { MESSAGE_NAMES } from '../statistics/kinds.ts';
import { type Rated, ratedNow, windowOf } from '../statistics/rates.ts';

export interface VHostItem {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly default_queue_type: string;
  readonly metadata: { readonly description: string; readonly tags: readonly string[] };
  readonly tracing: boolean;
  readonly cluster_state: Readonly<Record<string, string>>;
  readonly message_stats?: Rated;
  /** Messages and traffic, with their rates. */
  readonly [total: string]: unknown;
}

const TOTALS = ['recv_oct', 'send_oct', 'messages', 'messages_ready', 'messages_unacknowledged'];

/** The vhosts whose contents the caller may see. */
export function visibleVHosts({ context, caller }: Call): VHost[] {
  return [...context.broker.vhosts.values()].filter(({ name }) => caller.mayEnter(name));
}

function vhostItem(vhost: VHost, { context, query }: Call): VHostItem {
  const { vhosts } = context.statistics;
  return {
    name: vhost.name,
    description: vhost.name === '/' ? 'Default virtual host' : '',
    tags: [],
    default_queue_type: 'undefined',
    metadata: { description: vhost.name === '/' ? 'Default virtual host' : '', tags: [] },
    tracing: false,
    cluster_state: { [context.node]: 'running' },
    ...ratedNow(vhosts, vhost, TOTALS, windowOf(query, 'lengths')),
    message_stats: ratedNow(vhosts, vhost, MESSAGE_NAMES, windowOf(query, 'msg_rates')),
  };
}

export const vhostRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/vhosts',
    gate: 'management',
    summary: 'All virtual hosts that the caller sees',
    run(call) {
      call.context.statistics.totals();
      const visible = [...call.context.broker.vhosts.values()].filter(({ name }) =>
        call.caller.sees(name),
      );
      return listOf(
        visible,
        ({ name }) => name,
        (vhost) => vhostItem(vhost, call),
        call.query,
      );
    },
  },
  {
    method: 'GET',
    path: '/vhosts/:vhost',
    gate: 'management',
    summary: 'One virtual host',
    run(call) {
      call.context.statistics.totals();
      return itemWithColumns(vhostItem(call.vhost, call), call.query);
    },
  },
];
