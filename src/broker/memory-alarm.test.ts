import { expect, test } from 'vitest';
import { MemoryAlarm } from './memory-alarm.ts';

function watched(limitBytes: number) {
  const alarm = new MemoryAlarm(limitBytes);
  const told: boolean[] = [];
  const stop = alarm.watch((raised) => told.push(raised));
  return { alarm, told, stop };
}

test('it is raised above the limit, and cleared well below it', () => {
  const { alarm, told } = watched(1000);
  alarm.update(1000);
  expect([alarm.isRaised, told]).toEqual([false, []]);
  alarm.update(1001);
  expect([alarm.isRaised, told]).toEqual([true, [true]]);
  alarm.update(951);
  expect([alarm.isRaised, told]).toEqual([true, [true]]);
  alarm.update(950);
  expect([alarm.isRaised, told]).toEqual([false, [true, false]]);
});

test('each change is told once', () => {
  const { alarm, told } = watched(1000);
  for (const usedBytes of [2000, 3000, 999, 1001, 500, 400, 1001]) alarm.update(usedBytes);
  expect(told).toEqual([true, false, true]);
});

test('who has stopped watching is told nothing, the others are', () => {
  const { alarm, told, stop } = watched(1000);
  let others = 0;
  alarm.watch(() => others++);
  stop();
  alarm.update(2000);
  expect([told, others]).toEqual([[], 1]);
});

test('a limit of 0 holds publishers back always', () => {
  const { alarm } = watched(0);
  alarm.update(1);
  alarm.update(0);
  alarm.update(1);
  expect(alarm.isRaised).toBe(true);
});
