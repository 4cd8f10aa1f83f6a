// A direct exchange: a message goes to the queues that were bound with exactly its routing key.
//
// prints:
//   errors: disk is full
//   everything: disk is full
//   everything: disk is half full
import { Connection, Exchange, Queue } from 'leveret';
import type { Stage } from './stage.ts';

export default async function direct({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const logs = new Exchange('example.logs', 'direct');
  const errors = new Queue('example.errors', { exchange: logs, routingKey: 'error' });
  const everything = new Queue('example.everything', {
    bindings: [
      { exchange: logs, routingKey: 'error' },
      { exchange: logs, routingKey: 'info' },
    ],
  });
  await errors.declare(connection);
  await everything.declare(connection);

  await connection.publish(logs, 'disk is full', { routingKey: 'error' });
  await connection.publish(logs, 'disk is half full', { routingKey: 'info' });
  await connection.publish(logs, 'disk is there', { routingKey: 'debug' });

  for (const [name, queue] of Object.entries({ errors, everything })) {
    for (
      let message = await connection.get(queue);
      message;
      message = await connection.get(queue)
    ) {
      print(`${name}: ${message.body}`);
      await message.ack();
    }
    await queue.delete(connection);
  }
  await logs.delete(connection);
}
