import { expect, test } from 'vitest';
import { SkippingClock } from '../../../test/support/skipping-clock.ts';
import { StandstillWatch } from './standstill.ts';

test('a timer that is late by a quarter of a heartbeat tells of it, by how much', () => {
  const clock = new SkippingClock();
  const told: number[] = [];
  const watch = new StandstillWatch(clock, 8, (ms) => told.push(ms));
  clock.advance(60_000);
  clock.skip(1_900);
  clock.advance(2_000);
  expect(told).toEqual([]);
  clock.skip(60_000);
  clock.advance(2_000);
  expect(told).toEqual([60_000]);
  clock.advance(60_000);
  expect(told).toEqual([60_000]);
  watch.stop();
  clock.skip(60_000);
  clock.advance(60_000);
  expect(told).toEqual([60_000]);
});

test.each([0, 60])('with a heartbeat of %d s it looks every five seconds', (heartbeat) => {
  const clock = new SkippingClock();
  const told: number[] = [];
  new StandstillWatch(clock, heartbeat, (ms) => told.push(ms));
  clock.skip(5_000);
  clock.advance(5_000);
  expect(told).toEqual([5_000]);
});

test('a clock that is set back is no standstill', () => {
  const clock = new SkippingClock();
  const told: number[] = [];
  new StandstillWatch(clock, 0, (ms) => told.push(ms));
  clock.skip(-3_600_000);
  clock.advance(60_000);
  expect(told).toEqual([]);
});
