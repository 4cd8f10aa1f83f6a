// Transactions: publishes and acknowledgements of a channel take effect at commit, or not at all. As in RabbitMQ they are
// not atomic over several queues, and a rollback redelivers nothing.
import { Enqueued } from '../../broker/enqueue.ts';
import { viewMessage } from '../../broker/message.ts';
import { preconditionFailed } from '../../broker/refusal.ts';
import { Content } from '../../protocol/content.ts';
import type { Channel } from '../channel.ts';
import { Transaction } from '../transaction.ts';
import { publishHeld } from './publish.ts';

const held = new Content();

export function select(channel: Channel): void {
  if (channel.confirms) throw preconditionFailed('cannot switch from confirm to tx mode');
  channel.transaction ??= new Transaction(channel.store);
  channel.send({ name: 'tx.select-ok' });
}

export function commit(channel: Channel): void {
  const { publishes, acks } = transactionOf(channel).take();
  let enqueued = 0;
  for (const { slot, offset, mandatory } of publishes) {
    viewMessage(channel.store.segment(slot), offset, held);
    enqueued |= publishHeld(channel, held, mandatory);
    channel.store.release(slot);
  }
  for (const { tag, outcome } of acks) channel.unacked.end(tag, outcome);
  // As in RabbitMQ, what could be carried out stays so.
  if ((enqueued & Enqueued.REFUSED) !== 0) throw preconditionFailed('partial tx completion');
  channel.replyWhenSynced({ name: 'tx.commit-ok' });
}

export function rollback(channel: Channel): void {
  for (const { tag } of transactionOf(channel).discard()) channel.unacked.reserve(tag, false);
  channel.send({ name: 'tx.rollback-ok' });
}

function transactionOf(channel: Channel): Transaction {
  if (!channel.transaction) throw preconditionFailed('channel is not transactional');
  return channel.transaction;
}
