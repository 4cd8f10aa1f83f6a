// Trying again: Kombu's policy of intervals that grow by a step, with jitter, a deadline and a signal, and the back-off of
// messages that failed.
import type { Clock } from '../../platform/clock.ts';
import { type Duration, durationMs } from './duration.ts';
import { type AMQPError, InvalidArgument, OperationalError } from './errors.ts';
import { sleep } from './sleep.ts';

export interface RetryPolicy {
  /** Attempts after the first one. Default: no bound. */
  readonly maxRetries?: number;
  /** The first interval. */
  readonly intervalStart?: Duration;
  /** How much longer each further interval is. */
  readonly intervalStep?: Duration;
  /** No interval is longer than this. */
  readonly intervalMax?: Duration;
  /**
   * The part of each interval that is left to chance, 0 to 1. With 1, the default, a wait is anything up to its interval, so
   * that a thousand clients do not all come back in the same second.
   */
  readonly jitter?: number;
  /** When to stop trying, counted from the first attempt; an attempt under way is not cut short. Default: never. */
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
  /** Called before each wait with the failure and the seconds until the next attempt. */
  readonly errback?: (error: AMQPError, interval: number) => void;
}

/** A policy with every part filled in and checked. */
export interface RetryPlan {
  readonly maxRetries: number;
  readonly intervalStartMs: number;
  readonly intervalStepMs: number;
  readonly intervalMaxMs: number;
  readonly jitter: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly errback: ((error: AMQPError, interval: number) => void) | undefined;
}

/** Kombu's `ensure_connection`: 2, 4, 6 … 30 seconds. */
export const CONNECTION_RETRY: RetryPolicy = { intervalStart: 2, intervalStep: 2, intervalMax: 30 };

/** Kombu's `ensure`: a second each time. */
export const CALL_RETRY: RetryPolicy = { intervalStart: 1, intervalStep: 1, intervalMax: 1 };

/** `policy`, and `defaults` where it says nothing. `argument` is its name in errors. */
export function retryPlan(
  policy: RetryPolicy = {},
  defaults: RetryPolicy = CONNECTION_RETRY,
  argument = 'retry',
): RetryPlan {
  const all = { ...defaults, ...withoutUndefined(policy) };
  const { maxRetries = Number.POSITIVE_INFINITY, jitter = 1 } = all;
  if (!(maxRetries >= 0) || !(Number.isInteger(maxRetries) || maxRetries === Infinity)) {
    throw new InvalidArgument(
      `${argument}.maxRetries`,
      `must be a whole number, not ${maxRetries}`,
    );
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new InvalidArgument(`${argument}.jitter`, `must be from 0 to 1, not ${jitter}`);
  }
  const ms = (name: 'intervalStart' | 'intervalStep' | 'intervalMax' | 'timeout', none: number) =>
    all[name] === undefined ? none : durationMs(all[name], `${argument}.${name}`);
  return {
    maxRetries,
    intervalStartMs: ms('intervalStart', 0),
    intervalStepMs: ms('intervalStep', 0),
    intervalMaxMs: ms('intervalMax', Number.POSITIVE_INFINITY),
    jitter,
    timeoutMs: ms('timeout', Number.POSITIVE_INFINITY),
    signal: all.signal,
    errback: all.errback,
  };
}

function withoutUndefined(policy: RetryPolicy): RetryPolicy {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

/** The intervals of a plan, before jitter: start, start + step, … max, max, for ever. Kombu's `fxrange` with `repeatlast`. */
export function* intervalsMs(plan: RetryPlan): Generator<number, never> {
  for (let number = 1; ; number++) yield intervalMs(plan, number);
}

/** The interval before the `number`-th attempt after the first, counted from 1. */
export function intervalMs(plan: RetryPlan, number: number): number {
  return Math.min(plan.intervalStartMs + plan.intervalStepMs * (number - 1), plan.intervalMaxMs);
}

/** Leaves a share of `ms` to chance. */
export function withJitter(ms: number, jitter: number, random: () => number = Math.random): number {
  return ms * (1 - jitter + jitter * random());
}

export interface RetryContext {
  readonly clock: Clock;
  /** Which failures are worth another attempt; the others are thrown at once. */
  readonly isRetryable: (error: unknown) => error is AMQPError;
  /** As `Math.random`, which it is by default. */
  readonly random?: () => number;
  /** How many attempts make a round, after which there is a wait: one for each host. Default 1. */
  readonly attemptsPerRound?: number;
}

/**
 * Kombu's `retry_over_time`. `attempt` is given its number, from 1.
 *
 * @throws OperationalError when attempts or time are used up; the signal's reason; what is not retryable.
 */
export async function retryOverTime<Result>(
  attempt: (number: number) => Promise<Result>,
  plan: RetryPlan,
  context: RetryContext,
): Promise<Result> {
  const { clock, isRetryable, random = Math.random, attemptsPerRound = 1 } = context;
  const deadlineMs = clock.now() + plan.timeoutMs;
  const intervals = intervalsMs(plan);
  for (let number = 1; ; number++) {
    plan.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      if (!isRetryable(error)) throw error;
      plan.signal?.throwIfAborted();
      const leftMs = deadlineMs - clock.now();
      if (number > plan.maxRetries || leftMs <= 0) throw new OperationalError(number, error);
      const waits = number % attemptsPerRound === 0;
      const intervalMs = waits ? withJitter(intervals.next().value, plan.jitter, random) : 0;
      plan.errback?.(error, intervalMs / 1000);
      if (intervalMs > 0) await sleep(clock, Math.min(intervalMs, leftMs), plan.signal);
    }
  }
}

/** How long to wait before the attempt after the `attempt`-th, which is counted from 1. */
export type Backoff = (attempt: number) => Duration;

export interface ExponentialOptions {
  /** Default one second. */
  readonly initial?: Duration;
  /** Default 2. */
  readonly factor?: number;
  /** Default ten minutes. */
  readonly max?: Duration;
  /** The part of each wait that is left to chance, 0 to 1. Default 0. */
  readonly jitter?: number;
}

/** 1 s, 2 s, 4 s … 10 min, unless told otherwise. */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const { initial = 1, factor = 2, max = '10m', jitter = 0 } = options;
  const initialMs = durationMs(initial, 'initial');
  const maxMs = durationMs(max, 'max');
  if (!(factor >= 1 && factor < Infinity)) {
    throw new InvalidArgument('factor', `must be 1 or more, not ${factor}`);
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new InvalidArgument('jitter', `must be from 0 to 1, not ${jitter}`);
  }
  return (attempt) => {
    const ms = initialMs * factor ** Math.max(0, attempt - 1);
    return `${Math.round(withJitter(Math.min(ms, maxMs), jitter))}ms`;
  };
}

/** The same wait each time. */
export function fixed(delay: Duration): Backoff {
  durationMs(delay, 'delay');
  return () => delay;
}
