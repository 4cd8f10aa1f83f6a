// basic.publish: from the checks to the queues. The fast path (fast-path.ts), the state machine's commands and a
// transaction's commit all end here.
import { REPLY_QUEUE } from '../../broker/direct-reply.ts';
import { Enqueued, enqueue, enqueueRouted } from '../../broker/enqueue.ts';
import { checkDelay } from '../../broker/exchange/delay.ts';
import type { Exchange } from '../../broker/exchange/exchange.ts';
import { checkExpiration } from '../../broker/expiration.ts';
import { plainExpirationOf } from '../../broker/message.ts';
import { MAX_EXPIRY_MS } from '../../broker/queue/queue-arguments.ts';
import { accessRefused, named, notImplemented, preconditionFailed } from '../../broker/refusal.ts';
import { withProperty } from '../../broker/rewritten.ts';
import type { Route } from '../../broker/route-cache.ts';
import {
  type SenderSelected,
  selectedOf,
  senderSelected,
  toOwnKey,
} from '../../broker/sender-selected.ts';
import { sameBytes } from '../../protocol/block.ts';
import type { Content } from '../../protocol/content.ts';
import { type BasicPublish, ReplyCode } from '../../protocol/methods.generated.ts';
import { PropertyFlag } from '../../protocol/properties.ts';
import type { Channel } from '../channel.ts';

const CHECKED_PROPERTIES = PropertyFlag.expiration | PropertyFlag.userId | PropertyFlag.replyTo;

const REPLY_QUEUE_BYTES = Buffer.from(REPLY_QUEUE);

/** A publish that came frame by frame. */
export function publishCommand(channel: Channel, method: BasicPublish, content: Content): void {
  publish(channel, content, method.mandatory, method.immediate);
}

/**
 * Takes one message: checks in RabbitMQ's order (size, permission, existence, then what the properties say), then routes.
 * `content` is copied; it may lie in the read buffer.
 */
export function publish(
  channel: Channel,
  content: Content,
  mandatory: boolean,
  immediate: boolean,
): void {
  if (immediate) throw notImplemented('immediate=true');
  checkSize(channel, content.bodyEnd - content.bodyAt);
  const route = routeOf(channel, content);
  if (route.exchange.internal) {
    throw accessRefused(
      `cannot publish to internal ${named('exchange', route.exchange.name, channel.vhost.name)}`,
    );
  }
  const message =
    (content.propertyFlags & CHECKED_PROPERTIES) === 0 ? content : checked(channel, content);
  if (route.exchange.delayed) checkDelay(message);
  const selected = senderSelected(message);
  if (selected && channel.user.hasTopicPermissions) {
    for (const key of selected.routingKeys) requireTopicWrite(channel, route.exchange, key);
  }
  channel.counters.publish += 1;
  route.exchange.publishInCount += 1;

  if (channel.transaction) {
    channel.transaction.holdPublish(message, mandatory);
    return;
  }
  let enqueued = 0;
  if (selected) {
    enqueued = publishSelected(channel, selected, route.exchange, mandatory);
  } else {
    const { queues } = route;
    if (!queues) enqueued = publishSelected(channel, toOwnKey(message), route.exchange, mandatory);
    else if (queues.length > 0) {
      route.exchange.publishOutCount += queues.length;
      enqueued = enqueue(channel.store, message, queues, channel.vhost.turn);
    } else if (!reply(channel, message, route.exchange, message.routingKey)) {
      unroutable(channel, message, mandatory);
    }
  }
  if ((enqueued & Enqueued.MUST_LAST) !== 0) channel.connection.block.hasLogged = true;
  if (!channel.confirms) return;
  if ((enqueued & Enqueued.REFUSED) !== 0) channel.refused(channel.confirms);
  else channel.accepted(channel.confirms, (enqueued & Enqueued.MUST_LAST) !== 0);
}

/** A publish of a transaction that commits: checked when it came, routed now. Answers what became of it (see enqueue.ts). */
export function publishHeld(channel: Channel, content: Content, mandatory: boolean): number {
  const exchange = channel.vhost.exchange(content.exchange);
  const selected = selectedOf(content);
  if (!exchange) {
    unroutable(channel, content, mandatory);
    return 0;
  }
  const enqueued = publishSelected(channel, selected, exchange, mandatory);
  if ((enqueued & Enqueued.MUST_LAST) !== 0) channel.connection.block.hasLogged = true;
  return enqueued;
}

/** Answers what became of it (see enqueue.ts). */
function publishSelected(
  channel: Channel,
  selected: SenderSelected,
  exchange: Exchange,
  mandatory: boolean,
): number {
  const { content, routingKeys } = selected;
  const replied = routingKeys.filter((key) => reply(channel, content, exchange, key));
  const { router, turn } = channel.vhost;
  const routed = router.route(content, exchange, routingKeys);
  // What a message repeats may not be on disk yet, and its confirm speaks for both.
  const repeated = routed.isRepeated && channel.store.isDirty ? Enqueued.MUST_LAST : 0;
  if (routed.queues.length > 0 || routed.delays.length > 0) {
    exchange.publishOutCount += routed.queues.length;
    return enqueueRouted(channel.store, selected, routed, turn) | repeated;
  }
  if (routed.isRepeated) return repeated;
  if (replied.length === 0) unroutable(channel, content, mandatory);
  return 0;
}

/** Hands a direct reply to whom it is for; false when it is none, or nobody waits for it any more. */
function reply(
  channel: Channel,
  content: Content,
  exchange: Exchange,
  routingKey: string,
): boolean {
  if (exchange.name !== '') return false;
  const target = channel.vhost.replyTargets.get(routingKey);
  target?.deliver(content);
  return target !== undefined;
}

/** @throws AmqpError 406 when a body is larger than the broker takes. */
export function checkSize(channel: Channel, bodySizeBytes: number): void {
  const { maxMessageBytes } = channel.connection.broker.options;
  if (bodySizeBytes > maxMessageBytes) {
    throw preconditionFailed(
      `message size ${BigInt(bodySizeBytes)} is larger than configured max size ${maxMessageBytes}`,
    );
  }
}

/** Where the message goes: the channel's last route, one that the vhost remembers, or one that is found now. */
function routeOf(channel: Channel, content: Content): Route {
  const { bytes } = content.block;
  const { routeAt } = content;
  const length = content.routeEnd - routeAt;
  const last = channel.lastRoute;
  if (
    last?.isCurrent &&
    last.bytes.length === length &&
    sameBytes(last.bytes, 0, bytes, routeAt, length)
  ) {
    return last;
  }
  const remembered = channel.vhost.router.remembered(content);
  if (remembered) requireWrite(channel, remembered.exchange);
  const route = remembered ?? findRoute(channel, content);
  if (channel.user.hasTopicPermissions) {
    requireTopicWrite(channel, route.exchange, content.routingKey);
  }
  channel.lastRoute = route;
  return route;
}

function findRoute(channel: Channel, content: Content): Route {
  const { vhost, user } = channel;
  const name = content.exchange;
  // Permission before existence, as RabbitMQ does: a stranger cannot probe for names.
  if (channel.writableExchange?.name !== name) user.require('write', 'exchange', name, vhost.name);
  const exchange = vhost.requireExchange(name);
  channel.writableExchange = exchange;
  return vhost.router.find(content, exchange);
}

function requireWrite(channel: Channel, exchange: Exchange): void {
  if (channel.writableExchange === exchange) return;
  channel.user.require('write', 'exchange', exchange.name, channel.vhost.name);
  channel.writableExchange = exchange;
}

/** To an internal exchange nobody publishes, whatever the key; that is said by the caller. */
function requireTopicWrite(channel: Channel, exchange: Exchange, routingKey: string): void {
  if (exchange.internal) return;
  channel.user.requireTopic('write', exchange, routingKey, channel.vhost.name);
}

/**
 * The message as it goes on, once its properties were found to be in order: a request for a direct reply gets the address
 * of this channel. Reads only the properties it is about.
 */
function checked(channel: Channel, content: Content): Content {
  const flags = content.propertyFlags;
  if ((flags & PropertyFlag.expiration) !== 0) {
    const plainMs = plainExpirationOf(content);
    if (plainMs === undefined || plainMs > MAX_EXPIRY_MS) {
      checkExpiration(content.textOf(PropertyFlag.expiration));
    }
  }
  if ((flags & PropertyFlag.userId) !== 0) checkUserId(channel, content);
  if ((flags & PropertyFlag.replyTo) === 0) return content;
  if (!content.textIs(PropertyFlag.replyTo, REPLY_QUEUE_BYTES)) return content;
  if (!channel.replyConsumer) throw preconditionFailed('fast reply consumer does not exist');
  return withProperty(content, PropertyFlag.replyTo, channel.replyConsumer.encodedAddress);
}

function checkUserId(channel: Channel, content: Content): void {
  const { user } = channel;
  const userId = content.textOf(PropertyFlag.userId);
  if (userId === user.name || user.tags.has('impersonator')) return;
  throw preconditionFailed(
    `user_id property set to '${userId}' but authenticated user was '${user.name}'`,
  );
}

/** A message that reaches nobody: one that is mandatory goes back as it came, before its confirm. */
function unroutable(channel: Channel, content: Content, mandatory: boolean): void {
  if (!mandatory) {
    channel.counters.dropUnroutable += 1;
    return;
  }
  channel.counters.returnUnroutable += 1;
  channel.send({
    name: 'basic.return',
    replyCode: ReplyCode.NO_ROUTE,
    replyText: 'NO_ROUTE',
    exchange: content.exchange,
    routingKey: content.routingKey,
  });
  channel.connection.output.writer.content(channel.number, content);
}
