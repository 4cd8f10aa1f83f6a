import { expect, onTestFinished, test } from 'vitest';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { DataDirectory } from '../store/data-directory.ts';
import { DiskAlarm } from './disk-alarm.ts';
import { DiskMonitor } from './disk-monitor.ts';

const LIMIT_BYTES = 50_000_000;
let unique = 0;

function monitored(setUp: (files: MemoryFiles) => void = () => {}) {
  unique += 1;
  const files = new MemoryFiles();
  setUp(files);
  const clock = new ManualClock();
  const alarm = new DiskAlarm(LIMIT_BYTES);
  const path = `/monitored-${unique}`;
  const processes = { own: 1, identity: () => undefined };
  const directory = new DataDirectory(files, path, processes);
  const user = {
    isOutOfSpace: false,
    retries: 0,
    retry() {
      this.retries += 1;
    },
  };
  const said: string[] = [];
  const lost: string[] = [];
  const monitor = new DiskMonitor({
    clock,
    log: { write: (level, text) => void said.push(`${level}: ${text}`) },
    alarm,
    directory,
    user,
    onLost: ({ message }) => void lost.push(message),
  });
  onTestFinished(() => {
    monitor.stop();
    directory.release();
  });
  return { files, clock, alarm, path, user, said, lost, monitor };
}

test('it looks at once, and often when there is little left', () => {
  const { files, clock, alarm } = monitored((files) => {
    files.free = LIMIT_BYTES - 1;
  });
  expect(alarm.isRaised).toBe(true);
  files.free = LIMIT_BYTES;
  clock.advance(99);
  expect(alarm.isRaised).toBe(true);
  clock.advance(1);
  expect(alarm.isRaised).toBe(false);
  files.free = 2 ** 40;
  clock.advance(100);
  files.free = 0;
  clock.advance(9_999);
  expect(alarm.isRaised).toBe(false);
  clock.advance(1);
  expect(alarm.isRaised).toBe(true);
});

test('what found no space raises the alarm at once, and is tried until it is written', () => {
  const { clock, alarm, user, monitor } = monitored();
  user.retries = 0;
  user.isOutOfSpace = true;
  monitor.outOfSpace();
  expect(alarm.isRaised).toBe(true);
  clock.advance(1_000);
  expect([user.retries, alarm.isRaised]).toEqual([10, true]);
  user.isOutOfSpace = false;
  clock.advance(100);
  expect(alarm.isRaised).toBe(false);
});

test('free space that cannot be told is complained of once, and raises nothing', () => {
  const { clock, alarm, said, path } = monitored((files) => {
    files.failNext('statfs', 'ENOSYS', Number.POSITIVE_INFINITY);
  });
  clock.advance(60_000);
  expect(said).toEqual([`warning: cannot tell how much space is free in ${path}: ENOSYS`]);
  expect(alarm.isRaised).toBe(false);
});

test('a directory that was removed is told, once', () => {
  const { files, clock, lost, path } = monitored();
  files.contents.delete(`${path}/leveret.pid`);
  clock.advance(60_000);
  expect(lost).toEqual([`the data directory ${path}, or leveret.pid in it, was removed`]);
});

test('when it is stopped it looks no more', () => {
  const { files, clock, alarm, monitor } = monitored();
  monitor.stop();
  files.free = 0;
  clock.advance(60_000);
  expect(alarm.isRaised).toBe(false);
});
