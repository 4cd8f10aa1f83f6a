// The robust consumer: ConsumerMixin connects, declares and consumes, and does it all again when the connection breaks.
//
// prints:
//   connected
//   working on: task 1
//   the connection breaks
//   connected
//   working on: task 2
import {
  type BoundConsumer,
  Connection,
  type Consumer,
  ConsumerMixin,
  type Message,
  Queue,
} from 'leveret';
import type { Stage } from './stage.ts';

class TaskWorker extends ConsumerMixin {
  connection: Connection;
  readonly #queue: Queue;
  readonly #stage: Stage;
  /** Each run of the mixin has a connection of its own, a clone of the one above. */
  #running: Connection | undefined;

  constructor(connection: Connection, queue: Queue, stage: Stage) {
    super();
    this.connection = connection;
    this.#queue = queue;
    this.#stage = stage;
  }

  override getConsumers(Consumer: BoundConsumer): Consumer[] {
    const onTask = (body: string, message: Message) => this.#onTask(body, message);
    return [new Consumer({ queues: [this.#queue], callbacks: [onTask] })];
  }

  async #onTask(body: string, message: Message): Promise<void> {
    this.#stage.print(`working on: ${body}`);
    await message.ack();
    if (body === 'task 2') {
      this.shouldStop = true;
    } else {
      this.#stage.print('the connection breaks');
      await this.#stage.interrupt(this.#running!);
      await this.connection.publish(this.#queue, 'task 2');
    }
  }

  override onConnectionRevived(): void {
    this.#stage.print('connected');
  }

  override onConsumeReady(connection: Connection): void {
    this.#running = connection;
  }
}

export default async function consumerMixin(stage: Stage): Promise<void> {
  await using connection = new Connection(stage.broker);
  const queue = new Queue('example.tasks');
  await queue.declare(connection);
  await connection.publish(queue, 'task 1');
  await new TaskWorker(connection, queue, stage).run();
  await queue.delete(connection);
}
