// One channel: its consumers, its outstanding deliveries, and what it remembers between methods (last declared queue, qos,
// confirm or transaction mode). The methods themselves are in methods/.
import type { Exchange } from '../broker/exchange/exchange.ts';
import { MessageCounters } from '../broker/message-counters.ts';
import type { Principal } from '../broker/principal.ts';
import { notFound } from '../broker/refusal.ts';
import type { Route } from '../broker/route-cache.ts';
import type { VHost } from '../broker/vhost.ts';
import { CommandAssembler, type CommandSink } from '../protocol/command-assembler.ts';
import type { Content } from '../protocol/content.ts';
import type { Method } from '../protocol/methods.generated.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { ChannelConsumer } from './channel-consumer.ts';
import type { Confirms } from './confirms.ts';
import type { Connection } from './connection.ts';
import { announceContent, handle } from './methods/handlers.ts';
import type { ReplyConsumer } from './reply-consumer.ts';
import type { Transaction } from './transaction.ts';
import { Unacked } from './unacked.ts';

export class Channel implements CommandSink {
  readonly number: number;
  readonly connection: Connection;
  readonly vhost: VHost;
  user: Principal;
  readonly store: MessageStore;
  readonly assembler: CommandAssembler;
  readonly unacked = new Unacked();
  readonly counters = new MessageCounters();
  readonly consumers = new Map<string, ChannelConsumer>();
  /** The consumer of direct replies, if the channel has one. */
  replyConsumer: ReplyConsumer | undefined;
  /** Set by confirm.select. */
  confirms: Confirms | undefined;
  /** Set by tx.select. */
  transaction: Transaction | undefined;
  /** What an empty queue name stands for. */
  lastDeclaredQueue = '';
  /** basic.qos with global=false: the limit of every consumer that comes after it; 0 = none. */
  prefetch = 0;
  /** basic.qos with global=true: the limit of all consumers together; 0 = none. */
  sharedPrefetch = 0;
  /** Unacknowledged deliveries of all consumers (not of basic.get). */
  sharedUnackedCount = 0;
  /** We have sent channel.close and ignore everything until the peer has answered it. */
  isClosing = false;
  /** Its connection or itself is closed: nothing is sent on it any more. */
  isReleased = false;
  /** The route of the last publish; most publishes of a channel take the same one. */
  lastRoute: Route | undefined;
  /** The last exchange that the user was found to have write access to. */
  writableExchange: Exchange | undefined;
  #lastDeliveryTag = 0;

  constructor(connection: Connection, number: number, vhost: VHost, user: Principal) {
    this.connection = connection;
    this.number = number;
    this.vhost = vhost;
    this.user = user;
    this.store = vhost.store;
    this.store.holders.add(this.unacked);
    this.assembler = new CommandAssembler(this);
    connection.broker.churn.channelCreated += 1;
  }

  /** The user may not do any more what it was found to be allowed, or may do more. */
  forgetPermissions(): void {
    this.lastRoute = undefined;
    this.writableExchange = undefined;
  }

  /** The user has shown a new secret, which may allow less: consumers that it does not allow any more end. */
  userChanged(user: Principal): void {
    this.user = user;
    this.forgetPermissions();
    for (const consumer of [...this.consumers.values()]) {
      const { queue, tag } = consumer;
      if (user.may('read', 'queue', queue.name, this.vhost.name)) continue;
      this.connection.log(
        'warning',
        `channel ${this.number}: consumer '${tag}' of ${queue.title} cancelled: the new secret does not allow it`,
      );
      queue.removeConsumer(consumer);
      consumer.cancelled();
    }
  }

  contentAnnounced(method: Method, bodySizeBytes: number): void {
    this.connection.router.handling(method);
    announceContent(this, bodySizeBytes);
  }

  contentHeld(deltaBytes: number, messageBytes: number): void {
    this.connection.unfinished.changed(deltaBytes, messageBytes);
  }

  command(method: Method, content: Content | undefined): void {
    this.connection.router.handling(method);
    try {
      handle(this, method, content);
    } catch (error) {
      this.connection.waits.askFirst(error, () => handle(this, method, content));
    }
  }

  /** Sends a method at the end of this turn, behind everything that was sent on the channel before. */
  send(method: Method): void {
    this.connection.send(this.number, method);
  }

  nextDeliveryTag(): number {
    this.#lastDeliveryTag += 1;
    return this.#lastDeliveryTag;
  }

  get hasSharedCredit(): boolean {
    return this.sharedPrefetch === 0 || this.sharedUnackedCount < this.sharedPrefetch;
  }

  /**
   * The queue a method means: an empty name is the one declared last on this channel.
   * @throws AmqpError 404 when there was none.
   */
  queueName(name: string): string {
    if (name !== '') return name;
    if (this.lastDeclaredQueue === '') throw notFound('no previously declared queue');
    return this.lastDeclaredQueue;
  }

  /** Consumers that were full may have room again. */
  consumersReady(): void {
    for (const consumer of this.consumers.values()) consumer.ready();
  }

  /** The queue of a consumer is gone; clients that can hear it are told. */
  consumerCancelled(consumer: ChannelConsumer): void {
    this.consumers.delete(consumer.tag);
    if (!this.connection.peerKnows('consumer_cancel_notify')) return;
    this.send({ name: 'basic.cancel', consumerTag: consumer.tag, noWait: true });
  }

  /** A consumer has kept a delivery for too long: it ends, and all it has goes back. */
  consumerTimedOut(consumer: ChannelConsumer): void {
    const { connection, number, unacked } = this;
    connection.log(
      'warning',
      `channel ${number}: consumer '${consumer.tag}' of ${consumer.queue.title} cancelled: delivery acknowledgement timed out`,
      'channel',
    );
    consumer.queue.removeConsumer(consumer);
    unacked.takeBack(consumer);
    consumer.cancelled();
    connection.sendLater();
  }

  /** A publish is in its queues: its ack leaves at the end of the turn, or when it is on disk. */
  accepted(confirms: Confirms, mustLast: boolean): void {
    const sequence = confirms.next();
    if (mustLast || confirms.isWaiting) {
      if (!confirms.isWaiting) this.store.whenSynced(this.#synced);
      confirms.acceptWith(sequence, mustLast ? this.store.generation : undefined);
      return;
    }
    if (!confirms.hasUnsent) this.connection.confirmLater(this);
    confirms.accept(sequence);
  }

  /** A queue would not take a publish: that is said at once. */
  refused(confirms: Confirms): void {
    confirms.refuse(confirms.next(), this.number, this.connection.output.writer);
    this.connection.sendLater();
  }

  readonly #synced = (): void => {
    const { confirms } = this;
    if (!confirms) return;
    confirms.synced(this.store.syncedGeneration);
    if (confirms.isWaiting) this.store.whenSynced(this.#synced);
    if (confirms.hasUnsent && !this.isReleased) this.connection.confirmLater(this);
  };

  /** Sends a reply that promises something will be there after a restart: once it is on disk. */
  replyWhenSynced(method: Method): void {
    if (!this.store.isDirty) {
      this.send(method);
      return;
    }
    const { generation } = this.store;
    const wait = (done: () => void) => {
      if (this.store.syncedGeneration >= generation) done();
      else this.store.whenSynced(() => wait(done));
    };
    this.connection.waits.waitFor(wait, () => this.send(method));
  }

  /** Takes, replaces or (undefined) ends the consumer of direct replies. */
  setReplyConsumer(consumer: ReplyConsumer | undefined): void {
    const { replyTargets } = this.vhost;
    if (this.replyConsumer) replyTargets.delete(this.replyConsumer.address);
    if (consumer) replyTargets.set(consumer.address, consumer);
    this.replyConsumer = consumer;
  }

  /** Sends acks of publishes that have been accepted. */
  sendConfirms(): void {
    this.confirms?.send(this.number, this.connection.output.writer);
  }

  /** Settles with both sides: acks that are due leave, what was delivered and not acknowledged returns to its queues, consumers end. */
  release(): void {
    this.sendConfirms();
    this.isReleased = true;
    this.counters.publishWithConfirm = this.confirms?.publishCount ?? 0;
    this.vhost.counters.add(this.counters);
    this.connection.broker.churn.channelClosed += 1;
    this.transaction?.close();
    this.transaction = undefined;
    this.setReplyConsumer(undefined);
    const consumers = [...this.consumers.values()];
    this.consumers.clear();
    // Messages return first: an auto-delete queue that then loses its last consumer takes them along.
    for (const tag of this.unacked.allTags()) this.unacked.end(tag, 'failed');
    this.store.holders.delete(this.unacked);
    for (const consumer of consumers) {
      consumer.ended();
      consumer.queue.removeConsumer(consumer);
    }
    this.assembler.reset();
  }
}
