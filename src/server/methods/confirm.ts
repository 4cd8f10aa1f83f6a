// confirm.select: from here on every publish of the channel is acknowledged. Selecting twice is fine.
import { preconditionFailed } from '../../broker/refusal.ts';
import type { ConfirmSelect } from '../../protocol/methods.generated.ts';
import type { Channel } from '../channel.ts';
import { Confirms } from '../confirms.ts';

export function selectConfirms(channel: Channel, method: ConfirmSelect): void {
  if (channel.transaction) throw preconditionFailed('cannot switch from tx to confirm mode');
  channel.confirms ??= new Confirms(channel.counters);
  if (!method.nowait) channel.send({ name: 'confirm.select-ok' });
}
