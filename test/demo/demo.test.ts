// The demo moves letters, refuses some, and leaves nothing behind.
import { expect, test } from 'vitest';
import { runDemo } from '../../src/demo/demo.ts';
import { startBroker } from '../../src/embedded.ts';

test('letters move until it is told to stop; then everything of it is gone', async () => {
  const broker = await startBroker({ port: 0, httpPort: 0 });
  const authorization = `Basic ${btoa('guest:guest')}`;
  const queues = async () => {
    const response = await fetch(`${broker.httpUrl}api/queues`, { headers: { authorization } });
    return (await response.json()) as { name: string; message_stats?: { ack?: number } }[];
  };
  const stop = new AbortController();
  const demo = runDemo({ url: broker.url, signal: stop.signal });
  await expect
    .poll(
      async () => (await queues()).find(({ name }) => name === 'demo.invoices')?.message_stats?.ack,
      { timeout: 15_000 },
    )
    .toBeGreaterThan(2);
  expect(await queues()).toHaveLength(5);
  stop.abort();
  expect(await demo).toBeGreaterThan(2);
  expect(await queues()).toEqual([]);
  await broker.close();
});
