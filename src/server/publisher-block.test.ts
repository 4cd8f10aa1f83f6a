import { expect, test } from 'vitest';
import { Alarms } from '../broker/alarms.ts';
import { DiskAlarm } from '../broker/disk-alarm.ts';
import { MemoryAlarm } from '../broker/memory-alarm.ts';
import { PublisherBlock } from './publisher-block.ts';

function blocked() {
  const alarm = new MemoryAlarm(100);
  const calls: string[] = [];
  const disk = new DiskAlarm(1000);
  const reasons: string[] = [];
  const synced: (() => void)[] = [];
  const store = { isBehind: false, whenSynced: (call: () => void) => void synced.push(call) };
  const block = new PublisherBlock(new Alarms(alarm, disk), store, {
    tell: (method) => {
      calls.push(method.name);
      if (method.name === 'connection.blocked') reasons.push(method.reason);
    },
    hold: () => void calls.push('hold'),
    goOn: () => void calls.push('go on'),
  });
  alarm.watch(() => block.update());
  disk.watch(() => block.update());
  return { alarm, disk, block, calls, reasons, store, synced };
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

test('two alarms are one block, with the reason of its beginning, until the last is over', () => {
  const { alarm, disk, block, calls, reasons } = blocked();
  block.mayPublish();
  disk.update(999, false);
  alarm.update(101);
  disk.update(1000, false);
  expect(block.mayPublish()).toBe(false);
  expect(calls).toEqual(['connection.blocked', 'hold']);
  alarm.update(50);
  expect(calls).toEqual(['connection.blocked', 'hold', 'connection.unblocked', 'go on']);
  expect(reasons).toEqual(['low on disk']);
});

test('who begins to publish under both alarms is told of both', () => {
  const { alarm, disk, block, reasons } = blocked();
  alarm.update(101);
  disk.update(0, true);
  block.mayPublish();
  expect(reasons).toEqual(['low on disk & memory']);
});

test('while the disk is behind, a publisher of what goes there is held, and not told', () => {
  const { block, calls, store, synced } = blocked();
  store.isBehind = true;
  expect(block.mayPublish()).toBe(true);
  block.hasLogged = true;
  expect([block.mayPublish(), block.mayPublish()]).toEqual([false, false]);
  expect(calls).toEqual(['hold', 'hold']);
  expect(synced).toHaveLength(1);
  store.isBehind = false;
  synced.shift()!();
  expect(calls.slice(2)).toEqual(['go on']);
  expect([block.isHeld, block.mayPublish()]).toEqual([false, true]);
});

test('the disk and an alarm hold it until both let go', () => {
  const { alarm, block, calls, store, synced } = blocked();
  block.hasLogged = true;
  store.isBehind = true;
  expect(block.mayPublish()).toBe(false);
  alarm.update(101);
  store.isBehind = false;
  synced.shift()!();
  expect(calls).toEqual(['hold', 'connection.blocked']);
  alarm.update(0);
  expect(calls.slice(2)).toEqual(['connection.unblocked', 'go on']);
  store.isBehind = true;
  alarm.update(101);
  block.mayPublish();
  alarm.update(0);
  expect(calls.at(-1)).toBe('connection.unblocked');
  synced.shift()!();
  expect(calls.at(-1)).toBe('go on');
});
