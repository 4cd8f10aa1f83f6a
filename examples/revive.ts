// A consumer that is brought back by hand when its connection breaks: a clone of the connection, three attempts, and the same
// consumer on a channel of it.
//
// prints:
//   received: before the break
//   lost the connection: CONNECTION_LOST
//   connection revived
//   received: after the break
import { Connection, Consumer, Queue, TimeoutError } from 'leveret';
import type { Stage } from './stage.ts';

export default async function revive({ broker, print, interrupt }: Stage): Promise<void> {
  await using connection = new Connection(broker, { heartbeat: 10 });
  const queue = new Queue('example.revived');
  await queue.declare(connection);
  await connection.publish(queue, 'before the break');

  let isOver = false;
  const consumer = new Consumer(await connection.channel(), { queues: [queue] });
  consumer.registerCallback(async (body, message) => {
    print(`received: ${body}`);
    await message.ack();
    isOver = body === 'after the break';
  });

  async function establishConnection(): Promise<Connection> {
    const revived = connection.clone();
    await revived.ensureConnection({ maxRetries: 3 });
    consumer.revive(await revived.channel());
    await consumer.consume();
    return revived;
  }

  let breaks = 1;
  async function consume(): Promise<void> {
    await using revived = await establishConnection();
    if (breaks === 0) print('connection revived');
    while (!isOver) {
      try {
        await revived.drainEvents({ timeout: 2 });
        if (breaks-- > 0) await interrupt(revived);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        revived.heartbeatCheck();
      }
    }
  }

  while (!isOver) {
    try {
      await consume();
    } catch (error) {
      if (!(error instanceof connection.connectionErrors)) throw error;
      print(`lost the connection: ${error.code}`);
      await connection.publish(queue, 'after the break');
    }
  }
  await queue.delete(connection);
}
