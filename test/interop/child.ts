/**
 * Runs other people's programs: package managers, compilers and the clients' scenario programs.
 * Every child leads its own process group and is ended by that group's id, so that a worker it
 * forked goes with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export interface Outcome {
  /** Null when a signal, ours at the time-out included, ended the child. */
  readonly status: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** How long a child may take between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;

const running = new Set<ChildProcess>();

export function run(argv: readonly string[], options: RunOptions): Promise<Outcome> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error('nothing to run');
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(child);
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      timedOut = true;
      void end(child);
    }, options.timeoutMs);
    const finish = (status: number | null): void => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ status, timedOut, stdout, stderr });
    };
    child.once('error', (error) => {
      stderr += `${error.message}\n`;
      finish(null);
    });
    child.once('close', finish);
  });
}

/** Ends a child we started and all of its process group; resolves once it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signalGroup(child.pid, 'SIGTERM');
  const pid = child.pid;
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE_MS);
  await gone;
  clearTimeout(timer);
}

export async function endAll(): Promise<void> {
  await Promise.all([...running].map(end));
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
