// The built `leveret` command as a process that is killed and started again on the same directory and port.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class BrokerProcess {
  readonly url: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #ended: Promise<Ending> = Promise.resolve({ status: null, signal: null });
  /** What the last process has printed. */
  output = '';

  constructor(dataDir: string, port: number, ...options: string[]) {
    if (!existsSync(main)) throw new Error('dist/main.js is not there: run `npm run build` first');
    this.url = `amqp://guest:guest@127.0.0.1:${port}/`;
    this.#args = [
      main,
      '--port',
      `${port}`,
      '--http-port',
      'none',
      '--data-dir',
      dataDir,
      ...options,
    ];
  }

  /** Starts a process and does not wait for it to be ready. */
  spawn(): void {
    this.output = '';
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once('close', (status, signal) => resolve({ status, signal }));
    });
  }

  get ended(): Promise<Ending> {
    return this.#ended;
  }

  /** Resolves when connections are accepted. @throws Error when it ends instead. */
  async ready(): Promise<void> {
    const { stdout } = this.#child!;
    while (!this.output.includes('Server startup complete')) {
      const next = new Promise((resolve) => stdout!.once('data', resolve));
      const ended = this.#ended.then(({ status, signal }) => {
        throw new Error(`ended (${signal ?? status}) before it was ready:\n${this.output}`);
      });
      await Promise.race([next, ended]);
    }
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<Ending> {
    this.#child?.kill(signal);
    return await this.#ended;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
