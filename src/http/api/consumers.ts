// /consumers: who consumes from which queue.
import type { VHost } from '../../broker/vhost.ts';
import type { ChannelConsumer } from '../../server/channel-consumer.ts';
import type { ApiContext } from '../api-context.ts';
import { type JsonTable, tableToJson } from '../field-table-json.ts';
import { listOf } from '../list.ts';
import type { Call, Route } from '../route.ts';
import { type ChannelDetails, channelDetails, isChannelConsumer, pidOf } from './details.ts';
import { visibleVHosts } from './vhosts.ts';

export interface ConsumerItem {
  readonly consumer_tag: string;
  readonly queue: { readonly name: string; readonly vhost: string };
  readonly channel_details: ChannelDetails;
  readonly channel_pid: string;
  readonly ack_required: boolean;
  readonly exclusive: boolean;
  readonly prefetch_count: number;
  readonly active: boolean;
  readonly activity_status: 'up' | 'single_active' | 'waiting';
  readonly arguments: JsonTable;
}

export function consumerItem(consumer: ChannelConsumer, context: ApiContext): ConsumerItem {
  const { channel, queue } = consumer;
  const active = !queue.consumers.isSingleActive || queue.consumers.active === consumer;
  const single = active ? 'single_active' : 'waiting';
  return {
    consumer_tag: consumer.tag,
    queue: { name: queue.name, vhost: queue.vhost },
    channel_details: channelDetails(channel, context.node),
    channel_pid: pidOf(context.node, context.startedAtMs, channel.connection.id, channel.number),
    ack_required: !consumer.noAck,
    exclusive: consumer.exclusive,
    prefetch_count: consumer.prefetch,
    active,
    activity_status: queue.consumers.isSingleActive ? single : 'up',
    arguments: tableToJson(consumer.arguments),
  };
}

function consumersOf(vhosts: readonly VHost[]): ChannelConsumer[] {
  return vhosts.flatMap((vhost) =>
    [...vhost.queues].flatMap((queue) => [...queue.consumers].filter(isChannelConsumer)),
  );
}

const list = (vhosts: readonly VHost[], call: Call) =>
  listOf(
    consumersOf(vhosts),
    ({ tag }) => tag,
    (consumer) => consumerItem(consumer, call.context),
    call.query,
  );

export const consumerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/consumers',
    gate: 'management',
    summary: 'All consumers',
    run: (call) => list(visibleVHosts(call), call),
  },
  {
    method: 'GET',
    path: '/consumers/:vhost',
    gate: 'management',
    summary: 'The consumers of a vhost',
    run: (call) => list([call.vhost], call),
  },
];
