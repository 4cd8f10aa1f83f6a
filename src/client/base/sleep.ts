// Waiting on a clock, until the time is over or a signal says that nobody waits any more.
import type { Clock } from '../../platform/clock.ts';
import { Deferred } from './deferred.ts';

/** Rejects with the signal's reason. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const over = new Deferred().abortedBy(signal);
  return over.within(clock, ms, over.resolve).promise;
}
