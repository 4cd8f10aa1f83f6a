// What is told of each queue, exchange, channel and connection, by the names RabbitMQ gives it. `/metrics` has the sums over
// all of them, `/metrics/per-object` and `/metrics/detailed` one sample each.
import type { Exchange } from '../../broker/exchange/exchange.ts';
import type { MessageCounterName } from '../../broker/message-counters.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { Channel } from '../../server/channel.ts';
import type { Connection } from '../../server/connection.ts';
import type { Metric } from './exposition.ts';

function gauge<T>(name: string, help: string, value: (object: T) => number | undefined): Metric<T> {
  return { name, type: 'gauge', help, value };
}

function counter<T>(
  name: string,
  help: string,
  value: (object: T) => number | undefined,
): Metric<T> {
  return { name, type: 'counter', help, value };
}

export const queueCoarseMetrics: readonly Metric<Queue>[] = [
  gauge('queue_messages_ready', 'Messages ready to be delivered', (queue) => queue.readyCount),
  gauge(
    'queue_messages_unacked',
    'Messages delivered and not settled',
    (queue) => queue.unackedCount,
  ),
  gauge(
    'queue_messages',
    'Messages, ready and unacknowledged',
    (queue) => queue.readyCount + queue.unackedCount,
  ),
];

export const queueConsumerMetrics: readonly Metric<Queue>[] = [
  gauge('queue_consumers', 'Consumers', (queue) => queue.consumerCount),
];

export const queueMetrics: readonly Metric<Queue>[] = [
  gauge(
    'queue_messages_ready_bytes',
    'Bodies of messages that are ready, bytes',
    (queue) => queue.readyBytes,
  ),
  gauge(
    'queue_messages_retrying',
    'Messages that wait to be delivered again',
    (queue) => queue.delayedCount,
  ),
];

const counted = <T extends { readonly counters: Readonly<Record<MessageCounterName, number>> }>(
  name: string,
  field: MessageCounterName,
  help: string,
) => counter<T>(name, help, (object) => object.counters[field]);

export const queueDeliveryMetrics: readonly Metric<Queue>[] = [
  counted('queue_messages_published_total', 'publish', 'Messages that arrived'),
  counted('queue_get_ack_total', 'get', 'Messages fetched, to be acknowledged'),
  counted('queue_get_total', 'getNoAck', 'Messages fetched without acknowledgement'),
  counted(
    'queue_messages_delivered_ack_total',
    'deliver',
    'Messages delivered, to be acknowledged',
  ),
  counted(
    'queue_messages_delivered_total',
    'deliverNoAck',
    'Messages delivered without acknowledgement',
  ),
  counted('queue_messages_redelivered_total', 'redeliver', 'Messages delivered again'),
  counted('queue_messages_acked_total', 'ack', 'Messages acknowledged'),
  counted('queue_get_empty_total', 'getEmpty', 'Fetches that found nothing'),
];

export const exchangeMetrics: readonly Metric<Exchange>[] = [
  counter(
    'exchange_messages_published_total',
    'Messages published to the exchange',
    (exchange) => exchange.publishInCount,
  ),
  counter(
    'exchange_messages_routed_total',
    'Queues that its messages reached',
    (exchange) => exchange.publishOutCount,
  ),
];

export const exchangeBindingMetrics: readonly Metric<Exchange>[] = [
  gauge(
    'exchange_bindings',
    'Bindings from the exchange',
    (exchange) => [...exchange.bindings].length,
  ),
];

export const exchangeNameMetrics: readonly Metric<Exchange>[] = [
  gauge('exchange_name', 'An exchange that is there', () => 1),
];

export const channelMetrics: readonly Metric<Channel>[] = [
  gauge('channel_consumers', 'Consumers of the channel', (channel) => channel.consumers.size),
  gauge('channel_messages_unacked', 'Deliveries not settled', (channel) => channel.unacked.count),
  gauge(
    'channel_messages_unconfirmed',
    'Publishes not confirmed',
    (channel) => channel.confirms?.unconfirmedCount ?? 0,
  ),
  gauge(
    'channel_messages_uncommitted',
    'Publishes in a transaction',
    (channel) => channel.transaction?.publishCount ?? 0,
  ),
  gauge(
    'channel_acks_uncommitted',
    'Acknowledgements in a transaction',
    (channel) => channel.transaction?.ackCount ?? 0,
  ),
  gauge('consumer_prefetch', 'Prefetch of each new consumer', (channel) => channel.prefetch),
  gauge('channel_prefetch', 'Prefetch of the whole channel', (channel) => channel.sharedPrefetch),
];

type Counted = { readonly counters: Readonly<Record<MessageCounterName, number>> };

/** Sums of these include what channels that are closed have counted. */
export const channelExchangeMetrics: readonly Metric<Counted>[] = [
  counted('channel_messages_published_total', 'publish', 'Messages published'),
  counted('channel_messages_confirmed_total', 'confirm', 'Publishes confirmed'),
  counted(
    'channel_messages_unroutable_returned_total',
    'returnUnroutable',
    'Mandatory messages returned as unroutable',
  ),
  counted(
    'channel_messages_unroutable_dropped_total',
    'dropUnroutable',
    'Messages dropped as unroutable',
  ),
];

export const channelQueueMetrics: readonly Metric<Counted>[] = [
  counted('channel_get_ack_total', 'get', 'Messages fetched, to be acknowledged'),
  counted('channel_get_total', 'getNoAck', 'Messages fetched without acknowledgement'),
  counted(
    'channel_messages_delivered_ack_total',
    'deliver',
    'Messages delivered, to be acknowledged',
  ),
  counted(
    'channel_messages_delivered_total',
    'deliverNoAck',
    'Messages delivered without acknowledgement',
  ),
  counted('channel_messages_redelivered_total', 'redeliver', 'Messages delivered again'),
  counted('channel_messages_acked_total', 'ack', 'Messages acknowledged'),
  counted('channel_get_empty_total', 'getEmpty', 'Fetches that found nothing'),
];

export const connectionCoarseMetrics: readonly Metric<Connection>[] = [
  counter(
    'connection_incoming_bytes_total',
    'Bytes received',
    ({ output }) => output.traffic.receivedBytes,
  ),
  counter(
    'connection_outgoing_bytes_total',
    'Bytes sent',
    ({ output }) => output.traffic.sentBytes,
  ),
];

export const connectionMetrics: readonly Metric<Connection>[] = [
  counter(
    'connection_incoming_packets_total',
    'Reads',
    ({ output }) => output.traffic.receivedChunks,
  ),
  counter('connection_outgoing_packets_total', 'Writes', ({ output }) => output.traffic.sentChunks),
  gauge(
    'connection_pending_packets',
    'Bytes that wait to be sent',
    ({ output }) => output.waitingBytes,
  ),
  gauge('connection_channels', 'Channels of the connection', ({ channels }) => channels.size),
];
