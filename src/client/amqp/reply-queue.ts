// The answers that one channel still awaits, in the order of the questions: AMQP answers in order, so they may be asked one
// behind the other. Every wait has an end: a time limit, a signal, or the error that closed the channel.
import type { Clock } from '../../platform/clock.ts';
import type { Content } from '../../protocol/content.ts';
import type { MethodName, MethodOf } from '../../protocol/methods.generated.ts';
import { Deferred } from '../base/deferred.ts';
import { TimeoutError } from '../base/errors.ts';

/** How long an answer is awaited where the caller does not say. */
export const REPLY_TIMEOUT_MS = 30_000;

export interface CallLimits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Reply<Name extends MethodName = MethodName> {
  readonly method: MethodOf<Name>;
  readonly content: Content | undefined;
}

/** An answer that came when nobody waited for it any more. */
export type LateReply = (reply: Reply) => void;

interface Wait {
  readonly names: readonly MethodName[];
  readonly late: LateReply | undefined;
  /** Settled once the caller has given up: the answer still has its place in the order. */
  readonly answer: Deferred<Reply>;
}

export class ReplyQueue {
  readonly #clock: Clock;
  #waits: Wait[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Awaits one of `names` in answer to `question`. */
  expect<Name extends MethodName>(
    question: string,
    names: readonly Name[],
    { timeoutMs = REPLY_TIMEOUT_MS, signal }: CallLimits,
    late?: LateReply,
  ): Promise<Reply<Name>> {
    const answer = new Deferred<Reply>().abortedBy(signal);
    answer.within(this.#clock, timeoutMs, () => {
      const text = `no answer to ${question} within ${timeoutMs} ms`;
      answer.reject(new TimeoutError(text, { delivery: 'unknown' }));
    });
    this.#waits.push({ names, late, answer });
    return answer.promise as Promise<unknown> as Promise<Reply<Name>>;
  }

  /** Gives an answer to who asked first. @returns false when that is not what was asked. */
  take(reply: Reply): boolean {
    const wait = this.#waits[0];
    if (!wait?.names.includes(reply.method.name)) return false;
    this.#waits.shift();
    if (wait.answer.isSettled) wait.late?.(reply);
    else wait.answer.resolve(reply);
    return true;
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    const waits = this.#waits;
    this.#waits = [];
    for (const { answer } of waits) answer.reject(error);
  }
}
