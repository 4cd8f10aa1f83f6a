/** Starts the broker under test as its own process, on a free port and an empty data directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { end, run } from './child.ts';

const START_TIMEOUT_MS = 10_000;
const BUILD_TIMEOUT_MS = 300_000;

export interface Leveret {
  readonly url: string;
  /** What ended the broker before `stop` did, if anything. */
  died(): string | undefined;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export async function startLeveret(repository: string): Promise<Leveret> {
  const main = join(repository, 'dist', 'main.js');
  if (!existsSync(main)) {
    const build = await run(['npm', 'run', 'build'], {
      cwd: repository,
      timeoutMs: BUILD_TIMEOUT_MS,
    });
    if (build.status !== 0) throw new Error(`npm run build failed:\n${build.stdout}`);
  }
  const home = await mkdtemp(join(tmpdir(), 'leveret-interop-data-'));
  const logPath = join(home, 'output.log');
  const output = await open(logPath, 'w');
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      main,
      'start',
      '--port',
      `${port}`,
      '--http-port',
      'none',
      '--bind',
      '127.0.0.1',
      '--data-dir',
      join(home, 'data'),
    ],
    { cwd: home, stdio: ['ignore', output.fd, output.fd], detached: true },
  );
  await output.close();
  const broker: Leveret = {
    url: `amqp://guest:guest@127.0.0.1:${port}/`,
    died: () => ending(child),
    log: () => readFile(logPath, 'utf8'),
    stop: async () => {
      await end(child);
      await rm(home, { recursive: true, force: true });
    },
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    const why = broker.died() ?? (Date.now() > deadline ? 'no port within 10 s' : undefined);
    if (why !== undefined) {
      const log = await broker.log();
      await broker.stop();
      throw new Error(`Leveret did not start: ${why}\n${log}`);
    }
    await delay(50);
  }
  return broker;
}

function ending(child: ChildProcess): string | undefined {
  if (child.exitCode !== null) return `exit status ${child.exitCode}`;
  if (child.signalCode !== null) return `signal ${child.signalCode}`;
  return undefined;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const answer = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
