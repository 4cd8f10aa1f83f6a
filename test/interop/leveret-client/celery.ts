/** Celery at the other end: its worker runs tasks that our client sends, and what is to wait waits in the one ladder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, Exchange, type PublishOptions, Queue } from 'leveret';

const START_MS = 30_000;

/** What Celery's protocol, version 2, wants to be told of a task. */
function taskHeaders(id: string) {
  return { lang: 'py', task: 'interop.add', id, root_id: id, parent_id: null, group: null };
}

interface Result {
  readonly task_id: string;
  readonly status: string;
  readonly result: unknown;
}

export class CeleryWorker {
  readonly #connection: Connection;
  readonly #queue: Queue;
  readonly #end: () => Promise<void>;

  private constructor(connection: Connection, queue: Queue, end: () => Promise<void>) {
    this.#connection = connection;
    this.#queue = queue;
    this.#end = end;
  }

  /** `name` is the queue's, and its exchange's. */
  static async start(python: string, connection: Connection, name: string): Promise<CeleryWorker> {
    const args = ['-B', '-m', 'celery', '--app', 'celery_tasks', 'worker'];
    const options = ['--pool', 'solo', '--hostname', `${name}@localhost`, '--loglevel', 'WARNING'];
    const worker = spawn(python, [...args, ...options], {
      cwd: import.meta.dirname,
      env: { ...process.env, C_FORCE_ROOT: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const end = async () => {
      worker.kill('SIGTERM');
      const timer = setTimeout(() => worker.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    };
    const exchange = new Exchange(name, 'topic');
    const queue = new Queue(name, { type: 'quorum', exchange, routingKey: name });
    try {
      const untilMs = Date.now() + START_MS;
      while ((await queue.declare(connection)).consumerCount === 0) {
        if (worker.exitCode !== null || Date.now() > untilMs) {
          throw new Error("Celery's worker did not start");
        }
        await delay(200);
      }
    } catch (error) {
      await end();
      throw error;
    }
    return new CeleryWorker(connection, queue, end);
  }

  /** Has the worker add, and returns its result and the seconds until it was there. */
  async add(args: readonly number[], options: PublishOptions = {}): Promise<[unknown, number]> {
    const id = randomUUID();
    const replies = new Queue('', { exclusive: true });
    await replies.declare(this.#connection);
    const startedMs = Date.now();
    await this.#connection.publish(
      this.#queue,
      [args, {}, { callbacks: null, errbacks: null, chain: null, chord: null }],
      {
        headers: taskHeaders(id),
        correlationId: id,
        replyTo: replies.name,
        ...options,
      },
    );
    for await (const message of this.#connection.consume(replies)) {
      await message.ack();
      const { task_id, status, result } = message.body as Result;
      // Celery also tells of each retry.
      if (status === 'RETRY') continue;
      assert.deepEqual([task_id, status], [id, 'SUCCESS']);
      return [result, (Date.now() - startedMs) / 1000];
    }
    throw new Error('no result');
  }

  async stop(): Promise<void> {
    await this.#end();
    await this.#queue.delete(this.#connection);
    await new Exchange(this.#queue.name, 'topic').delete(this.#connection);
  }
}
