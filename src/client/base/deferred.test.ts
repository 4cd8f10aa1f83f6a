import { expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { Deferred } from './deferred.ts';

const reason = new Error('no longer wanted');

test('the first to settle it wins', async () => {
  const resolved = new Deferred<number>();
  resolved.resolve(1);
  resolved.resolve(2);
  resolved.reject(reason);
  expect(await resolved.promise).toBe(1);
  const rejected = new Deferred<number>();
  rejected.reject(reason);
  rejected.resolve(1);
  await expect(rejected.promise).rejects.toBe(reason);
});

test('settles by another promise', async () => {
  const deferred = new Deferred<number>();
  Promise.resolve(3).then(deferred.resolve, deferred.reject);
  expect(await deferred.promise).toBe(3);
  expect(deferred.isSettled).toBe(true);
});

test('a time limit that was not needed goes with it', async () => {
  const clock = new ManualClock();
  let isLate = false;
  const deferred = new Deferred().within(clock, 1000, () => {
    isLate = true;
  });
  deferred.resolve();
  clock.advance(2000);
  await deferred.promise;
  expect(isLate).toBe(false);
});

test('a time limit lets its owner say what is to come of it', async () => {
  const clock = new ManualClock();
  const deferred = new Deferred<string>();
  deferred.within(clock, 1000, () => deferred.resolve('late'));
  clock.advance(999);
  expect(deferred.isSettled).toBe(false);
  clock.advance(1);
  expect(await deferred.promise).toBe('late');
});

test('without a time limit it waits for ever', () => {
  const clock = new ManualClock();
  const deferred = new Deferred().within(clock, undefined, () => deferred.reject(reason));
  clock.advance(1e9);
  expect(deferred.isSettled).toBe(false);
});

test('a signal rejects it, now or when it comes, and is not listened to afterwards', async () => {
  const aborted = new Deferred().abortedBy(AbortSignal.abort(reason));
  await expect(aborted.promise).rejects.toBe(reason);
  // What is over needs no timer.
  aborted.within(new ManualClock(), 1, () => expect.unreachable());

  const controller = new AbortController();
  const later = new Deferred().abortedBy(controller.signal);
  expect(later.isSettled).toBe(false);
  controller.abort(reason);
  await expect(later.promise).rejects.toBe(reason);

  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = () => void listeners++;
  signal.removeEventListener = () => void listeners--;
  const settled = new Deferred().abortedBy(signal);
  expect(listeners).toBe(1);
  settled.resolve();
  expect(listeners).toBe(0);
});
