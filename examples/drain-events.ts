// A consumer on a channel is handed its messages inside `drainEvents`, which waits so long and no longer: Kombu's way.
//
// prints:
//   received: one
//   received: two
//   nothing for 2 seconds
import { Connection, Consumer, Queue, TimeoutError } from 'leveret';
import type { Stage } from './stage.ts';

export default async function drainEvents({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const queue = new Queue('example.drained');
  await queue.declare(connection);
  await connection.publish(queue, 'one');
  await connection.publish(queue, 'two');

  const consumer = new Consumer(await connection.channel(), { queues: queue });
  consumer.registerCallback(async (body, message) => {
    print(`received: ${body}`);
    await message.ack();
  });
  await consumer.consume();
  for (;;) {
    try {
      await connection.drainEvents({ timeout: 2 });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      print('nothing for 2 seconds');
      break;
    }
  }
  await consumer.cancel();
  await queue.delete(connection);
}
