// Class basic, but for publish: consuming, fetching, and settling what was delivered.

import { withDeliveryCount } from '../../broker/delivery-count.ts';
import { REPLY_QUEUE } from '../../broker/direct-reply.ts';
import { integerOf, typeName } from '../../broker/equivalence.ts';
import { viewMessage } from '../../broker/message.ts';
import type { MessageCounters } from '../../broker/message-counters.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import {
  named,
  notAllowed,
  notImplemented,
  preconditionFailed,
  resourceLocked,
} from '../../broker/refusal.ts';
import { randomToken } from '../../platform/random.ts';
import { Content } from '../../protocol/content.ts';
import type {
  BasicAck,
  BasicCancel,
  BasicConsume,
  BasicGet,
  BasicNack,
  BasicQos,
  BasicRecover,
  BasicRecoverAsync,
  BasicReject,
} from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { ChannelConsumer } from '../channel-consumer.ts';
import { ReplyConsumer } from '../reply-consumer.ts';
import type { Outcome } from '../unacked.ts';
import { cleanName } from './names.ts';

export function qos(channel: Channel, method: BasicQos): void {
  if (method.prefetchSize !== 0) throw notImplemented(`prefetch_size!=0 (${method.prefetchSize})`);
  // As in RabbitMQ, a limit per consumer lifts the one over all of them.
  channel.sharedPrefetch = method.global ? method.prefetchCount : 0;
  if (!method.global) channel.prefetch = method.prefetchCount;
  channel.consumersReady();
  channel.send({ name: 'basic.qos-ok' });
}

export function consume(channel: Channel, method: BasicConsume): void {
  const { connection, user, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  if (name === REPLY_QUEUE) {
    consumeReplies(channel, method);
    return;
  }
  user.require('read', 'queue', name, vhost.name);
  refuseReuse(channel, method.consumerTag);
  const queue = vhost.requireQueue(name, connection);
  const exclusive = method.exclusive && queue.type === 'classic';
  queue.checkMayConsume(exclusive);
  if (queue.type === 'quorum' && channel.sharedPrefetch > 0) {
    throw notImplemented(`${queue.title} does not support global qos`);
  }
  const tag = method.consumerTag || generateTag(channel);
  const consumer = new ChannelConsumer(channel, queue, {
    tag,
    noAck: method.noAck,
    exclusive,
    priority: priorityOf(method, named('queue', name, vhost.name)),
    prefetch: channel.prefetch,
    arguments: method.arguments,
    timeoutMs: timeoutOf(method, queue.title),
  });
  // Deliveries come at the end of the turn at the earliest, so the reply is always ahead of them.
  if (!method.noWait) channel.send({ name: 'basic.consume-ok', consumerTag: tag });
  channel.consumers.set(tag, consumer);
  queue.addConsumer(consumer);
}

/** @throws AmqpError 406 for an `x-priority` that is no integer. */
function priorityOf(method: BasicConsume, resource: string): number {
  const priority = method.arguments.get('x-priority');
  if (!priority) return 0;
  const value = integerOf(priority);
  if (value !== undefined) return Number(value);
  throw preconditionFailed(
    `invalid arg 'x-priority' for ${resource}: "expected integer, got ${typeName(priority)}"`,
  );
}

/** @throws AmqpError 406 for an `x-consumer-timeout` that is no time. */
function timeoutOf(method: BasicConsume, resource: string): number | undefined {
  const timeout = method.arguments.get('x-consumer-timeout');
  if (!timeout) return undefined;
  const value = integerOf(timeout);
  if (value !== undefined && value >= 0n)
    return value === 0n ? Number.POSITIVE_INFINITY : Number(value);
  const problem =
    value === undefined
      ? `"expected integer, got ${typeName(timeout)}"`
      : `{value_negative,${value}}`;
  throw preconditionFailed(`invalid arg 'x-consumer-timeout' for ${resource}: ${problem}`);
}

/** Direct replies: at most one consumer per channel, and nothing to acknowledge. */
function consumeReplies(channel: Channel, method: BasicConsume): void {
  refuseReuse(channel, method.consumerTag);
  if (channel.replyConsumer) throw preconditionFailed('reply consumer already set');
  if (!method.noAck) throw preconditionFailed('reply consumer cannot acknowledge');
  const tag = method.consumerTag || generateTag(channel);
  const token = randomToken(channel.connection.broker.services.random);
  channel.setReplyConsumer(new ReplyConsumer(channel, tag, token));
  if (!method.noWait) channel.send({ name: 'basic.consume-ok', consumerTag: tag });
}

function refuseReuse(channel: Channel, consumerTag: string): void {
  if (channel.consumers.has(consumerTag) || channel.replyConsumer?.tag === consumerTag) {
    throw notAllowed(`attempt to reuse consumer tag '${consumerTag}'`);
  }
}

function generateTag(channel: Channel): string {
  return `amq.ctag-${randomToken(channel.connection.broker.services.random)}`;
}

/** Idempotent. What the consumer has unacknowledged stays the channel's. */
export function cancel(channel: Channel, method: BasicCancel): void {
  const { consumerTag } = method;
  const consumer = channel.consumers.get(consumerTag);
  if (consumer) {
    channel.consumers.delete(consumerTag);
    consumer.ended();
    consumer.queue.removeConsumer(consumer);
  }
  if (channel.replyConsumer?.tag === consumerTag) channel.setReplyConsumer(undefined);
  if (!method.noWait) channel.send({ name: 'basic.cancel-ok', consumerTag });
}

const fetched = new Content();

export function get(channel: Channel, method: BasicGet): void {
  const { connection, store, user, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  user.require('read', 'queue', name, vhost.name);
  const queue: Queue = vhost.requireQueue(name, connection);
  if (queue.type === 'quorum' && queue.consumers.isSingleActive) {
    throw resourceLocked(
      `cannot obtain access to locked ${queue.title}. basic.get operations are not supported by quorum queues with single active consumer`,
    );
  }
  queue.dispatch();
  const { obstacle } = queue;
  if (obstacle) {
    connection.waits.waitFor(obstacle, () => get(channel, method));
    return;
  }
  const found = queue.get(method.noAck, (sequence, slot, offset, redelivered) => {
    const deliveryTag = channel.nextDeliveryTag();
    viewMessage(store.segment(slot), offset, fetched);
    const content = withDeliveryCount(fetched, queue, sequence);
    channel.send({
      name: 'basic.get-ok',
      deliveryTag,
      redelivered,
      exchange: fetched.exchange,
      routingKey: fetched.routingKey,
      messageCount: queue.readyCount,
    });
    connection.output.writer.content(channel.number, content);
    countGet(channel.counters, queue.counters, method.noAck, redelivered);
    const { bodySizeBytes } = fetched;
    if (method.noAck) queue.settleDelivered(sequence, slot);
    else {
      const holder = { queue, settled: () => {} };
      channel.unacked.add(deliveryTag, holder, sequence, slot, offset, bodySizeBytes);
    }
    return bodySizeBytes;
  });
  if (found) return;
  channel.counters.getEmpty += 1;
  queue.counters.getEmpty += 1;
  channel.send({ name: 'basic.get-empty' });
}

function countGet(
  ofChannel: MessageCounters,
  ofQueue: MessageCounters,
  noAck: boolean,
  redelivered: boolean,
): void {
  const name = noAck ? 'getNoAck' : 'get';
  ofChannel[name] += 1;
  ofQueue[name] += 1;
  if (!redelivered) return;
  ofChannel.redeliver += 1;
  ofQueue.redeliver += 1;
}

export function ack(channel: Channel, method: BasicAck): void {
  acknowledge(channel, method.deliveryTag, method.multiple);
}

/** Also the fast path (fast-path.ts), which reads the tag without making an object of the method. */
export function acknowledge(channel: Channel, tag: number, multiple: boolean): void {
  if (!multiple && !channel.transaction && channel.unacked.has(tag)) {
    channel.counters.ack += 1;
    channel.unacked.settle(tag);
    return;
  }
  const tags = tagsOf(channel, tag, multiple);
  channel.counters.ack += tags.length;
  endAll(channel, tags, 'acknowledged');
}

export function nack(channel: Channel, method: BasicNack): void {
  const tags = tagsOf(channel, method.deliveryTag, method.multiple);
  endAll(channel, tags, method.requeue ? 'returned' : 'rejected');
}

export function reject(channel: Channel, method: BasicReject): void {
  const tags = tagsOf(channel, method.deliveryTag, false);
  endAll(channel, tags, method.requeue ? 'failed' : 'rejected');
}

/**
 * The outstanding deliveries that a tag stands for: itself or, with `multiple`, all up to it; 0 is then all there are.
 * @throws AmqpError 406 for a tag that is not outstanding.
 */
function tagsOf(channel: Channel, tag: number, multiple: boolean): number[] {
  if (multiple && tag === 0) return channel.unacked.tagsUpTo(Number.POSITIVE_INFINITY);
  if (!channel.unacked.has(tag)) throw preconditionFailed(`unknown delivery tag ${tag}`);
  return multiple ? channel.unacked.tagsUpTo(tag) : [tag];
}

function endAll(channel: Channel, tags: number[], outcome: Outcome): void {
  const { transaction, unacked } = channel;
  for (const tag of tags) {
    if (transaction) {
      unacked.reserve(tag, true);
      transaction.holdAck(tag, outcome);
    } else {
      unacked.end(tag, outcome);
    }
  }
}

export function recover(channel: Channel, method: BasicRecover): void {
  requeueAll(channel, method.requeue);
  channel.send({ name: 'basic.recover-ok' });
}

export function recoverAsync(channel: Channel, method: BasicRecoverAsync): void {
  requeueAll(channel, method.requeue);
}

function requeueAll(channel: Channel, requeue: boolean): void {
  if (!requeue) throw notImplemented('requeue=false');
  for (const tag of channel.unacked.tagsUpTo(Number.POSITIVE_INFINITY)) {
    channel.unacked.end(tag, 'returned');
  }
}
