// Publishing over a channel of the user's: with windows and confirms as everywhere, but what the channel has not got confirmed
// when it ends fails with it.
import type { BasicProperties } from '../protocol/properties.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import { type AMQPError, MessageNacked, type MessageReturned } from './base/errors.ts';
import type { ConnectionCore } from './connection-core.ts';
import { Deadlines } from './deadlines.ts';
import { guarded } from './events.ts';
import { type CallOptions, timeoutMs } from './options.ts';
import { Publication, type Route } from './publication.ts';
import { PublishChannel, type PublishChannelOwner } from './publish-channel.ts';
import { storeContent } from './sent-content.ts';

/** What a message on a user's channel gets: one attempt. */
const ONCE = { resends: 0, refusals: 0, waitMs: () => 0 };

const PUBLISH_TIMEOUT_MS = 30_000;

export class ChannelOutlet implements PublishChannelOwner {
  readonly #connection: ConnectionCore;
  readonly #publishing: PublishChannel;
  readonly #deadlines: Deadlines;
  readonly #returnListeners = new Set<(error: MessageReturned) => void>();
  readonly #closeListeners = new Set<(error: AMQPError) => void>();
  #confirming: Promise<void> | undefined;

  constructor(connection: ConnectionCore, amqp: AmqpChannel) {
    this.#connection = connection;
    this.#publishing = new PublishChannel(amqp, this);
    this.#deadlines = new Deadlines(
      connection.clock,
      () => this.#publishing.publications(),
      ({ attempts }) => (attempts > 0 ? 'the broker did not confirm it' : 'the channel takes none'),
    );
  }

  get isConfirming(): boolean {
    return this.#publishing.isConfirming;
  }

  confirmSelect(): Promise<void> {
    this.#confirming ??= this.#publishing.confirmSelect();
    return this.#confirming;
  }

  onClose(listener: (error: AMQPError) => void): void {
    const { error } = this.#publishing.channel;
    if (error) guarded(listener, error);
    else this.#closeListeners.add(listener);
  }

  onReturn(listener: (error: MessageReturned) => void): void {
    this.#returnListeners.add(listener);
  }

  publish(
    route: Route,
    properties: BasicProperties,
    body: Uint8Array,
    messageId: string,
    options: CallOptions,
  ): Promise<unknown> {
    const content = storeContent(properties, body);
    const publication = new Publication(route, content, messageId, null, true, ONCE);
    publication.deadlineMs = this.#connection.clock.now() + timeoutMs(options, PUBLISH_TIMEOUT_MS);
    publication.abortBy(options.signal);
    this.submit(publication);
    return publication.result;
  }

  submit(publication: Publication): void {
    const { error } = this.#publishing.channel;
    if (error) publication.fail(error);
    else {
      this.#deadlines.watch(publication);
      this.#publishing.add(publication);
    }
  }

  /** The socket has room again, or the broker takes publishes again. */
  pump(): void {
    this.#publishing.pump();
  }

  mayPublish(): boolean {
    return !this.#connection.isBlocked;
  }

  refused(publication: Publication): void {
    publication.fail(new MessageNacked());
  }

  returned(error: MessageReturned, messageId: string | undefined): void {
    for (const listener of this.#returnListeners) guarded(listener, error);
    if (this.#returnListeners.size === 0) this.#connection.returned(error, messageId);
  }

  closed(error: AMQPError, unconfirmed: Publication[], unsent: Publication[]): void {
    this.#deadlines.stop();
    for (const publication of unconfirmed) publication.fail(error);
    for (const publication of unsent) publication.fail(error);
    this.#connection.channelGone(this);
    for (const listener of this.#closeListeners) guarded(listener, error);
  }
}
