// The log of the real process: into a pipe that nobody reads, and into files that are moved away.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as amqplib from 'amqplib';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { requireBuild, start, temporaryDirectory } from './leveret.ts';

beforeAll(requireBuild);

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function connectSoon(url: string): Promise<amqplib.ChannelModel> {
  for (;;) {
    try {
      return await amqplib.connect(url);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      await new Promise(setImmediate);
    }
  }
}

/** Each is a line of some 600 bytes. */
async function makeErrors(connection: amqplib.ChannelModel, count: number): Promise<void> {
  for (let made = 0; made < count; made += 100) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const channel = await connection.createChannel();
        channel.on('error', () => {});
        await channel.checkQueue('q'.repeat(255)).catch(() => {});
      }),
    );
  }
}

test('a pipe that nobody reads holds nobody up, and how many lines it cost is said', async () => {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [main, '--port', `${port}`, '--http-port', 'none', '--data-dir', 'memory'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const { stdout } = child;
  stdout.pause();
  const connection = await connectSoon(`amqp://guest:guest@127.0.0.1:${port}/`);
  // Far more than the pipe, and what may wait for it, can hold.
  await makeErrors(connection, 5_000);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('q');
  channel.sendToQueue('q', Buffer.from('still at work'));
  await channel.waitForConfirms();

  let text = '';
  const told = new Promise<string>((resolve) => {
    stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const [, count] = /(\d+) log lines were dropped: nobody/.exec(text) ?? [];
      if (count !== undefined) resolve(count);
    });
  });
  stdout.resume();
  const dropped = Number(await told);
  const written = (text.match(/NOT_FOUND/g) ?? []).length;
  expect(dropped).toBeGreaterThan(100);
  expect(written + dropped).toBeGreaterThanOrEqual(5_000);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(text).toMatch(/INFO: stopped\n$/);
}, 60_000);

test('a pipe whose reader has gone ends nothing', async () => {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [main, '--port', `${port}`, '--http-port', 'none', '--data-dir', 'memory'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = `amqp://guest:guest@127.0.0.1:${port}/`;
  await (await connectSoon(url)).close();
  child.stdout.destroy();
  for (let i = 0; i < 3; i++) await (await amqplib.connect(url)).close();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

test('a log file that was moved away is begun anew by SIGHUP', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, 'leveret.log');
  const conf = join(directory, 'leveret.conf');
  writeFileSync(
    conf,
    `log.file = leveret.log\nlog.dir = ${directory}\nlog.console = true\nlog.connection.level = error\n`,
  );
  const leveret = await start(['--config', conf, '--port', '0']);
  const connection = await amqplib.connect(await leveret.url());
  renameSync(path, join(directory, 'old'));
  leveret.kill('SIGHUP');
  await leveret.output(/SIGHUP: the log is reopened/);
  await connection.close();
  expect(existsSync(path)).toBe(true);
  expect(readFileSync(path, 'utf8')).toMatch(/SIGHUP/);
  const old = readFileSync(join(directory, 'old'), 'utf8');
  expect(old).toMatch(/Server startup complete/);
  expect(old).not.toMatch(/authenticated/);
});
