// Small parts that several resources share: names of things, details of who is connected, times.
import type { Channel } from '../../server/channel.ts';
import type { ChannelConsumer } from '../../server/channel-consumer.ts';
import type { Connection } from '../../server/connection.ts';

/** Peer addresses are IPv6 where the socket is, though the peer is not. */
export function hostOf(host: string): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
}

export interface ConnectionDetails {
  readonly name: string;
  readonly peer_host: string;
  readonly peer_port: number;
}

export function connectionDetails(connection: Connection): ConnectionDetails {
  const { host, port } = connection.transport.remote;
  return { name: connection.name, peer_host: hostOf(host), peer_port: port };
}

export const channelName = ({ connection, number }: Channel) => `${connection.name} (${number})`;

export interface ChannelDetails {
  readonly connection_name: string;
  readonly name: string;
  readonly node: string;
  readonly number: number;
  readonly peer_host: string;
  readonly peer_port: number;
  readonly user: string;
}

export function channelDetails(channel: Channel, node: string): ChannelDetails {
  const { name, peer_host, peer_port } = connectionDetails(channel.connection);
  return {
    connection_name: name,
    name: channelName(channel),
    node,
    number: channel.number,
    peer_host,
    peer_port,
    user: channel.user.name,
  };
}

/**
 * RabbitMQ's commands know connections and channels by process ids such as `<rabbit@host.1795423415.791.0>`. Ours are made
 * of the node, the second it was started in, and the numbers of connection and channel.
 */
export function pidOf(node: string, startedAtMs: number, connection: number, channel = 0): string {
  return `<${node}.${Math.floor(startedAtMs / 1000)}.${connection}.${channel}>`;
}

/** `2026-11-23T08:44:05.279+00:00` */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+00:00');
}

/** Whatever consumes from queues is a consumer of some channel. */
export function isChannelConsumer(consumer: object): consumer is ChannelConsumer {
  return 'channel' in consumer;
}
