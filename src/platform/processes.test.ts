import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemProcesses } from './processes.ts';

test('this process is there, and is the same whenever it is asked for', () => {
  const { own, identity } = systemProcesses;
  expect(own).toBe(process.pid);
  expect(identity(own)).toBeDefined();
  expect(identity(own)).toBe(identity(own));
});

test('one that has ended is not there', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'close');
  expect(systemProcesses.identity(child.pid!)).toBeUndefined();
});

test.runIf(existsSync('/proc/self/stat'))(
  'one that was killed and not waited for is not there',
  async () => {
    // A shell that does not wait for its child, which says its number.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(line.toString());
    while (systemProcesses.identity(child) !== undefined) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    parent.kill('SIGKILL');
    await once(parent, 'close');
  },
);

test.runIf(existsSync('/proc/self/stat'))('two have different identities', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const other = systemProcesses.identity(child.pid!);
  expect(other).toMatch(/^[0-9a-f-]{36} \d+$/);
  expect(other).not.toBe(systemProcesses.identity(process.pid));
  child.kill('SIGKILL');
  await once(child, 'close');
});
