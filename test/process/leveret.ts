// The built `leveret` command as a process of its own: what it prints, how it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** @throws Error that says how to build it. */
export function requireBuild(): void {
  if (existsSync(main)) return;
  throw new Error('dist/main.js is not there: run `npm run build` first (`npm test` does)');
}

/** A directory that goes when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'leveret-process-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Leveret {
  readonly ended: Promise<Ending>;
  stdout = '';
  readonly #child: ChildProcess;
  #stderr = '';
  #isOver = false;
  #onChange = () => {};

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    // What the developer's own environment sets must not show in a test.
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('LEVERET_'));
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...Object.fromEntries(clean), LEVERET_HTTP_PORT: 'none', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#onChange();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (status, signal) => {
        this.#isOver = true;
        this.#onChange();
        resolve({ status, signal, stdout: this.stdout, stderr: this.#stderr });
      });
    });
  }

  /** Waits until standard output matches. @throws Error when the process ends before. */
  output(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.stdout);
        if (match) resolve(match);
        else if (this.#isOver) {
          reject(new Error(`ended before ${pattern}:\n${this.stdout}${this.#stderr}`));
        }
      };
      this.#onChange = look;
      look();
    });
  }

  /** The URL of the broker once it accepts connections. Not for `--log-level error`, where nothing says so. */
  async url(): Promise<string> {
    const [, at] = await this.output(/Server startup complete in \d+ ms, listening on ([\d.:]+)/);
    return `amqp://guest:guest@${at}/`;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in any case. */
  async end(): Promise<void> {
    if (!this.#isOver) this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** Starts the command with a data directory and a home of its own. It is ended with the test. */
export async function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Leveret> {
  const home = await temporaryDirectory();
  const leveret = new Leveret(args, { HOME: home, ...env });
  onTestFinished(() => leveret.end());
  return leveret;
}

/** Runs the command to its end. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  return await (await start(args, env)).ended;
}
