// Methods of class channel that concern an open channel. Opening and closing are the connection's.
import { notImplemented } from '../../broker/refusal.ts';
import type { ChannelFlow } from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { openedTwice } from '../channel-table.ts';

/** As RabbitMQ: a client cannot stop deliveries this way. */
export function flow(channel: Channel, method: ChannelFlow): void {
  if (!method.active) throw notImplemented('active=false');
  channel.send({ name: 'channel.flow-ok', active: true });
}

export function openAgain(): void {
  throw openedTwice();
}
