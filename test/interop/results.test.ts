import { expect, test } from 'vitest';
import type { Outcome } from './child.ts';
import { judge } from './results.ts';

const ended: Outcome = { status: 0, timedOut: false, stdout: '', stderr: '' };

test('a scenario passes by its own ok line', () => {
  const report = judge(['a'], { ...ended, stdout: 'client lib 1.2\nok a\n' });
  expect(report).toEqual({
    version: 'lib 1.2',
    results: [{ scenario: 'a', passed: true, reason: '' }],
  });
});

test('a scenario that says nothing has failed, whatever the exit status', () => {
  const report = judge(['a', 'b'], { ...ended, stdout: 'ok a\n' });
  expect(report.results[1]).toMatchObject({ scenario: 'b', passed: false });
});

test('a reason may hold dashes', () => {
  const report = judge(['a'], { ...ended, status: 1, stdout: 'not ok a - 404 - no queue\n' });
  expect(report.results).toEqual([{ scenario: 'a', passed: false, reason: '404 - no queue' }]);
});

test('a bad exit after good lines is a failure of its own', () => {
  const report = judge(['a'], { ...ended, status: 1, stdout: 'ok a\n', stderr: 'crash\n' });
  expect(report.results[1]).toEqual({
    scenario: 'exit',
    passed: false,
    reason: 'exit status 1\ncrash',
  });
});

test('a doubled or unexpected line is a failure', () => {
  const report = judge(['a'], { ...ended, stdout: 'ok a\nok a\nok b\n' });
  expect(report.results.map((result) => result.passed)).toEqual([false, false]);
});

test('a program stopped at its time-out says so', () => {
  const report = judge(['a'], { ...ended, status: null, timedOut: true });
  expect(report.results[0]?.reason).toContain('time-out');
});
