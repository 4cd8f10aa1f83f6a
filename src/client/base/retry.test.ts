import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { durationMs } from './duration.ts';
import { AMQPError, InvalidArgument, OperationalError, TimeoutError } from './errors.ts';
import {
  CALL_RETRY,
  exponential,
  fixed,
  intervalsMs,
  type RetryPolicy,
  retryOverTime,
  retryPlan,
  withJitter,
} from './retry.ts';
import { sleep } from './sleep.ts';

const isRetryable = (error: unknown): error is AMQPError => error instanceof AMQPError;
const failure = new TimeoutError('no answer');

function take(count: number, policy?: RetryPolicy, defaults?: RetryPolicy): number[] {
  const intervals = intervalsMs(retryPlan(policy, defaults));
  return Array.from({ length: count }, () => intervals.next().value);
}

describe('intervals', () => {
  test('of a connection are 2, 4, 6 … 30 seconds', () => {
    expect(take(17).map((ms) => ms / 1000)).toEqual([
      2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 30, 30,
    ]);
  });

  test('of a call are a second each', () => {
    expect(take(3, {}, CALL_RETRY)).toEqual([1000, 1000, 1000]);
  });

  test('are what the policy says, where it says something', () => {
    expect(take(4, { intervalStart: 0, intervalStep: '200ms', intervalMax: '500ms' })).toEqual([
      0, 200, 400, 500,
    ]);
    expect(take(2, { intervalStart: 60, intervalMax: 5 })).toEqual([5000, 5000]);
  });
});

describe('a policy', () => {
  test.each<[RetryPolicy, string]>([
    [{ maxRetries: -1 }, 'recovery.maxRetries must be a whole number, not -1'],
    [{ maxRetries: 1.5 }, 'recovery.maxRetries must be a whole number, not 1.5'],
    [{ maxRetries: Number.NaN }, 'recovery.maxRetries must be a whole number, not NaN'],
    [{ jitter: 2 }, 'recovery.jitter must be from 0 to 1, not 2'],
    [{ timeout: -1 }, 'recovery.timeout must be a number of seconds'],
    [{ intervalStart: -1 }, 'recovery.intervalStart must be a number of seconds'],
  ])('%o is refused', (policy, message) => {
    expect(() => retryPlan(policy, undefined, 'recovery')).toThrow(InvalidArgument);
    expect(() => retryPlan(policy, undefined, 'recovery')).toThrow(message);
  });

  test('an undefined part is one that is not there', () => {
    const policy = { intervalStart: undefined, maxRetries: undefined } as unknown as RetryPolicy;
    expect(retryPlan(policy)).toMatchObject({ intervalStartMs: 2000, maxRetries: Infinity });
  });
});

/** Runs until nothing changes any more without the clock. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

interface Trial {
  readonly attemptsAt: number[];
  readonly intervals: number[];
  readonly done: Promise<unknown>;
  readonly clock: ManualClock;
}

/** Fails `failures` times, then answers 'done'; notes when. */
function tried(failures: number, policy: RetryPolicy = {}, attemptsPerRound = 1): Trial {
  const clock = new ManualClock();
  const attemptsAt: number[] = [];
  const intervals: number[] = [];
  const plan = retryPlan({
    jitter: 0,
    errback: (_, interval) => void intervals.push(interval),
    ...policy,
  });
  const attempt = async (number: number) => {
    attemptsAt.push(clock.now() / 1000);
    expect(number).toBe(attemptsAt.length);
    if (number <= failures) throw failure;
    return 'done';
  };
  const done = retryOverTime(attempt, plan, { clock, isRetryable, attemptsPerRound });
  done.catch(() => {});
  return { attemptsAt, intervals, done, clock };
}

async function pass(clock: ManualClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await settled();
    clock.advance(1000);
  }
  await settled();
}

describe('trying again', () => {
  test('goes on until it works, telling about each wait', async () => {
    const { done, clock, attemptsAt, intervals } = tried(3);
    await pass(clock, 20);
    await expect(done).resolves.toBe('done');
    expect(attemptsAt).toEqual([0, 2, 6, 12]);
    expect(intervals).toEqual([2, 4, 6]);
  });

  test('maxRetries counts the attempts after the first', async () => {
    const { done, clock, attemptsAt } = tried(99, { maxRetries: 2 });
    await pass(clock, 60);
    await expect(done).rejects.toThrow(OperationalError);
    await expect(done).rejects.toMatchObject({ attempts: 3, cause: failure });
    expect(attemptsAt).toEqual([0, 2, 6]);
    const once = tried(99, { maxRetries: 0 });
    await expect(once.done).rejects.toMatchObject({ attempts: 1 });
  });

  test('waits only after a full round of the hosts', async () => {
    const { clock, attemptsAt, intervals } = tried(6, {}, 3);
    await pass(clock, 10);
    expect(attemptsAt).toEqual([0, 0, 0, 2, 2, 2, 6]);
    expect(intervals).toEqual([0, 0, 2, 0, 0, 4]);
  });

  test('the deadline shortens the last wait, and ends it', async () => {
    const { done, clock, attemptsAt } = tried(99, { timeout: 5 });
    await pass(clock, 30);
    expect(attemptsAt).toEqual([0, 2, 5]);
    await expect(done).rejects.toMatchObject({ code: 'RETRIES_EXHAUSTED', attempts: 3 });
  });

  test('a signal ends the wait at once, with its reason', async () => {
    const controller = new AbortController();
    const { done, clock, attemptsAt } = tried(99, { signal: controller.signal });
    await pass(clock, 1);
    controller.abort();
    await expect(done).rejects.toMatchObject({ name: 'AbortError' });
    await pass(clock, 60);
    expect(attemptsAt).toEqual([0]);
    const never = tried(0, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(never.done).rejects.toThrow('enough');
    expect(never.attemptsAt).toEqual([]);
  });

  test('what is not worth it is thrown as it is', async () => {
    const own = new Error('a bug');
    const failing = retryOverTime(() => Promise.reject(own), retryPlan(), {
      clock: new ManualClock(),
      isRetryable,
    });
    await expect(failing).rejects.toBe(own);
  });
});

test('a wait that was aborted leaves no timer and no listener behind', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const waiting = sleep(clock, 1000, controller.signal);
  controller.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  await expect(sleep(clock, 1000, controller.signal)).rejects.toThrow('gone');
  const whole = sleep(clock, 1000);
  clock.advance(1000);
  await expect(whole).resolves.toBeUndefined();
});

describe('jitter', () => {
  test('0 leaves an interval as it is, 1 makes it anything up to it', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 0.999, noNaN: true }), (ms, chance) => {
        expect(withJitter(ms, 0, () => chance)).toBe(ms);
        expect(withJitter(ms, 1, () => chance)).toBeCloseTo(ms * chance);
        const half = withJitter(ms, 0.5, () => chance);
        expect(half >= ms / 2 && half <= ms).toBe(true);
      }),
    );
  });

  test('is 1 by default', () => expect(retryPlan().jitter).toBe(1));
});

describe('back-off', () => {
  const seconds = (backoff: ReturnType<typeof exponential>, attempts: number) =>
    Array.from({ length: attempts }, (_, i) => durationMs(backoff(i + 1), 'backoff') / 1000);

  test('exponential doubles from a second to ten minutes', () => {
    expect(seconds(exponential(), 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    expect(seconds(exponential({ initial: '100ms', factor: 3, max: 2 }), 4)).toEqual([
      0.1, 0.3, 0.9, 2,
    ]);
    expect(seconds(exponential(), 2000).at(-1)).toBe(600);
  });

  test('with jitter stays within', () => {
    const backoff = exponential({ jitter: 0.5 });
    for (let i = 0; i < 50; i++) {
      const ms = durationMs(backoff(3), 'backoff');
      expect(ms >= 2000 && ms <= 4000).toBe(true);
    }
  });

  test('fixed is fixed', () => expect(seconds(fixed('5s'), 3)).toEqual([5, 5, 5]));

  test('bad ones are refused when they are made', () => {
    expect(() => exponential({ factor: 0.5 })).toThrow('factor must be 1 or more, not 0.5');
    expect(() => exponential({ jitter: -1 })).toThrow('jitter must be from 0 to 1, not -1');
    expect(() => exponential({ initial: -1 })).toThrow(InvalidArgument);
    expect(() => fixed(Number.NaN)).toThrow(InvalidArgument);
  });
});
