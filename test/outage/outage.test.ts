// A short outage test, and proof that it can fail. `npm run outage-test` is the long one.
import { expect, test } from 'vitest';
import { outageTest } from './outage-test.ts';

test('a kill and cuts lose nothing, and keep the order', { timeout: 60_000 }, async () => {
  const report = await outageTest({
    faults: ['kill', 'cut', 'cut in the handshake'],
    pauseMs: 300,
  });
  expect(report.problems).toEqual([]);
  expect(report.resolved).toBe(report.published);
  expect(report.resolved).toBeGreaterThan(1000);
  // A cut that comes while it is coming back makes no new reconnect.
  expect(report.reconnects).toBeGreaterThanOrEqual(1);
});

test('a message that is not consumed is noticed', { timeout: 120_000 }, async () => {
  const consumed = (producer: number, number: number) => producer !== 1 || number !== 100;
  const { problems } = await outageTest({
    faults: ['cut'],
    pauseMs: 300,
    consumed,
    settleMs: 1_000,
  });
  expect(problems.join('\n')).toContain('lost though confirmed: 100');
});
