import { expect, test } from 'vitest';
import { MemoryAlarm } from '../broker/memory-alarm.ts';
import { PublisherBlock } from './publisher-block.ts';

function blocked() {
  const alarm = new MemoryAlarm(100);
  const calls: string[] = [];
  const block = new PublisherBlock(alarm, {
    tell: (method) => void calls.push(method.name),
    hold: () => void calls.push('hold'),
    goOn: () => void calls.push('go on'),
  });
  alarm.watch(() => block.update());
  return { alarm, block, calls };
}

test('without an alarm every publish may go on', () => {
  const { block, calls } = blocked();
  expect([block.mayPublish(), block.mayPublish()]).toEqual([true, true]);
  expect(calls).toEqual([]);
});

test('a connection that never published is not told, and its first publish is held', () => {
  const { alarm, block, calls } = blocked();
  alarm.update(101);
  expect(calls).toEqual([]);
  expect(block.mayPublish()).toBe(false);
  expect(calls).toEqual(['connection.blocked', 'hold']);
});

test('a publisher is told at once, and read until it publishes again', () => {
  const { alarm, block, calls } = blocked();
  block.mayPublish();
  alarm.update(101);
  expect(calls).toEqual(['connection.blocked']);
  expect(block.isHeld).toBe(false);
  expect(block.mayPublish()).toBe(false);
  expect(calls).toEqual(['connection.blocked', 'hold']);
  expect(block.isHeld).toBe(true);
});

test('when the alarm is over it is told once, and goes on if it was held', () => {
  const { alarm, block, calls } = blocked();
  block.mayPublish();
  alarm.update(101);
  block.mayPublish();
  alarm.update(50);
  expect(calls).toEqual(['connection.blocked', 'hold', 'connection.unblocked', 'go on']);
  expect(block.mayPublish()).toBe(true);
});

test('one that was not held is told, and nothing else', () => {
  const { alarm, block, calls } = blocked();
  block.mayPublish();
  alarm.update(101);
  alarm.update(50);
  expect(calls).toEqual(['connection.blocked', 'connection.unblocked']);
});
