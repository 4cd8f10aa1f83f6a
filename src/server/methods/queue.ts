// Class queue: declare, delete, purge, and bindings from exchanges.
import { isReplyName, REPLY_QUEUE } from '../../broker/direct-reply.ts';
import { textOf } from '../../broker/equivalence.ts';
import { accessRefused, named, notFound } from '../../broker/refusal.ts';
import type {
  QueueBind,
  QueueDeclare,
  QueueDelete,
  QueuePurge,
  QueueUnbind,
} from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { cleanName } from './names.ts';

export function declare(channel: Channel, method: QueueDeclare): void {
  const { connection, user, vhost } = channel;
  const given = cleanName(method.queue);
  if (isReplyName(given)) {
    declareReplyQueue(channel, method, given);
    return;
  }
  if (method.passive) {
    const queue = vhost.requireQueue(channel.queueName(given), connection);
    declared(channel, method, queue.name);
    return;
  }
  const name = given === '' ? vhost.generateQueueName() : given;
  user.require('configure', 'queue', name, vhost.name);
  const deadLetterExchange = textOf(method.arguments.get('x-dead-letter-exchange'));
  if (deadLetterExchange !== undefined && !vhost.queue(name)) {
    user.require('read', 'queue', name, vhost.name);
    user.require('write', 'exchange', deadLetterExchange, vhost.name);
  }
  vhost.declareQueue({ ...method, name }, connection, given === '');
  declared(channel, method, name);
}

/** Says whether somebody waits for direct replies there; there is no queue behind it. */
function declareReplyQueue(channel: Channel, method: QueueDeclare, name: string): void {
  const { vhost } = channel;
  if (name !== REPLY_QUEUE && !vhost.replyTargets.has(name)) {
    throw notFound(`no ${named('queue', name, vhost.name)}`);
  }
  channel.lastDeclaredQueue = name;
  if (method.noWait) return;
  channel.send({ name: 'queue.declare-ok', queue: name, messageCount: 0, consumerCount: 1 });
}

function declared(channel: Channel, method: QueueDeclare, name: string): void {
  channel.lastDeclaredQueue = name;
  if (method.noWait) return;
  const queue = channel.vhost.requireQueue(name, channel.connection);
  queue.dispatch();
  channel.replyWhenSynced({
    name: 'queue.declare-ok',
    queue: name,
    messageCount: queue.readyCount,
    consumerCount: queue.consumerCount,
  });
}

/** Idempotent: a queue that is not there counts as deleted. */
export function remove(channel: Channel, method: QueueDelete): void {
  const { connection, user, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  user.require('configure', 'queue', name, vhost.name);
  const queue = vhost.queue(name);
  let messageCount = 0;
  if (queue) {
    vhost.checkOwner(queue, connection);
    queue.dispatch();
    messageCount = vhost.deleteQueue(queue, method.ifUnused, method.ifEmpty);
  }
  if (!method.noWait) channel.replyWhenSynced({ name: 'queue.delete-ok', messageCount });
}

export function purge(channel: Channel, method: QueuePurge): void {
  const { connection, user, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  user.require('read', 'queue', name, vhost.name);
  const queue = vhost.requireQueue(name, connection);
  queue.dispatch();
  const messageCount = queue.purge();
  if (!method.noWait) channel.replyWhenSynced({ name: 'queue.purge-ok', messageCount });
}

/** With neither queue nor key named, the key is the queue's name (specification, queue.bind). */
function keyOf(method: QueueBind | QueueUnbind, queue: string): string {
  return method.queue === '' && method.routingKey === '' ? queue : method.routingKey;
}

/** Permissions before existence: a stranger cannot probe for names. */
function requireBindable(
  channel: Channel,
  queue: string,
  exchange: string,
  routingKey: string,
): void {
  const { user, vhost } = channel;
  user.require('write', 'queue', queue, vhost.name);
  if (exchange === '') throw accessRefused('operation not permitted on the default exchange');
  user.require('read', 'exchange', exchange, vhost.name);
  user.requireTopic('read', vhost.exchange(exchange), routingKey, vhost.name);
}

export function bind(channel: Channel, method: QueueBind): void {
  const { connection, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  const source = cleanName(method.exchange);
  const routingKey = keyOf(method, name);
  requireBindable(channel, name, source, routingKey);
  const exchange = vhost.requireExchange(source);
  const queue = vhost.requireQueue(name, connection);
  vhost.bind(exchange, queue, routingKey, method.arguments);
  if (!method.noWait) channel.replyWhenSynced({ name: 'queue.bind-ok' });
}

/** Idempotent: what is not bound, or not there, needs no unbinding. */
export function unbind(channel: Channel, method: QueueUnbind): void {
  const { connection, vhost } = channel;
  const name = channel.queueName(cleanName(method.queue));
  const source = cleanName(method.exchange);
  const routingKey = keyOf(method, name);
  requireBindable(channel, name, source, routingKey);
  const queue = vhost.queue(name);
  const exchange = vhost.exchange(source);
  if (queue) vhost.checkOwner(queue, connection);
  if (queue && exchange) vhost.unbind(exchange, queue, routingKey, method.arguments);
  channel.replyWhenSynced({ name: 'queue.unbind-ok' });
}
