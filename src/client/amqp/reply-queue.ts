// The answers that one channel still awaits, in the order of the questions: AMQP answers in order, so they may be asked one
// behind the other. Every wait has an end: a time limit, a signal, or the error that closed the channel.
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Content } from '../../protocol/content.ts';
import type { MethodName, MethodOf } from '../../protocol/methods.generated.ts';
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
  /** Undefined once the caller has given up: the answer still has its place in the order. */
  settle: { resolve(reply: Reply): void; reject(error: unknown): void } | undefined;
  timer: Timer | undefined;
  stopListening: (() => void) | undefined;
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
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        names,
        late,
        settle: { resolve: resolve as unknown as (reply: Reply) => void, reject },
        timer: undefined,
        stopListening: undefined,
      };
      wait.timer = this.#clock.after(timeoutMs, () => {
        abandon(wait)?.reject(
          new TimeoutError(`no answer to ${question} within ${timeoutMs} ms`, {
            delivery: 'unknown',
          }),
        );
      });
      if (signal) {
        const aborted = () => abandon(wait)?.reject(signal.reason);
        signal.addEventListener('abort', aborted, { once: true });
        wait.stopListening = () => signal.removeEventListener('abort', aborted);
      }
      this.#waits.push(wait);
    });
  }

  /** Gives an answer to who asked first. @returns false when that is not what was asked. */
  take(reply: Reply): boolean {
    const wait = this.#waits[0];
    if (!wait?.names.includes(reply.method.name)) return false;
    this.#waits.shift();
    const settle = abandon(wait);
    if (settle) settle.resolve(reply);
    else wait.late?.(reply);
    return true;
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) abandon(wait)?.reject(error);
  }
}

/** Stops a wait; whoever calls this first may settle it. */
function abandon(wait: Wait): Wait['settle'] {
  const { settle } = wait;
  wait.settle = undefined;
  wait.timer?.cancel();
  wait.stopListening?.();
  return settle;
}
