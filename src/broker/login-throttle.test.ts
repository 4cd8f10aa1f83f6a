import { expect, test } from 'vitest';
import { ManualClock } from '../platform/manual-clock.ts';
import { LoginThrottle, MAX_ENTRIES } from './login-throttle.ts';

const MINUTE_MS = 60_000;
const HERE = '192.0.2.1';
const ELSEWHERE = '192.0.2.2';

function newThrottle() {
  const clock = new ManualClock(1_000_000);
  const throttle = new LoginThrottle(clock);
  const fail = (times: number, name: string, host: string) => {
    for (let i = 0; i < times; i++) throttle.failed(name, host);
  };
  return { clock, throttle, fail };
}

test('ten wrong passwords are free, then each wait is twice as long, up to 5 s', () => {
  const { clock, throttle, fail } = newThrottle();
  fail(10, 'ann', HERE);
  expect(throttle.delayMs('ann', HERE)).toBe(0);
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < 7; i++) {
    throttle.failed('ann', HERE);
    const waitMs = throttle.delayMs('ann', HERE);
    waits.push(waitMs);
    clock.advance(waitMs ?? 0);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('attempts at the same time wait one behind the other, and too many are not looked at', () => {
  const { throttle, fail } = newThrottle();
  fail(14, 'ann', HERE);
  const waits = [1, 2, 3, 4, 5, 6].map(() => throttle.delayMs('ann', HERE));
  expect(waits).toEqual([2000, 4000, 6000, 8000, undefined, undefined]);
});

test('the user comes in from elsewhere at once, whatever happens here', () => {
  const { throttle, fail } = newThrottle();
  fail(40, 'ann', HERE);
  expect(throttle.delayMs('ann', HERE)).toBe(5000);
  expect(throttle.delayMs('ann', ELSEWHERE)).toBe(0);
  expect(throttle.delayMs('bob', HERE)).toBe(0);
});

test('an address that tries many users is slowed for all of them, but those it is known for', () => {
  const { throttle, fail } = newThrottle();
  throttle.succeeded('bob', HERE);
  for (let i = 0; i < 60; i++) fail(1, `user-${i}`, HERE);
  expect(throttle.delayMs('ann', HERE)).toBe(5000);
  expect(throttle.delayMs('bob', HERE)).toBe(0);
  expect(throttle.delayMs('ann', ELSEWHERE)).toBe(0);
});

test('a user whom many addresses try waits 2 s at most at a new address, and not where it is known', () => {
  const { throttle, fail } = newThrottle();
  throttle.succeeded('ann', HERE);
  for (let i = 0; i < 5000; i++) fail(1, 'ann', `10.0.${i >> 8}.${i & 255}`);
  const waits = [1, 2, 3].map(() => throttle.delayMs('ann', ELSEWHERE));
  // Nobody's attempts push back those of others.
  expect(waits).toEqual([2000, 2000, 2000]);
  expect(throttle.delayMs('ann', HERE)).toBe(0);
});

test('the right password ends the waiting; without it a quarter of an hour does', () => {
  const { clock, throttle, fail } = newThrottle();
  fail(20, 'ann', HERE);
  throttle.succeeded('ann', HERE);
  expect(throttle.delayMs('ann', HERE)).toBe(0);
  fail(20, 'bob', HERE);
  clock.advance(15 * MINUTE_MS + 1);
  expect(throttle.delayMs('bob', HERE)).toBe(0);
});

test('somebody is known at an address for a day', () => {
  const { clock, throttle, fail } = newThrottle();
  throttle.succeeded('bob', HERE);
  clock.advance(24 * 60 * MINUTE_MS);
  for (let i = 0; i < 60; i++) fail(1, `user-${i}`, HERE);
  expect(throttle.delayMs('bob', HERE)).toBe(5000);
});

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['proxied 192.0.2.1', '192.0.2.1', true],
  ['2001:db8:0:1::5', '2001:db8::1:aaaa:bbbb:cccc:dddd', true],
  ['2001:db8:0:1::5', '2001:db8:0:2::5', false],
  ['fe80::1%eth0', 'fe80::2', true],
  ['unix', '127.0.0.1', false],
])('%s and %s are one address: %s', (one, other, same) => {
  const { throttle, fail } = newThrottle();
  fail(12, 'ann', one);
  expect(throttle.delayMs('ann', other)).toBe(same ? 500 : 0);
});

test('what is remembered is bounded: who failed longest ago is forgotten', () => {
  const { throttle, fail } = newThrottle();
  fail(20, 'ann', HERE);
  fail(20, 'bob', HERE);
  for (let i = 0; i < MAX_ENTRIES - 1; i++) fail(1, `user-${i}`, `10.${i >> 16}.${i >> 8}.${i}`);
  throttle.succeeded('x', HERE);
  expect(throttle.delayMs('ann', HERE)).toBe(0);
  expect(throttle.delayMs('bob', HERE)).toBe(5000);
});
