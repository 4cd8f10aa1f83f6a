// Starting and ending a consumer on a channel, so that no delivery finds nobody at home and a late answer leaves nobody behind.
import type { FieldTable } from '../../protocol/field-table.ts';
import type { AmqpChannel, ConsumerSink } from './amqp-channel.ts';
import type { CallLimits } from './reply-queue.ts';

export interface ConsumeRequest {
  readonly queue: string;
  /** Unique on the channel. */
  readonly consumerTag: string;
  readonly noAck: boolean;
  readonly noLocal: boolean;
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
}

/** Resolves when the broker has agreed; deliveries may come before. */
export async function consume(
  channel: AmqpChannel,
  request: ConsumeRequest,
  sink: ConsumerSink,
  limits?: CallLimits,
): Promise<void> {
  const { consumerTag } = request;
  channel.addConsumer(consumerTag, sink);
  try {
    await channel.call(
      { name: 'basic.consume', noWait: false, ...request },
      ['basic.consume-ok'],
      limits,
      // It was given up before the broker agreed.
      () => void cancel(channel, consumerTag).catch(() => {}),
    );
  } catch (error) {
    channel.removeConsumer(consumerTag);
    throw error;
  }
}

export async function cancel(
  channel: AmqpChannel,
  consumerTag: string,
  limits?: CallLimits,
): Promise<void> {
  const method = { name: 'basic.cancel', consumerTag, noWait: false } as const;
  await channel.call(method, ['basic.cancel-ok'], limits);
  channel.removeConsumer(consumerTag);
}
