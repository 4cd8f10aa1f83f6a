// One message between `publish` and its end. It is settled exactly once, whoever comes first: the broker, a time limit, a signal
// or the end of the connection.

import { withDelivery } from './base/delivery.ts';
import { type AMQPError, type MessageReturned, TimeoutError } from './base/errors.ts';
import { releaseContent, type StoredContent, storedBytes } from './sent-content.ts';

export interface PublishResult {
  readonly messageId: string;
  /** How often the message was sent; above 1 it may be in the queue more than once. */
  readonly attempts: number;
  /** When it expires unread; null for never. */
  readonly expiresAt: Date | null;
}

/** How often a message is sent again, and when. */
export interface ResendRule {
  /** After a connection or channel was lost. */
  readonly resends: number;
  /** After the broker refused it (basic.nack). */
  readonly refusals: number;
  readonly waitMs: (refusal: number) => number;
}

export interface Route {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
}

export class Publication implements Route {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
  readonly confirm: boolean;
  readonly messageId: string;
  readonly expiresAtMs: number | null;
  readonly content: StoredContent;
  readonly sizeBytes: number;
  readonly rule: ResendRule;
  deadlineMs = Number.POSITIVE_INFINITY;
  attempts = 0;
  refusals = 0;
  isSettled = false;
  /** Both are called once, when the message is settled, before its promise is: for the outbox, and for who published it. */
  onReleased: ((publication: Publication) => void) | undefined;
  onSettled: ((publication: Publication) => void) | undefined;
  /** Called when it comes back from the broker after it was settled. */
  onReturned: ((error: MessageReturned) => void) | undefined;
  #resolve!: (result: PublishResult) => void;
  #reject!: (error: unknown) => void;
  #stopListening: (() => void) | undefined;
  readonly result: Promise<PublishResult>;

  constructor(
    route: Route,
    content: StoredContent,
    messageId: string,
    expiresAtMs: number | null,
    confirm: boolean,
    rule: ResendRule,
  ) {
    this.exchange = route.exchange;
    this.routingKey = route.routingKey;
    this.mandatory = route.mandatory;
    this.content = content;
    this.sizeBytes = storedBytes(content);
    this.confirm = confirm;
    this.messageId = messageId;
    this.expiresAtMs = expiresAtMs;
    this.rule = rule;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether it goes over a channel that confirms: only there is it known whose message comes back. */
  get isTracked(): boolean {
    return this.confirm || this.onReturned !== undefined;
  }

  /** Whether it may be sent once more after a connection or channel was lost. */
  get mayResend(): boolean {
    return this.attempts <= this.rule.resends;
  }

  succeed(): void {
    if (!this.#settle()) return;
    const { messageId, attempts, expiresAtMs } = this;
    this.#resolve(new Result(messageId, attempts, expiresAtMs));
  }

  /** Rejects with `error`, and with what is known of the message's whereabouts. */
  fail(error: AMQPError): void {
    if (!this.#settle()) return;
    const delivery = this.attempts === 0 ? 'not-sent' : 'unknown';
    this.#reject(error.delivery === undefined ? withDelivery(error, delivery) : error);
  }

  /** Ends with the signal of the call, if it comes first. */
  abortBy(signal: AbortSignal | undefined): void {
    if (!signal) return;
    const aborted = () => {
      if (this.#settle()) this.#reject(signal.reason);
    };
    if (signal.aborted) {
      aborted();
      return;
    }
    signal.addEventListener('abort', aborted, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', aborted);
  }

  /** Its time is over. */
  expire(why: string): void {
    this.fail(new TimeoutError(`the message was not published in time: ${why}`));
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    releaseContent(this.content);
    this.#stopListening?.();
    this.onReleased?.(this);
    this.onSettled?.(this);
    return true;
  }
}

/** Dates are made when they are asked for: few ask. */
class Result implements PublishResult {
  readonly messageId: string;
  readonly attempts: number;
  readonly #expiresAtMs: number | null;

  constructor(messageId: string, attempts: number, expiresAtMs: number | null) {
    this.messageId = messageId;
    this.attempts = attempts;
    this.#expiresAtMs = expiresAtMs;
  }

  get expiresAt(): Date | null {
    return this.#expiresAtMs === null ? null : new Date(this.#expiresAtMs);
  }
}
