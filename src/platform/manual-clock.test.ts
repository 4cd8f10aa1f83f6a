import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';

test('time stands still until it is moved', () => {
  const clock = new ManualClock(1_000);
  expect(clock.now()).toBe(1_000);
  clock.advance(250);
  expect(clock.now()).toBe(1_250);
});

test('what falls due runs once, in order of time, at its own time', () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`);
  clock.after(30, note('c'));
  clock.after(10, note('a'));
  clock.after(20, note('b'));
  clock.after(20, note('b again'));
  clock.advance(9);
  expect(ran).toEqual([]);
  clock.advance(1);
  expect(ran).toEqual(['a at 10']);
  clock.advance(100);
  expect(ran).toEqual(['a at 10', 'b at 20', 'b again at 20', 'c at 30']);
  expect(clock.now()).toBe(110);
});

test('a cancelled timer does not run, not even when it is cancelled on the way', () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const late = clock.after(20, () => void ran.push('late'));
  clock.after(10, () => late.cancel());
  clock.after(5, () => void ran.push('never')).cancel();
  clock.advance(100);
  expect(ran).toEqual([]);
});

test('a timer set by a timer runs on the same way if it falls due', () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  const tick = () => {
    ran.push(clock.now());
    clock.after(10, tick);
  };
  clock.after(10, tick);
  clock.advance(35);
  expect(ran).toEqual([10, 20, 30]);
});

test('no delay, or less, is due with the next move', () => {
  const clock = new ManualClock(5);
  const ran: number[] = [];
  clock.after(0, () => void ran.push(clock.now()));
  clock.after(-10, () => void ran.push(clock.now()));
  expect(ran).toEqual([]);
  clock.advance(0);
  expect(ran).toEqual([5, 5]);
});

test('what is deferred runs in order, behind the caller, whatever the time', async () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const done = new Promise<void>((resolve) => {
    clock.defer(() => void ran.push('first'));
    clock.defer(resolve);
  });
  ran.push('caller');
  await done;
  expect(ran).toEqual(['caller', 'first']);
});

test('says when the next timer is due', () => {
  const clock = new ManualClock(5);
  expect(clock.nextAlarmMs).toBeUndefined();
  clock.after(30, () => {});
  const sooner = clock.after(10, () => {});
  expect(clock.nextAlarmMs).toBe(15);
  sooner.cancel();
  expect(clock.nextAlarmMs).toBe(35);
});
