// The protocol, a method each. A channel lives and dies with its connection, and tells so; nothing of it recovers. What should
// survive is made from a Connection instead.
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { Method, MethodName } from '../protocol/methods.generated.ts';
import type { AmqpChannel, ConsumerSink } from './amqp/amqp-channel.ts';
import { cancel, consume } from './amqp/consume.ts';
import type { Reply } from './amqp/reply-queue.ts';
import { durationMs } from './base/duration.ts';
import type { AMQPError, MessageReturned } from './base/errors.ts';
import { toFieldTable } from './base/field-values.ts';
import { messageIds } from './base/message-ids.ts';
import { toBasicProperties } from './base/properties.ts';
import { acceptOf } from './base/serialization.ts';
import type {
  BasicConsumeOptions,
  BasicPublishOptions,
  ExchangeDeclareOptions,
  QueueDeclareOptions,
  QueueState,
  WithArguments,
} from './channel-options.ts';
import { ChannelOutlet } from './channel-outlet.ts';
import type { Connection } from './connection.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { EntityHost } from './entity-host.ts';
import { requireName } from './exchange.ts';
import { Message, MessageOrigin } from './message.ts';
import { type CallOptions, requireInteger } from './options.ts';

export class Channel implements EntityHost, AsyncDisposable {
  readonly #core: ConnectionCore;
  /** @internal */
  readonly amqp: AmqpChannel;
  /** @internal Where producers of this channel publish. */
  readonly outlet: ChannelOutlet;
  #lastTag = 0;

  /** @internal Use `connection.channel()`. */
  constructor(connection: ConnectionCore, amqp: AmqpChannel) {
    this.#core = connection;
    this.amqp = amqp;
    this.outlet = new ChannelOutlet(connection, amqp);
  }

  get connection(): Connection {
    return this.#core as Connection;
  }

  get id(): number {
    return this.amqp.number;
  }

  get isOpen(): boolean {
    return this.amqp.isOpen;
  }

  /** Called once, when the channel is gone; at once when it is already. */
  onClose(listener: (error: AMQPError) => void): void {
    this.outlet.onClose(listener);
  }

  /** What came back though it was not published by a Producer. */
  onReturn(listener: (error: MessageReturned) => void): void {
    this.outlet.onReturn(listener);
  }

  async #call<Name extends MethodName>(
    method: Method,
    reply: Name,
    options: CallOptions | undefined,
  ): Promise<Reply<Name>['method']> {
    return (await this.amqp.call(method, [reply], limits(options))).method;
  }

  // --- exchanges

  async exchangeDeclare(
    exchange: string,
    type: string,
    options: ExchangeDeclareOptions = {},
  ): Promise<void> {
    requireName('exchange', exchange);
    const { passive = false, durable = false, autoDelete = false, internal = false } = options;
    const args = tableOf(options);
    await this.#call(
      {
        name: 'exchange.declare',
        exchange,
        type,
        passive,
        durable,
        autoDelete,
        internal,
        noWait: false,
        arguments: args,
      },
      'exchange.declare-ok',
      options,
    );
  }

  async exchangeDelete(
    exchange: string,
    options: CallOptions & { readonly ifUnused?: boolean } = {},
  ): Promise<void> {
    requireName('exchange', exchange);
    const { ifUnused = false } = options;
    await this.#call(
      { name: 'exchange.delete', exchange, ifUnused, noWait: false },
      'exchange.delete-ok',
      options,
    );
  }

  async exchangeBind(
    destination: string,
    source: string,
    routingKey = '',
    options: WithArguments = {},
  ): Promise<void> {
    requireName('routingKey', routingKey);
    const args = tableOf(options);
    await this.#call(
      { name: 'exchange.bind', destination, source, routingKey, noWait: false, arguments: args },
      'exchange.bind-ok',
      options,
    );
  }

  async exchangeUnbind(
    destination: string,
    source: string,
    routingKey = '',
    options: WithArguments = {},
  ): Promise<void> {
    requireName('routingKey', routingKey);
    const args = tableOf(options);
    await this.#call(
      { name: 'exchange.unbind', destination, source, routingKey, noWait: false, arguments: args },
      'exchange.unbind-ok',
      options,
    );
  }

  // --- queues

  async queueDeclare(queue = '', options: QueueDeclareOptions = {}): Promise<QueueState> {
    requireName('queue', queue);
    const { passive = false, durable = false, exclusive = false, autoDelete = false } = options;
    const args = tableOf(options);
    const reply = await this.#call(
      {
        name: 'queue.declare',
        queue,
        passive,
        durable,
        exclusive,
        autoDelete,
        noWait: false,
        arguments: args,
      },
      'queue.declare-ok',
      options,
    );
    const { messageCount, consumerCount } = reply;
    return { name: reply.queue, messageCount, consumerCount };
  }

  async queueBind(
    queue: string,
    exchange: string,
    routingKey = '',
    options: WithArguments = {},
  ): Promise<void> {
    requireName('routingKey', routingKey);
    const args = tableOf(options);
    await this.#call(
      { name: 'queue.bind', queue, exchange, routingKey, noWait: false, arguments: args },
      'queue.bind-ok',
      options,
    );
  }

  async queueUnbind(
    queue: string,
    exchange: string,
    routingKey = '',
    options: WithArguments = {},
  ): Promise<void> {
    requireName('routingKey', routingKey);
    const args = tableOf(options);
    await this.#call(
      { name: 'queue.unbind', queue, exchange, routingKey, arguments: args },
      'queue.unbind-ok',
      options,
    );
  }

  async queuePurge(queue: string, options?: CallOptions): Promise<number> {
    requireName('queue', queue);
    const method = { name: 'queue.purge', queue, noWait: false } as const;
    return (await this.#call(method, 'queue.purge-ok', options)).messageCount;
  }

  async queueDelete(
    queue: string,
    options: CallOptions & { readonly ifUnused?: boolean; readonly ifEmpty?: boolean } = {},
  ): Promise<number> {
    requireName('queue', queue);
    const { ifUnused = false, ifEmpty = false } = options;
    const method = { name: 'queue.delete', queue, ifUnused, ifEmpty, noWait: false } as const;
    return (await this.#call(method, 'queue.delete-ok', options)).messageCount;
  }

  // --- messages

  async basicQos(
    options: CallOptions & { readonly prefetchCount?: number; readonly global?: boolean },
  ): Promise<void> {
    const { prefetchCount = 0, global = false } = options;
    requireInteger('prefetchCount', prefetchCount, 0, 65_535);
    await this.#call(
      { name: 'basic.qos', prefetchSize: 0, prefetchCount, global },
      'basic.qos-ok',
      options,
    );
  }

  /** Resolves when the message is written; after `confirmSelect`, when the broker has confirmed it. */
  async basicPublish(body: Uint8Array, options: BasicPublishOptions = {}): Promise<void> {
    const { exchange = '', routingKey = '', mandatory = false, properties = {} } = options;
    requireName('exchange', exchange);
    requireName('routingKey', routingKey);
    const route = { exchange, routingKey, mandatory };
    // A return is told by the id which message it is about.
    const messageId = properties.messageId ?? (mandatory ? messageIds.next() : '');
    const basic = toBasicProperties(messageId === '' ? properties : { ...properties, messageId });
    await this.outlet.publish(route, basic, body, messageId, options);
  }

  async basicGet(
    queue: string,
    options: CallOptions & { readonly noAck?: boolean } = {},
  ): Promise<Message<Uint8Array> | null> {
    requireName('queue', queue);
    const { noAck = false } = options;
    const { method, content } = await this.basicGetRaw(queue, options);
    if (method.name === 'basic.get-empty') return null;
    const origin = new MessageOrigin(this.amqp, this.#core, { queue, noAck });
    return new Message(content!, method.deliveryTag, method.redelivered, origin);
  }

  /** @internal The broker's answer as it is. */
  basicGetRaw(
    queue: string,
    options: CallOptions & { readonly noAck?: boolean },
  ): Promise<Reply<'basic.get-ok' | 'basic.get-empty'>> {
    const { noAck = false } = options;
    return this.amqp.call(
      { name: 'basic.get', queue, noAck },
      ['basic.get-ok', 'basic.get-empty'],
      limits(options),
      // Nobody waits for it any more: back it goes.
      ({ method }) => {
        if (method.name === 'basic.get-ok' && !noAck) this.basicReject(method.deliveryTag);
      },
    );
  }

  /** Hands each message to `onMessage` as it comes. @returns the consumer tag. */
  async basicConsume(
    queue: string,
    onMessage: (message: Message) => unknown,
    options: BasicConsumeOptions = {},
  ): Promise<string> {
    const { noAck = false, onCancel } = options;
    const consumerTag = options.consumerTag ?? this.newConsumerTag();
    const accept = acceptOf(options.accept);
    const origin = new MessageOrigin(this.amqp, this.#core, {
      queue,
      noAck,
      consumerTag,
      accept,
    });
    const delivered = (content: Content, deliveryTag: number, redelivered: boolean) => {
      onMessage(new Message(content, deliveryTag, redelivered, origin));
    };
    await this.consume(
      queue,
      { ...options, consumerTag },
      { delivered, cancelled: () => onCancel?.() },
    );
    return consumerTag;
  }

  /** @internal Unique on this channel. */
  newConsumerTag(prefix = 'leveret-'): string {
    return `${prefix}${this.id}.${++this.#lastTag}`;
  }

  /** @internal */
  async consume(
    queue: string,
    options: BasicConsumeOptions & { readonly consumerTag: string },
    sink: ConsumerSink,
  ): Promise<void> {
    requireName('queue', queue);
    const { consumerTag, noAck = false, noLocal = false, exclusive = false } = options;
    requireName('consumerTag', consumerTag);
    await consume(
      this.amqp,
      { queue, consumerTag, noAck, noLocal, exclusive, arguments: tableOf(options) },
      sink,
      limits(options),
    );
  }

  async basicCancel(consumerTag: string, options?: CallOptions): Promise<void> {
    await cancel(this.amqp, consumerTag, limits(options));
  }

  /** @throws what closed the channel */
  basicAck(deliveryTag: bigint | number, options: { readonly multiple?: boolean } = {}): void {
    const { multiple = false } = options;
    this.amqp.send({ name: 'basic.ack', deliveryTag: Number(deliveryTag), multiple });
  }

  /** @throws what closed the channel */
  basicNack(
    deliveryTag: bigint | number,
    options: { readonly multiple?: boolean; readonly requeue?: boolean } = {},
  ): void {
    const { multiple = false, requeue = true } = options;
    this.amqp.send({ name: 'basic.nack', deliveryTag: Number(deliveryTag), multiple, requeue });
  }

  /** @throws what closed the channel */
  basicReject(deliveryTag: bigint | number, options: { readonly requeue?: boolean } = {}): void {
    const { requeue = true } = options;
    this.amqp.send({ name: 'basic.reject', deliveryTag: Number(deliveryTag), requeue });
  }

  /** Gives all unacknowledged messages of the channel back to their queues. */
  async basicRecover(options: CallOptions & { readonly requeue?: boolean } = {}): Promise<void> {
    const { requeue = true } = options;
    await this.#call({ name: 'basic.recover', requeue }, 'basic.recover-ok', options);
  }

  /** From now on the broker confirms what is published on this channel. */
  async confirmSelect(): Promise<void> {
    await this.outlet.confirmSelect();
  }

  async txSelect(options?: CallOptions): Promise<void> {
    await this.#call({ name: 'tx.select' }, 'tx.select-ok', options);
  }

  async txCommit(options?: CallOptions): Promise<void> {
    await this.#call({ name: 'tx.commit' }, 'tx.commit-ok', options);
  }

  async txRollback(options?: CallOptions): Promise<void> {
    await this.#call({ name: 'tx.rollback' }, 'tx.rollback-ok', options);
  }

  /** Resolves when the channel is gone, whatever the broker says. */
  async close(): Promise<void> {
    await this.amqp.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- EntityHost: what is declared on a channel is declared once

  withChannel<Result>(run: (channel: Channel) => Promise<Result>): Promise<Result> {
    return run(this);
  }

  remember(): void {}
  forget(): void {}
}

function tableOf(options: WithArguments): FieldTable {
  if (options.table) return options.table;
  return options.arguments ? toFieldTable(options.arguments, 'arguments') : FieldTable.empty;
}

function limits(options: CallOptions | undefined) {
  return {
    timeoutMs: options?.timeout === undefined ? undefined : durationMs(options.timeout, 'timeout'),
    signal: options?.signal,
  };
}
