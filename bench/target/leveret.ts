// Leveret as its own process, from the production build, on a free loopback port with a data
// directory of its own. Stopped by its pid at the end, whatever happens.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FrameType, Method, PROTOCOL_HEADER } from '../load/wire.ts';
import { PauseLog } from './pause-log.ts';
import type { Target } from './target.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = path.join(ROOT, 'dist', 'main.js');
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const LOG_LINES_KEPT = 20;

export interface StartedBroker {
  readonly target: Target & { readonly pid: number };
  /** From spawn to connection.start in answer to a protocol header. */
  readonly startMs: number;
  /** Ends the process; what it has on disk goes too, if the bench made the directory. */
  stop(): Promise<void>;
  /** Ends the process with a signal and starts it again with the data it had. */
  startAgain(signal: 'SIGTERM' | 'SIGKILL'): Promise<StartedBroker>;
}

export function buildIfMissing(): void {
  if (existsSync(MAIN)) return;
  console.log('dist/main.js is missing: npm run build');
  execFileSync('npm', ['run', 'build'], { cwd: ROOT, stdio: 'inherit' });
}

export function startLeveret(
  label: string,
  nodeFlags: readonly string[] = [],
): Promise<StartedBroker> {
  return start(label, nodeFlags, mkdtempSync(path.join(tmpdir(), 'leveret-bench-')));
}

async function start(
  label: string,
  nodeFlags: readonly string[],
  dataDir: string,
): Promise<StartedBroker> {
  const port = await freePort();
  const spawnedAt = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...nodeFlags,
      MAIN,
      'start',
      ...options({ port, bind: '127.0.0.1', 'http-port': 'none', 'data-dir': dataDir }),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const removeDataDir = () => rmSync(dataDir, { recursive: true, force: true });
  const cleanUpAtExit = () => {
    child.kill('SIGKILL');
    removeDataDir();
  };
  process.once('exit', cleanUpAtExit);
  const log: string[] = [];
  const pauses = new PauseLog();
  for (const stream of [child.stdout, child.stderr]) {
    readline.createInterface({ input: stream }).on('line', (line) => {
      pauses.add(line);
      log.push(line);
      if (log.length > LOG_LINES_KEPT) log.shift();
    });
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    await stopChild(child, signal);
    process.off('exit', cleanUpAtExit);
  };
  const stop = async () => {
    await end('SIGTERM');
    removeDataDir();
  };
  const startAgain = async (signal: 'SIGTERM' | 'SIGKILL') => {
    await end(signal);
    return await start(label, nodeFlags, dataDir);
  };
  try {
    await untilAccepting(port, child);
  } catch (error) {
    await stop();
    throw new Error(`Leveret did not start: ${(error as Error).message}\n${log.join('\n')}`);
  }
  const startMs = performance.now() - spawnedAt;
  const url = `amqp://guest:guest@127.0.0.1:${port}/`;
  return { target: { label, url, pid: child.pid!, pauses }, startMs, stop, startAgain };
}

function options(values: Record<string, string | number>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilAccepting(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answersHeader(port))) {
    if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('no connection.start within 60 s');
    await sleep(1);
  }
}

/** True when a protocol header is answered by connection.start; false when nobody listens. */
function answersHeader(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(PROTOCOL_HEADER));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes[0] === FrameType.method && bytes.readUInt32BE(7) === Method.connectionStart);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function stopChild(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
