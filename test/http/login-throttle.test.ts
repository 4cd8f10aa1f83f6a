// Wrong passwords are slowed down on the HTTP API as on AMQP, and counted together.
import { setImmediate, setTimeout } from 'node:timers/promises';
import { connect } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../src/embedded.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';

async function start() {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const broker = await startBroker({ port: 0, httpPort: 0, clock });
  onTestFinished(async () => {
    const closed = broker.close();
    for (let done = false; !done; clock.advance(1000)) {
      done = await Promise.race([closed.then(() => true), setTimeout(10, false)]);
    }
  });
  const ask = async (password: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`guest:${password}`).toString('base64')}`;
    const response = await fetch(`${broker.httpUrl}api/whoami`, { headers: { authorization } });
    await response.text();
    return response.status;
  };
  return { clock, broker, ask };
}

test('past ten wrong passwords a request waits, whether the next is right or not', async () => {
  const { clock, ask } = await start();
  for (let i = 0; i < 11; i++) expect(await ask('wrong')).toBe(401);
  let status = 0;
  const asked = ask('guest').then((answer) => {
    status = answer;
  });
  await setTimeout(100);
  expect(status).toBe(0);
  clock.advance(250);
  await asked;
  expect(status).toBe(200);
  expect(await ask('guest')).toBe(200);
});

test('logins over AMQP count; who comes too often is told 429', async () => {
  const { clock, broker, ask } = await start();
  for (let i = 0; i < 10; i++) {
    const url = broker.url.replace('guest:guest', 'guest:wrong');
    await expect(connect(url)).rejects.toThrow('ACCESS_REFUSED');
  }
  expect(await ask('wrong')).toBe(401);
  const waiting = Array.from({ length: 60 }, () => ask('wrong'));
  const first = await Promise.race(waiting);
  expect(first).toBe(429);
  let open = true;
  const all = Promise.all(waiting).finally(() => {
    open = false;
  });
  while (open) {
    clock.advance(1000);
    await setImmediate();
  }
  expect((await all).every((status) => status === 401 || status === 429)).toBe(true);
});
