// `leveret`: the client. Everything that applications name is here.

export type { ByteStream, Dialer as Transport } from './amqp/dialer.ts';
export { type Compressor, registerCompressor } from './base/compression.ts';
export type { Duration } from './base/duration.ts';
export type { Overflow, QueueType } from './base/entity-arguments.ts';
export * from './base/errors.ts';
export { DEFAULT_EXPIRATION, type Expiration } from './base/expiration.ts';
export type { DeliveryMode, MessageProperties } from './base/properties.ts';
export { type Backoff, exponential, fixed, type RetryPolicy } from './base/retry.ts';
export type { StandardIssue, StandardResult, StandardSchema } from './base/schema.ts';
export { registerSerializer, type Serializer } from './base/serialization.ts';
export { Channel } from './channel.ts';
export type {
  BasicConsumeOptions,
  BasicPublishOptions,
  ExchangeDeclareOptions,
  QueueDeclareOptions,
  QueueState,
} from './channel-options.ts';
export { Connection } from './connection.ts';
export type { ConsumeOptions, RetryOptions } from './consume-options.ts';
export { type Callback, Consumer, type ConsumerOptions } from './consumer.ts';
export type { ClientEvent, EventOf, TopologyFailure } from './events.ts';
export { Exchange, type ExchangeOptions, type ExchangeType } from './exchange.ts';
export type { ConsumerStats } from './handler-runner.ts';
export type { ConnectionState } from './link.ts';
export { type DeliveryInfo, Message } from './message.ts';
export type { MessageStream } from './message-stream.ts';
export {
  type BoundConsumer,
  ConsumerMixin,
  ConsumerProducerMixin,
  type RunOptions,
} from './mixin.ts';
export type {
  CallOptions,
  ConnectionOptions,
  Credentials,
  FailoverStrategy,
  OutboxOptions,
  ProducerDefaults,
  Propagator,
} from './options.ts';
export { Pool, type PoolOptions } from './pool.ts';
export {
  Procedure,
  type ReplyInput,
  type ReplyOf,
  type RequestOf,
  type RequestParsed,
} from './procedure.ts';
export { Producer, type ProducerOptions, type PublishOptions } from './producer.ts';
export type { PublishResult } from './publication.ts';
export { type Binding, Queue, type QueueOptions } from './queue.ts';
export type { RpcCallOptions } from './rpc.ts';
export type { InputOf, OutputOf } from './schema-types.ts';
export type { SimpleQueue } from './simple-queue.ts';
export type { Subscription } from './subscription.ts';
export { Worker } from './worker.ts';
