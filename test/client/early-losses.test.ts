// Connections that break as soon as they are used: a message or a consumer that its broker cannot bear, a proxy with nothing behind.
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Connection } from '../../src/client/index.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { FakeServer } from '../support/fake-server.ts';

const RECOVERY = { recovery: { intervalStart: 1, intervalStep: 2, intervalMax: 4, jitter: 0 } };

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

async function connected() {
  const clock = new ManualClock();
  const server = new FakeServer(clock);
  const conn = new Connection(server, RECOVERY);
  const waits: (number | undefined)[] = [];
  conn.on('disconnected', ({ retryIn }) => waits.push(retryIn));
  await conn.connect();
  return { clock, server, conn, waits };
}

test('a publish that ends every connection does not make a storm of them', async () => {
  const { clock, server, conn, waits } = await connected();
  server.on('basic.publish', ({ session }) => session.cut());
  const sent = conn.publish('jobs', 1, { timeout: '20s' }).catch(({ code }) => code);
  for (let i = 0; i < 20; i++) {
    await settle();
    clock.advance(1000);
  }
  await settle();
  expect(await sent).toBe('TIMEOUT');
  expect(waits.slice(0, 6)).toEqual([0, 1, 3, 4, 4, 4]);
  expect(server.sessions.length).toBeLessThan(10);
  await conn.close();
});

test('after one that has held, the next attempt is made at once again', async () => {
  const { clock, server, conn, waits } = await connected();
  for (let i = 0; i < 3; i++) {
    server.session.cut();
    await settle();
    clock.advance(waits.at(-1)! * 1000);
    await settle();
  }
  expect(waits).toEqual([0, 1, 3]);
  clock.advance(2_000);
  server.session.cut();
  await settle();
  expect(waits).toEqual([0, 1, 3, 0]);
  expect(conn.connected).toBe(true);
  await conn.close();
});

test('who is in a hurry is not made to wait', async () => {
  const { server, conn, waits } = await connected();
  for (let i = 0; i < 2; i++) {
    server.session.cut();
    await settle();
  }
  expect(waits).toEqual([0, 1]);
  expect(conn.state).toBe('recovering');
  await conn.connect();
  expect(conn.state).toBe('open');
  await conn.close();
});
