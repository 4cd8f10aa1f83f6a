/** The Kombu process at the other end (partner.py): a command goes in as a line, its answer comes out as one. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A message as Kombu saw it; values are Python's repr. */
export interface SeenByKombu {
  readonly body: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
}

export class Partner {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    const script = join(import.meta.dirname, 'partner.py');
    this.#process = spawn(python, ['-B', script], { stdio: 'pipe' });
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws Error with what Python raised. */
  async #ask<Result>(command: object): Promise<Result> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the Kombu process has ended');
    const answer = JSON.parse(value) as { result: Result } | { error: string };
    if ('error' in answer) throw new Error(`Kombu: ${answer.error}`);
    return answer.result;
  }

  version(): Promise<string> {
    return this.#ask({ do: 'version' });
  }
  consume(queue: string, count: number): Promise<SeenByKombu[]> {
    return this.#ask({ do: 'consume', queue, count });
  }
  publish(queue: string, body: string, more: object = {}): Promise<null> {
    return this.#ask({ do: 'publish', queue, body, ...more });
  }
  /** Answers one request for a sum. */
  answer(queue: string): Promise<unknown[]> {
    return this.#ask({ do: 'answer', queue });
  }
  ask(queue: string, body: unknown): Promise<unknown[]> {
    return this.#ask({ do: 'ask', queue, body });
  }
  declareLadder(queueType: 'classic' | 'quorum'): Promise<null> {
    return this.#ask({ do: 'ladder', queue_type: queueType });
  }
  /** Publishes over the ladder that Kombu knows. */
  delay(queue: string, body: string, seconds: number): Promise<null> {
    return this.#ask({ do: 'delay', queue, body, seconds });
  }
  dropExchange(name: string): Promise<null> {
    return this.#ask({ do: 'drop_exchange', name });
  }
  /** Has Celery send a task. @returns its id. */
  sendTask(queue: string, args: readonly unknown[]): Promise<string> {
    return this.#ask({ do: 'send_task', queue, args });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin.end();
    await ended;
  }
}
