// A process that is told to end: its consumers finish, what it published is with the broker, and it ends as the signal has it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Connection } from '../../src/client/index.ts';
import { startBroker } from '../../src/embedded.ts';

const client = fileURLToPath(new URL('../../dist/client/index.js', import.meta.url));

/** A worker that takes a while for a job, and publishes what came of it. */
const worker = (url: string) => `
  import { Connection } from ${JSON.stringify(client)};
  import { setTimeout } from 'node:timers/promises';
  const conn = new Connection(${JSON.stringify(url)});
  conn.closeOnSignal(['SIGTERM'], { timeout: '20s' });
  await conn.consume('jobs', async ({ body }) => {
    console.log('begun', body);
    await setTimeout(300);
    await conn.publish('results', body);
  });
  console.log('ready');
`;

test('SIGTERM: the job in hand is done, the next one is left, and the process ends by the signal', async () => {
  expect(existsSync(client), 'npm run build').toBe(true);
  const broker = await startBroker({ port: 0 });
  const conn = new Connection(broker.url);
  await conn.publish('results', 'none yet');
  await conn.publish('jobs', 'one');
  const args = ['--input-type=module', '-e', worker(broker.url)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('exit', (_status, signal) => resolve(signal));
  });
  for await (const text of child.stdout.setEncoding('utf8')) {
    if (!String(text).includes('begun one')) continue;
    child.kill('SIGTERM');
    break;
  }
  expect(await ended).toBe('SIGTERM');
  const results: unknown[] = [];
  for (let message = await conn.get('results'); message; message = await conn.get('results')) {
    results.push(message.body);
    await message.ack();
  }
  expect(results).toEqual(['none yet', 'one']);
  // Acknowledged: it is not there for the next worker.
  expect(await conn.get('jobs')).toBeNull();
  await conn.close();
  await broker.close();
});
