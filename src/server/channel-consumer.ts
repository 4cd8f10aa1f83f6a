// One consumer of a channel: its credit, and how a message becomes a basic.deliver.
import { withDeliveryCount } from '../broker/delivery-count.ts';
import { viewMessage } from '../broker/message.ts';
import type { Consumer } from '../broker/queue/consumer.ts';
import type { Queue } from '../broker/queue/queue.ts';
import type { Block } from '../protocol/block.ts';
import { Content } from '../protocol/content.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { deliveryPrefix } from '../protocol/frame-writer.ts';
import { AckTimeout } from './ack-timeout.ts';
import type { Channel } from './channel.ts';
import type { Holder } from './unacked.ts';

export interface ConsumerOptions {
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  /** How many unacknowledged deliveries it may have; 0 = no limit. */
  readonly prefetch: number;
  readonly arguments: FieldTable;
  /** How long it may keep a delivery unacknowledged; undefined: as long as its queue says. */
  readonly timeoutMs: number | undefined;
}

const delivered = new Content();

export class ChannelConsumer implements Consumer, Holder {
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly prefetch: number;
  readonly channel: Channel;
  readonly arguments: FieldTable;
  readonly #prefix: Block;
  readonly #timeoutMs: number | undefined;
  readonly #brokerTimeoutMs: number;
  #timeout: AckTimeout | undefined;
  unackedCount = 0;
  isParked = false;
  isLeaving = false;

  constructor(channel: Channel, queue: Queue, options: ConsumerOptions) {
    this.channel = channel;
    this.queue = queue;
    this.tag = options.tag;
    this.noAck = options.noAck;
    this.exclusive = options.exclusive;
    this.priority = options.priority;
    this.prefetch = options.prefetch;
    this.arguments = options.arguments;
    this.#timeoutMs = options.timeoutMs;
    const { consumerTimeoutMs } = channel.connection.broker.options;
    this.#brokerTimeoutMs = consumerTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#prefix = deliveryPrefix(channel.number, options.tag);
  }

  canTake(): boolean {
    if (this.channel.connection.output.isCongested) return false;
    if (this.noAck) return true;
    if (this.prefetch > 0 && this.unackedCount >= this.prefetch) return false;
    return this.channel.hasSharedCredit;
  }

  deliver(sequence: number, slot: number, offset: number, redelivered: boolean): number {
    const channel = this.channel;
    const { store } = channel;
    const tag = channel.nextDeliveryTag();
    viewMessage(store.segment(slot), offset, delivered);
    const { output } = channel.connection;
    const bodyBytes = delivered.bodyEnd - delivered.bodyAt;
    const ofQueue = this.queue.counters;
    let content = delivered;
    if (redelivered) {
      channel.counters.redeliver += 1;
      ofQueue.redeliver += 1;
      // Only what was delivered before can have failed.
      content = withDeliveryCount(delivered, this.queue, sequence);
    }
    output.writer.delivery(this.#prefix, channel.number, tag, redelivered, content);
    if (this.noAck) {
      channel.counters.deliverNoAck += 1;
      ofQueue.deliverNoAck += 1;
      this.queue.settleDelivered(sequence, slot);
    } else {
      channel.counters.deliver += 1;
      ofQueue.deliver += 1;
      this.unackedCount += 1;
      channel.sharedUnackedCount += 1;
      channel.unacked.add(tag, this, sequence, slot, offset, bodyBytes);
      const timeoutMs =
        this.#timeoutMs ?? this.queue.settings.consumerTimeoutMs ?? this.#brokerTimeoutMs;
      if (timeoutMs < Number.POSITIVE_INFINITY) this.#startTimeout(tag, timeoutMs);
    }
    channel.connection.sendLater();
    return bodyBytes;
  }

  #startTimeout(tag: number, timeoutMs: number): void {
    this.#timeout ??= new AckTimeout(this.channel, () => this.channel.consumerTimedOut(this));
    this.#timeout.delivered(tag, timeoutMs);
  }

  /** It is no consumer any more; what it has unacknowledged stays the channel's. */
  ended(): void {
    this.#timeout?.stop();
  }

  settled(): void {
    this.unackedCount -= 1;
    const channel = this.channel;
    const hadCredit = channel.hasSharedCredit;
    channel.sharedUnackedCount -= 1;
    if (!hadCredit && channel.hasSharedCredit) channel.consumersReady();
    else this.ready();
    if (this.isLeaving && this.unackedCount === 0) this.queue.consumerReady(this);
  }

  /** Something that kept it from taking messages has changed. */
  ready(): void {
    if (this.isParked && this.canTake()) this.queue.consumerReady(this);
  }

  cancelled(): void {
    this.ended();
    this.channel.consumerCancelled(this);
  }
}
