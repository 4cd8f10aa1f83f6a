// Class exchange: declare, delete, and bindings between exchanges.
import { alternateOf } from '../../broker/exchange/exchange.ts';
import { accessRefused } from '../../broker/refusal.ts';
import type {
  ExchangeBind,
  ExchangeDeclare,
  ExchangeDelete,
  ExchangeUnbind,
} from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { cleanName } from './names.ts';

/** The default exchange takes part in nothing but publishing. */
function refuseDefault(name: string): void {
  if (name === '') throw accessRefused('operation not permitted on the default exchange');
}

export function declare(channel: Channel, method: ExchangeDeclare): void {
  const { user, vhost } = channel;
  const name = cleanName(method.exchange);
  if (method.passive) {
    refuseDefault(name);
    vhost.requireExchange(name);
  } else {
    refuseDefault(name);
    user.require('configure', 'exchange', name, vhost.name);
    const alternate = alternateOf(method.arguments);
    if (alternate !== undefined && !vhost.exchange(name)) {
      user.require('read', 'exchange', name, vhost.name);
      user.require('write', 'exchange', alternate, vhost.name);
    }
    vhost.declareExchange({ ...method, name });
  }
  if (!method.noWait) channel.replyWhenSynced({ name: 'exchange.declare-ok' });
}

export function remove(channel: Channel, method: ExchangeDelete): void {
  const { user, vhost } = channel;
  const name = cleanName(method.exchange);
  refuseDefault(name);
  user.require('configure', 'exchange', name, vhost.name);
  vhost.deleteExchange(name, method.ifUnused);
  if (!method.noWait) channel.replyWhenSynced({ name: 'exchange.delete-ok' });
}

/** Source and destination as they are named. Permissions before existence: a stranger cannot probe for names. */
function endsOf(channel: Channel, method: ExchangeBind | ExchangeUnbind): [string, string] {
  const { user, vhost } = channel;
  const source = cleanName(method.source);
  const destination = cleanName(method.destination);
  refuseDefault(destination);
  user.require('write', 'exchange', destination, vhost.name);
  refuseDefault(source);
  user.require('read', 'exchange', source, vhost.name);
  user.requireTopic('read', vhost.exchange(source), method.routingKey, vhost.name);
  return [source, destination];
}

export function bind(channel: Channel, method: ExchangeBind): void {
  const { vhost } = channel;
  const [source, destination] = endsOf(channel, method);
  const from = vhost.requireExchange(source);
  const to = vhost.requireExchange(destination);
  vhost.bind(from, to, method.routingKey, method.arguments);
  if (!method.noWait) channel.replyWhenSynced({ name: 'exchange.bind-ok' });
}

/** Idempotent: what is not bound, or not there, needs no unbinding. */
export function unbind(channel: Channel, method: ExchangeUnbind): void {
  const { vhost } = channel;
  const [source, destination] = endsOf(channel, method);
  const from = vhost.exchange(source);
  const to = vhost.exchange(destination);
  if (from && to) vhost.unbind(from, to, method.routingKey, method.arguments);
  if (!method.noWait) channel.replyWhenSynced({ name: 'exchange.unbind-ok' });
}
