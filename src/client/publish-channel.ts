// Publishing over one channel for as long as it lives: a window of messages that await their confirm, a queue of those that
// await their turn, and which message a return or a confirm is about.

import { AmqpError } from '../protocol/amqp-error.ts';
import type { Content } from '../protocol/content.ts';
import { type BasicReturn, ReplyCode } from '../protocol/methods.generated.ts';
import { PropertyFlag } from '../protocol/properties.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import { ConfirmWindow } from './amqp/confirm-window.ts';
import { publishFrame } from './amqp/publish-frame.ts';
import { type AMQPError, MessageReturned } from './base/errors.ts';
import { Deque } from './deque.ts';
import type { Publication, Route } from './publication.ts';

/** At most this many messages await their confirm on one channel. */
export const WINDOW_MESSAGES = 1000;
/** Routes whose method frames are kept ready. */
const KEPT_FRAMES = 256;

export interface PublishChannelOwner {
  /** False while the broker wants nothing published. */
  mayPublish(): boolean;
  /** The broker has refused a message (basic.nack). */
  refused(publication: Publication): void;
  /** A message came back that nobody waits for any more. */
  returned(error: MessageReturned, messageId: string | undefined): void;
  /** The channel is gone. `unconfirmed` were sent, `unsent` were not; both in order. */
  closed(error: AMQPError, unconfirmed: Publication[], unsent: Publication[]): void;
}

export class PublishChannel {
  readonly channel: AmqpChannel;
  readonly #owner: PublishChannelOwner;
  readonly #window = new ConfirmWindow<Publication>();
  readonly #queue = new Deque<Publication>();
  #isConfirming = false;
  #isFlowing = true;
  /** As long as this is above 0, messages go one at a time, each awaiting its confirm: one of them closed the last channel. */
  #suspects = 0;
  readonly #frames = new Map<string, Uint8Array>();
  #lastRoute: Route | undefined;
  #lastFrame: Uint8Array = new Uint8Array(0);

  constructor(channel: AmqpChannel, owner: PublishChannelOwner) {
    this.channel = channel;
    this.#owner = owner;
    channel.sink = {
      confirmed: (tag, multiple, accepted) => this.#confirmed(tag, multiple, accepted),
      returned: (method, content) => this.#returned(method, content),
      flow: (active) => {
        this.#isFlowing = active;
        this.pump();
      },
      closed: (error) => {
        owner.closed(error, this.#window.takeAll(), this.#queue.takeAll());
      },
    };
  }

  get isConfirming(): boolean {
    return this.#isConfirming;
  }

  /** Whether nothing is sent or waits to be. */
  get isIdle(): boolean {
    return this.#window.size === 0 && this.#queue.size === 0;
  }

  async confirmSelect(): Promise<void> {
    if (this.#isConfirming) return;
    await this.channel.call({ name: 'confirm.select', nowait: false }, ['confirm.select-ok']);
    this.#isConfirming = true;
  }

  add(publication: Publication): void {
    if (this.#queue.size === 0 && this.#maySend()) this.#send(publication);
    else {
      this.#queue.push(publication);
      this.pump();
    }
  }

  /** Whether the next message may go now. */
  #maySend(): boolean {
    const { channel } = this;
    const limit = this.#suspects > 0 ? 1 : WINDOW_MESSAGES;
    if (this.#window.size >= limit || !this.#isFlowing || !channel.isOpen) return false;
    return this.#owner.mayPublish() && !channel.isCongested;
  }

  /** Sends what `suspects` of these first, one at a time. */
  addAll(publications: readonly Publication[], suspects: number): void {
    this.#suspects = suspects;
    for (const publication of publications) this.#queue.push(publication);
    this.pump();
  }

  /** How many at the head of what is left are suspected, to tell the next channel. */
  get suspects(): number {
    return this.#suspects;
  }

  *publications(): Generator<Publication> {
    yield* this.#window;
    yield* this.#queue;
  }

  /** Sends what may be sent now. */
  pump(): void {
    while (this.#queue.size > 0 && this.#maySend()) {
      const publication = this.#queue.shift()!;
      if (publication.isSettled) this.#cleared();
      else this.#send(publication);
    }
  }

  #send(publication: Publication): void {
    publication.attempts++;
    this.channel.publish(this.#frameOf(publication), publication.content);
    if (this.#isConfirming) this.#window.add(publication);
    if (!this.#isConfirming || !publication.confirm) publication.succeed();
  }

  #frameOf(route: Route): Uint8Array {
    const last = this.#lastRoute;
    const { exchange, routingKey, mandatory } = route;
    if (
      last?.routingKey === routingKey &&
      last.exchange === exchange &&
      last.mandatory === mandatory
    ) {
      return this.#lastFrame;
    }
    const key = `${mandatory ? 1 : 0}${exchange.length}:${exchange}${routingKey}`;
    let frame = this.#frames.get(key);
    if (!frame) {
      if (this.#frames.size >= KEPT_FRAMES) this.#frames.clear();
      frame = publishFrame(this.channel.number, exchange, routingKey, mandatory);
      this.#frames.set(key, frame);
    }
    this.#lastRoute = { exchange, routingKey, mandatory };
    this.#lastFrame = frame;
    return frame;
  }

  #confirmed(tag: number, multiple: boolean, accepted: boolean): void {
    const known = this.#window.settle(tag, multiple, accepted ? this.#accept : this.#refuse);
    if (!known) {
      throw new AmqpError(ReplyCode.COMMAND_INVALID, `a confirm of ${tag}, which was never sent`);
    }
    this.pump();
  }

  readonly #accept = (publication: Publication): void => {
    this.#cleared();
    publication.succeed();
  };

  readonly #refuse = (publication: Publication): void => {
    this.#cleared();
    if (!publication.isSettled) this.#owner.refused(publication);
  };

  #cleared(): void {
    if (this.#suspects > 0) this.#suspects--;
  }

  /** The return comes before the confirm, and its message is among the oldest that are open. */
  #returned(method: BasicReturn, content: Content): void {
    const { exchange, routingKey, replyCode, replyText } = method;
    const error = new MessageReturned(exchange, routingKey, { replyCode, replyText });
    const messageId =
      (content.propertyFlags & PropertyFlag.messageId) === 0
        ? undefined
        : content.textOf(PropertyFlag.messageId);
    for (const publication of this.#window) {
      if (!publication.mandatory || publication.messageId !== messageId) continue;
      if (!publication.isSettled) {
        publication.fail(error);
        return;
      }
      publication.onReturned?.(error);
      break;
    }
    this.#owner.returned(error, messageId);
  }
}
