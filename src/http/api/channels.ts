// /channels: what is open on the connections that the caller may watch.
import type { Channel } from '../../server/channel.ts';
import type { Connection } from '../../server/connection.ts';
import { objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import type { Call, Route } from '../route.ts';
import { CHANNEL_PUBLISHING, messageStats, type Rated, windowOf } from '../statistics/rates.ts';
import { watched } from './connections.ts';
import { type ConsumerItem, consumerItem } from './consumers.ts';
import {
  type ConnectionDetails,
  channelName,
  connectionDetails,
  pidOf,
  timeText,
} from './details.ts';

export interface ChannelItem {
  readonly name: string;
  readonly pid: string;
  readonly number: number;
  readonly user: string;
  readonly user_who_performed_action: string;
  readonly vhost: string;
  readonly node: string;
  readonly state: string;
  readonly idle_since?: string;
  readonly connection_details: ConnectionDetails;
  readonly confirm: boolean;
  readonly transactional: boolean;
  readonly consumer_count: number;
  readonly prefetch_count: number;
  readonly global_prefetch_count: number;
  readonly messages_unacknowledged: number;
  readonly messages_unconfirmed: number;
  readonly messages_uncommitted: number;
  readonly acks_uncommitted: number;
  readonly message_stats?: Rated;
  /** When one channel is asked for. */
  readonly consumer_details?: readonly ConsumerItem[];
}

export function channelItem(channel: Channel, { context, query }: Call): ChannelItem {
  const { connection, confirms, transaction } = channel;
  const { channels } = context.statistics;
  const idleSinceMs = channels.idleSinceMs(channel);
  const stats = messageStats(channels, channel, CHANNEL_PUBLISHING, windowOf(query, 'msg_rates'));
  return {
    name: channelName(channel),
    pid: pidOf(context.node, context.startedAtMs, connection.id, channel.number),
    number: channel.number,
    user: channel.user.name,
    user_who_performed_action: channel.user.name,
    vhost: channel.vhost.name,
    node: context.node,
    state: channel.isClosing ? 'closing' : 'running',
    ...(idleSinceMs === undefined ? {} : { idle_since: timeText(idleSinceMs) }),
    connection_details: connectionDetails(connection),
    confirm: confirms !== undefined,
    transactional: transaction !== undefined,
    consumer_count: channel.consumers.size + (channel.replyConsumer ? 1 : 0),
    prefetch_count: channel.prefetch,
    global_prefetch_count: channel.sharedPrefetch,
    messages_unacknowledged: channel.unacked.count,
    messages_unconfirmed: confirms?.unconfirmedCount ?? 0,
    messages_uncommitted: transaction?.publishCount ?? 0,
    acks_uncommitted: transaction?.ackCount ?? 0,
    ...(stats === undefined ? {} : { message_stats: stats }),
  };
}

function channelsOf(connections: readonly Connection[]): Channel[] {
  return connections.flatMap((connection) => [...connection.channels.values()]);
}

const list = (channels: readonly Channel[], call: Call) =>
  listOf(channels, channelName, (channel) => channelItem(channel, call), call.query);

export const channelRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/channels',
    gate: 'management',
    summary: 'All open channels',
    run: (call) => list(channelsOf(watched(call)), call),
  },
  {
    method: 'GET',
    path: '/vhosts/:vhost/channels',
    gate: 'management',
    summary: 'The open channels of a vhost',
    run: (call) => list(channelsOf(watched(call, call.vhost)), call),
  },
  {
    method: 'GET',
    path: '/channels/:name',
    gate: 'management',
    summary: 'One channel, with its consumers',
    run(call) {
      const channel = channelsOf(watched(call)).find(
        (one) => channelName(one) === call.params.name,
      );
      if (!channel) throw objectNotFound();
      const consumers = [...channel.consumers.values()];
      const item = {
        ...channelItem(channel, call),
        consumer_details: consumers.map((consumer) => consumerItem(consumer, call.context)),
      };
      return itemWithColumns(item, call.query);
    },
  },
];
