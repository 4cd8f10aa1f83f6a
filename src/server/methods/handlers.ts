// Which function handles which method on a channel. The table covers every method a client may send there; a method that
// nobody handles does not compile.
import { AmqpError } from '../../protocol/amqp-error.ts';
import type { Content } from '../../protocol/content.ts';
import {
  type Method,
  type MethodName,
  type MethodOf,
  ReplyCode,
} from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { requestAccess } from './access.ts';
import * as basic from './basic.ts';
import { flow, openAgain } from './channel.ts';
import { selectConfirms } from './confirm.ts';
import * as exchange from './exchange.ts';
import { checkSize, publishCommand } from './publish.ts';
import * as queue from './queue.ts';
import * as tx from './tx.ts';

/** What only a server sends, or what has its place on channel 0. `channel.close` and its answer are the connection's. */
type NotOnAChannel =
  | Extract<MethodName, `connection.${string}` | `${string}-ok`>
  | 'basic.return'
  | 'basic.deliver'
  | 'basic.get-empty'
  | 'channel.close';

type Handlers = {
  [Name in Exclude<MethodName, NotOnAChannel>]: (
    channel: Channel,
    method: MethodOf<Name>,
    content: Content,
  ) => void;
};

const handlers = {
  'access.request': requestAccess,
  'basic.ack': basic.ack,
  'basic.cancel': basic.cancel,
  'basic.consume': basic.consume,
  'basic.get': basic.get,
  'basic.nack': basic.nack,
  'basic.publish': publishCommand,
  'basic.qos': basic.qos,
  'basic.recover': basic.recover,
  'basic.recover-async': basic.recoverAsync,
  'basic.reject': basic.reject,
  'channel.flow': flow,
  'channel.open': openAgain,
  'confirm.select': selectConfirms,
  'exchange.bind': exchange.bind,
  'exchange.declare': exchange.declare,
  'exchange.delete': exchange.remove,
  'exchange.unbind': exchange.unbind,
  'queue.bind': queue.bind,
  'queue.declare': queue.declare,
  'queue.delete': queue.remove,
  'queue.purge': queue.purge,
  'queue.unbind': queue.unbind,
  'tx.commit': tx.commit,
  'tx.rollback': tx.rollback,
  'tx.select': tx.select,
} satisfies Handlers;

type Handler = (channel: Channel, method: Method, content: Content | undefined) => void;

const byName = new Map(Object.entries(handlers)) as unknown as ReadonlyMap<string, Handler>;

/** @throws AmqpError as the method's handler says; 503 for a method that only a server sends. */
export function handle(channel: Channel, method: Method, content: Content | undefined): void {
  const handler = byName.get(method.name);
  if (!handler) throw new AmqpError(ReplyCode.COMMAND_INVALID, 'unimplemented method');
  handler(channel, method, content);
}

/** @throws AmqpError 406 when the body to come is larger than the broker takes. */
export function announceContent(channel: Channel, bodySizeBytes: number): void {
  checkSize(channel, bodySizeBytes);
}
