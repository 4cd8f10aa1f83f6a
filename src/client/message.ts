// A message that was delivered. It belongs to the channel that brought it: what is said of it there is said once, and nothing is
// said of it anywhere else.
import type { Content } from '../protocol/content.ts';
import { type BasicProperties, PropertyFlag } from '../protocol/properties.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import { decompress, isCompression } from './base/compression.ts';
import type { Duration } from './base/duration.ts';
import { MessageStateError } from './base/errors.ts';
import {
  fromBasicProperties,
  type MessageProperties,
  readExpirationMs,
} from './base/properties.ts';
import { isSchema, type StandardSchema, validate } from './base/schema.ts';
import { type Accept, deserialize } from './base/serialization.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { PublishOptions } from './producer.ts';
import { answer, deadLetterCopy, retryCopy } from './redelivery.ts';

export interface DeliveryInfo {
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly consumerTag: string;
  readonly deliveryTag: bigint;
  /** How often it was delivered before, as far as the broker says. */
  readonly deliveryCount: number;
}

export type Outcome = 'acked' | 'rejected' | 'requeued' | 'retried';

/** What all messages of one consumer on one channel have in common. */
export class MessageOrigin {
  readonly channel: AmqpChannel;
  readonly connection: ConnectionCore;
  readonly queue: string;
  readonly consumerTag: string;
  readonly noAck: boolean;
  readonly accept: Accept;
  readonly schema: StandardSchema | undefined;
  readonly onSettled: ((message: Message, outcome: Outcome) => void) | undefined;
  /** Where dead letters go, when the consumer says so. */
  readonly deadLetter: string | undefined;
  readonly #controllers = new Set<AbortController>();
  #ended: { readonly reason: unknown } | undefined;

  constructor(
    channel: AmqpChannel,
    connection: ConnectionCore,
    details: {
      readonly queue: string;
      readonly consumerTag?: string;
      readonly noAck?: boolean;
      readonly accept?: Accept;
      readonly schema?: unknown;
      readonly deadLetter?: string | undefined;
      readonly onSettled?: (message: Message, outcome: Outcome) => void;
    },
  ) {
    this.channel = channel;
    this.connection = connection;
    this.queue = details.queue;
    this.consumerTag = details.consumerTag ?? '';
    this.noAck = details.noAck ?? false;
    this.accept = details.accept;
    this.schema = isSchema(details.schema) ? details.schema : undefined;
    this.deadLetter = details.deadLetter;
    this.onSettled = details.onSettled;
  }

  /** A controller that is aborted with all others when the messages' answers no longer count. */
  controller(): AbortController {
    const controller = new AbortController();
    if (this.#ended) controller.abort(this.#ended.reason);
    else this.#controllers.add(controller);
    return controller;
  }

  release(controller: AbortController): void {
    this.#controllers.delete(controller);
  }

  /** The channel is gone, or nobody waits for the handlers any more. */
  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = { reason };
    for (const controller of this.#controllers) controller.abort(reason);
    this.#controllers.clear();
  }
}

const DONE = Promise.resolve();
const MAY_BE_COMPRESSED = PropertyFlag.headers | PropertyFlag.contentEncoding;

export class Message<T = unknown> {
  readonly #content: Content;
  readonly #deliveryTag: number;
  readonly #redelivered: boolean;
  /** @internal */
  readonly origin: MessageOrigin;
  #state: 'open' | 'settling' | 'settled' = 'open';
  #basic: BasicProperties | undefined;
  #properties: MessageProperties | undefined;
  #inflated: Uint8Array | undefined;
  #body: { readonly value: unknown } | undefined;
  #controller: AbortController | undefined;
  /** @internal */
  readonly receivedAtMs: number;

  /** @internal */
  constructor(content: Content, deliveryTag: number, redelivered: boolean, origin: MessageOrigin) {
    this.#content = content;
    this.#deliveryTag = deliveryTag;
    this.#redelivered = redelivered;
    this.origin = origin;
    this.receivedAtMs = origin.connection.clock.now();
  }

  /** The decoded body. @throws SerializationError when it cannot be decoded, or its type is not accepted. */
  get body(): T {
    this.#body ??= { value: this.#decode() };
    return this.#body.value as T;
  }

  /** Kombu's name for the decoded body. */
  get payload(): T {
    return this.body;
  }

  /** The body's bytes as they came. */
  get raw(): Uint8Array {
    return this.#content.body;
  }

  /** @internal */
  get basicProperties(): BasicProperties {
    this.#basic ??= this.#content.properties;
    return this.#basic;
  }

  get properties(): Readonly<MessageProperties> {
    this.#properties ??= fromBasicProperties(this.basicProperties);
    return this.#properties;
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.properties.headers ?? {};
  }

  get deliveryInfo(): Readonly<DeliveryInfo> {
    const count = this.headers['x-delivery-count'];
    return {
      exchange: this.#content.exchange,
      routingKey: this.#content.routingKey,
      redelivered: this.#redelivered,
      consumerTag: this.origin.consumerTag,
      deliveryTag: BigInt(this.#deliveryTag),
      deliveryCount: typeof count === 'number' ? count : this.#redelivered ? 1 : 0,
    };
  }

  /** 1 for the first time; counts what `retry` sent again. */
  get attempt(): number {
    const count = this.headers['x-retry-count'];
    return (typeof count === 'number' ? count : 0) + 1;
  }

  /** When it would have expired unread: exact when its sender set `timestamp`, as our producers do; null for never. */
  get expiresAt(): Date | null {
    const marked = this.headers['x-expires-at'];
    if (typeof marked === 'number') return new Date(marked);
    const ms = readExpirationMs(this.basicProperties);
    if (ms === null) return null;
    return new Date((this.properties.timestamp?.getTime() ?? this.receivedAtMs) + ms);
  }

  /** Aborted when an answer can no longer count: the channel is gone, time is up, the consumer stops. */
  get signal(): AbortSignal {
    return this.#abortController().signal;
  }

  #abortController(): AbortController {
    this.#controller ??= this.origin.controller();
    return this.#controller;
  }

  /** @internal This one's time is up. */
  abort(reason: unknown): void {
    this.#abortController().abort(reason);
  }

  get acknowledged(): boolean {
    return this.#state !== 'open';
  }

  /** @internal Whether its channel is gone: nothing can be said of it any more. */
  get isStale(): boolean {
    return !this.origin.noAck && !this.origin.channel.isOpen;
  }

  /** @throws MessageStateError */
  #claim(): void {
    if (this.#state !== 'open') throw new MessageStateError('ALREADY_SETTLED');
    if (this.isStale) throw new MessageStateError('STALE_DELIVERY');
    this.#state = 'settled';
  }

  #finished(outcome: Outcome): void {
    this.#state = 'settled';
    if (this.#controller) this.origin.release(this.#controller);
    this.origin.onSettled?.(this as Message, outcome);
  }

  /** @internal As `ack`, for those who would not await it. @throws MessageStateError */
  acknowledge(): void {
    this.#claim();
    if (!this.origin.noAck) this.origin.channel.acknowledge(this.#deliveryTag, false);
    this.#finished('acked');
  }

  /** @internal As `reject`. @throws MessageStateError */
  refuse(requeue: boolean): void {
    this.#claim();
    const { channel, noAck } = this.origin;
    if (!noAck) channel.send({ name: 'basic.reject', deliveryTag: this.#deliveryTag, requeue });
    this.#finished(requeue ? 'requeued' : 'rejected');
  }

  /** Done: the broker forgets it. Resolves when that is written. */
  ack(): Promise<void> {
    return this.#told(() => this.acknowledge());
  }

  /** Not wanted: to the queue's dead letters, or nowhere. */
  reject(options: { readonly requeue?: boolean } = {}): Promise<void> {
    return this.#told(() => this.refuse(options.requeue ?? false));
  }

  /** Back to the queue, at once. */
  requeue(): Promise<void> {
    return this.#told(() => this.refuse(true));
  }

  /** Does it at once; resolves when it has left. What goes wrong is told to who awaits it, and to nobody else. */
  #told(act: () => void): Promise<void> {
    try {
      act();
      return this.origin.noAck ? DONE : this.origin.channel.leaves();
    } catch (error) {
      const failed = Promise.reject(error);
      // Many do not await an ack, and a stale one must not end their process.
      failed.catch(() => {});
      return failed;
    }
  }

  /** Sends a copy that comes after `delay`, then acknowledges this one: at worst it comes twice. */
  retry(options: { readonly delay?: Duration; readonly reason?: unknown } = {}): Promise<void> {
    return this.#replaceBy(() => retryCopy(this as Message, options));
  }

  /** Sends a copy with the reason in its headers to the dead letters, then acknowledges; or rejects, when none are named. */
  deadLetter(reason?: unknown): Promise<void> {
    if (this.origin.deadLetter === undefined) return this.reject();
    return this.#replaceBy(() => deadLetterCopy(this as Message, reason));
  }

  async #replaceBy(send: () => Promise<unknown>): Promise<void> {
    this.#claim();
    this.#state = 'settling';
    try {
      await send();
    } catch (error) {
      this.#state = 'open';
      throw error;
    }
    const { channel, noAck } = this.origin;
    // Without its channel the original comes again, beside the copy.
    if (!noAck) channel.acknowledge(this.#deliveryTag, false);
    this.#finished('retried');
  }

  /** Answers who asked by `replyTo`. */
  async reply(body: unknown, options: PublishOptions = {}): Promise<void> {
    await answer(this as Message, body, options);
  }

  #decode(): unknown {
    const contentType = this.#text(PropertyFlag.contentType);
    const contentEncoding = this.#text(PropertyFlag.contentEncoding);
    return deserialize(
      this.#inflated ?? this.raw,
      contentType,
      contentEncoding,
      this.origin.accept,
    );
  }

  /** @internal Whether `prepare` has anything to do before `body` can be read. */
  get needsPreparing(): boolean {
    if (this.origin.schema) return true;
    return this.#compression !== undefined;
  }

  /** @internal Whether it has headers at all: looked up before anything is decoded. */
  get hasHeaders(): boolean {
    return (this.#content.propertyFlags & PropertyFlag.headers) !== 0;
  }

  /** A property that is a text, and nothing else of the properties. */
  #text(flag: number): string | undefined {
    return (this.#content.propertyFlags & flag) === 0 ? undefined : this.#content.textOf(flag);
  }

  get #compression(): string | undefined {
    if ((this.#content.propertyFlags & MAY_BE_COMPRESSED) === 0) return undefined;
    const contentEncoding = this.#text(PropertyFlag.contentEncoding);
    const named = this.hasHeaders ? this.basicProperties.headers?.get('compression') : undefined;
    if (named?.type === 'S' && typeof named.value === 'string') return named.value;
    return isCompression(contentEncoding) ? contentEncoding : undefined;
  }

  /** @internal Inflates and validates, where that has to be waited for. */
  async prepare(): Promise<void> {
    const compression = this.#compression;
    if (compression) this.#inflated = await decompress(this.raw, compression);
    const { schema, queue } = this.origin;
    if (!schema) return;
    this.#body = { value: await validate(schema, this.body, `a message of '${queue}'`) };
  }
}
