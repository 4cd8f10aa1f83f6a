import { expect, test } from 'vitest';
import { DiskAlarm } from './disk-alarm.ts';

function watched(limitBytes: number) {
  const alarm = new DiskAlarm(limitBytes);
  const told: boolean[] = [];
  const stop = alarm.watch((raised) => told.push(raised));
  return { alarm, told, stop };
}

test('it is raised while less than the limit is free', () => {
  const { alarm, told, stop } = watched(1000);
  expect(alarm.freeBytes).toBeUndefined();
  for (const freeBytes of [5000, 1000, 999, 10, 1000, 400]) alarm.update(freeBytes, false);
  expect(told).toEqual([true, false, true]);
  expect(alarm.freeBytes).toBe(400);
  stop();
  alarm.update(5000, false);
  expect([alarm.isRaised, told.length]).toEqual([false, 3]);
});

test('what could not be written raises it, however much is said to be free', () => {
  const { alarm, told } = watched(0);
  alarm.update(1_000_000, true);
  alarm.update(undefined, true);
  alarm.update(undefined, false);
  expect(told).toEqual([true, false]);
});

test.each([
  [undefined, 10_000],
  [1_000_000_000_000, 10_000],
  // 1 GB is gone in 4 s at most: it is looked at again after 2 s.
  [1_050_000_000, 2_000],
  [60_000_000, 100],
  [10, 100],
])('with %s bytes free it is looked at again within %s ms', (freeBytes, ms) => {
  const { alarm } = watched(50_000_000);
  alarm.update(freeBytes, false);
  expect(alarm.nextLookMs).toBe(ms);
});
