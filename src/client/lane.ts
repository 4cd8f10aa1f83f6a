// The way of messages to one exchange, whatever happens to channels and connections: what a lost channel had not got confirmed
// goes first on the next one, in its old order. When the broker closes a channel because of one message, the others go on.
import type { Clock, Timer } from '../platform/clock.ts';
import type { AmqpChannel } from './amqp/amqp-channel.ts';
import {
  type AMQPError,
  ChannelError,
  ConnectionError,
  MessageNacked,
  type MessageReturned,
} from './base/errors.ts';
import { Deque } from './deque.ts';
import type { Publication } from './publication.ts';
import { PublishChannel, type PublishChannelOwner } from './publish-channel.ts';

export interface LaneHost {
  readonly clock: Clock;
  /** Whether there is a connection to open a channel on. */
  readonly isUp: boolean;
  readonly isBlocked: boolean;
  openChannel(): Promise<AmqpChannel>;
  returned(error: MessageReturned, messageId: string | undefined): void;
}

/** How soon a channel that could not be opened, or that closed at once, is tried again. */
const FIRST_REOPEN_MS = 100;
const LAST_REOPEN_MS = 5_000;

export class Lane implements PublishChannelOwner {
  readonly #host: LaneHost;
  readonly #confirms: boolean;
  readonly #queue = new Deque<Publication>();
  #channel: PublishChannel | undefined;
  #isOpening = false;
  #suspects = 0;
  #failures = 0;
  #timer: Timer | undefined;
  readonly #refusedTimers = new Map<Publication, Timer>();
  /** For the least recently used to go first. */
  usedAt = 0;

  constructor(host: LaneHost, confirms: boolean) {
    this.#host = host;
    this.#confirms = confirms;
  }

  get isIdle(): boolean {
    if (this.#queue.size > 0 || this.#refusedTimers.size > 0 || this.#isOpening) return false;
    return this.#channel?.isIdle ?? true;
  }

  add(publication: Publication): void {
    if (this.#channel) this.#channel.add(publication);
    else if (!this.#host.isUp && publication.rule.resends === 0 && this.#isDown) {
      publication.fail(this.#isDown);
    } else {
      this.#queue.push(publication);
      this.pump();
    }
  }

  /** Why there is no connection: who does not want to wait is told. */
  #isDown: AMQPError | undefined;

  /** Goes on: there is a connection, or room in it. */
  pump(): void {
    if (this.#channel) this.#channel.pump();
    else if (this.#host.isUp && this.#queue.size > 0) void this.#open();
  }

  /** The connection is back. */
  connected(): void {
    this.#isDown = undefined;
    this.pump();
  }

  /** The connection is gone; its channels have told already. Those who do not want to wait need not. */
  disconnected(error: AMQPError): void {
    this.#isDown = error;
    const waiting = this.#queue.takeAll();
    for (const publication of waiting) {
      if (publication.rule.resends > 0) this.#queue.push(publication);
      else publication.fail(error);
    }
  }

  async #open(): Promise<void> {
    if (this.#isOpening || this.#timer) return;
    this.#isOpening = true;
    try {
      const opened = new PublishChannel(await this.#host.openChannel(), this);
      if (this.#confirms) await opened.confirmSelect();
      if (opened.channel.error) throw opened.channel.error;
      this.#channel = opened;
      const suspects = this.#suspects;
      this.#suspects = 0;
      opened.addAll(this.#queue.takeAll(), suspects);
    } catch (error) {
      if (!(error instanceof ConnectionError)) this.#reopenLater();
    } finally {
      this.#isOpening = false;
    }
  }

  #reopenLater(): void {
    const ms = Math.min(FIRST_REOPEN_MS * 2 ** this.#failures++, LAST_REOPEN_MS);
    this.#timer?.cancel();
    this.#timer = this.#host.clock.after(ms, () => {
      this.#timer = undefined;
      this.pump();
    });
  }

  // --- what the channel tells

  mayPublish(): boolean {
    return !this.#host.isBlocked;
  }

  returned(error: MessageReturned, messageId: string | undefined): void {
    this.#host.returned(error, messageId);
  }

  refused(publication: Publication): void {
    const { rule } = publication;
    if (publication.refusals >= rule.refusals) {
      publication.fail(new MessageNacked());
      return;
    }
    const waitMs = rule.waitMs(++publication.refusals);
    const timer = this.#host.clock.after(waitMs, () => {
      this.#refusedTimers.delete(publication);
      if (!publication.isSettled) this.add(publication);
    });
    this.#refusedTimers.set(publication, timer);
  }

  closed(error: AMQPError, unconfirmed: Publication[], unsent: Publication[]): void {
    // While it is being opened, who opens it hears of it.
    if (!this.#channel) return;
    const { suspects } = this.#channel;
    this.#channel = undefined;
    const open = unconfirmed.filter((publication) => !publication.isSettled);
    if (error instanceof ChannelError && error.code !== 'CHANNEL_CLOSED') {
      this.#blame(error, open, unsent, suspects);
      if (open.length === 0) this.#failures++;
      else this.#failures = 0;
    } else {
      this.#keep(error, open, unsent);
      this.#suspects = Math.min(suspects, this.#queue.size);
    }
    if (this.#failures > 1) this.#reopenLater();
    else this.pump();
  }

  /** Puts back what may be sent again. */
  #keep(error: AMQPError, sent: readonly Publication[], unsent: readonly Publication[]): void {
    const kept: Publication[] = [];
    for (const publication of sent) {
      if (publication.mayResend) kept.push(publication);
      else publication.fail(error);
    }
    this.#queue.unshiftAll([...kept, ...unsent]);
  }

  /**
   * A message has closed the channel. Where the broker names its exchange, all to that exchange fail and nobody else; where it
   * does not (a body that is too large, a wrong user-id), those that were open go one at a time, and the one that closes the
   * channel again is the one.
   */
  #blame(error: ChannelError, open: Publication[], unsent: Publication[], suspects: number): void {
    const isGuilty = guiltOf(error);
    if (isGuilty) {
      for (const publication of [...open, ...unsent]) {
        if (isGuilty(publication)) publication.fail(error);
      }
    } else if (open.length === 1) {
      open[0]!.fail(error);
    }
    const sent = open.filter((publication) => !publication.isSettled);
    const rest = unsent.filter((publication) => !publication.isSettled);
    const left = isGuilty || open.length === 1 ? Math.max(0, suspects - 1) : sent.length;
    this.#keep(error, sent, rest);
    this.#suspects = Math.min(left, this.#queue.size);
  }

  *publications(): Generator<Publication> {
    yield* this.#queue;
    yield* this.#refusedTimers.keys();
    if (this.#channel) yield* this.#channel.publications();
  }

  /** Gives the channel back; to be called when idle, or at the end. */
  retire(): void {
    this.#timer?.cancel();
    for (const timer of this.#refusedTimers.values()) timer.cancel();
    const channel = this.#channel?.channel;
    this.#channel = undefined;
    if (channel) {
      channel.sink = {};
      void channel.close();
    }
  }
}

/** Which messages an error of a channel is about; undefined when it does not say. */
function guiltOf(error: ChannelError): ((publication: Publication) => boolean) | undefined {
  if (error.code !== 'NOT_FOUND' && error.code !== 'ACCESS_REFUSED') return undefined;
  const text = error.replyText ?? '';
  const topic = /topic '(.*)' in exchange '(.*)' in vhost/.exec(text);
  if (topic) {
    const [, routingKey, exchange] = topic;
    return (one) => one.exchange === exchange && one.routingKey === routingKey;
  }
  const named = /exchange '(.*?)' in vhost/.exec(text)?.[1];
  if (named === undefined) return undefined;
  // RabbitMQ shows the default exchange under a name of its own.
  return (one) => one.exchange === named || (named === 'amq.default' && one.exchange === '');
}
