import { expect, test } from 'vitest';
import { idle } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { LogSyncer } from './log-syncer.ts';

function syncer() {
  const files = new MemoryFiles();
  files.holdsSyncs = true;
  const failures: string[] = [];
  const made = new LogSyncer(({ message }) => void failures.push(message));
  const [a, b] = ['/a', '/b'].map((path) => files.open(path, { create: true }));
  const done: string[] = [];
  return { files, syncer: made, a: a!, b: b!, done, failures };
}

test('files are synced one after the other, each once however often it was written to', async () => {
  const { files, syncer: made, a, b, done } = syncer();
  for (const file of [a, b, a]) made.wrote(file);
  made.sync(() => done.push('synced'));
  for (const expected of [[], ['/a']]) {
    expect([files.syncs, done]).toEqual([expected, []]);
    expect(made.isDirty).toBe(true);
    files.heldSyncs.shift()!();
    await idle();
  }
  expect([files.syncs, done]).toEqual([['/a', '/b'], ['synced']]);
  expect(made.isDirty).toBe(false);
});

test('who asks while one is under way waits for the next', () => {
  const { files, syncer: made, a, done } = syncer();
  made.wrote(a);
  made.sync(() => done.push('first'));
  made.wrote(a);
  made.sync(() => done.push('second'));
  files.heldSyncs.shift()!();
  expect(done).toEqual(['first']);
  files.heldSyncs.shift()!();
  expect(done).toEqual(['first', 'second']);
  expect(files.syncs).toEqual(['/a', '/a']);
});

test('with nothing to sync it is done at once', () => {
  const { syncer: made, done } = syncer();
  made.sync(() => done.push('synced'));
  expect(done).toEqual(['synced']);
});

test('after one that failed nothing is done any more', () => {
  const { files, syncer: made, a, b, done, failures } = syncer();
  made.wrote(a);
  made.wrote(b);
  made.sync(() => done.push('synced'));
  files.failNext('sync', 'EIO');
  files.heldSyncs.shift()!();
  made.sync(() => done.push('later'));
  expect([done, failures, made.isDirty, files.heldSyncs]).toEqual([[], ['EIO'], false, []]);
});
