// A topic exchange: bindings are patterns. `*` stands for one word of the routing key, `#` for any number of them.
//
// prints:
//   mailer: user.created
//   mailer: user.deleted
//   audit: user.created
//   audit: user.deleted
//   audit: order.eu.paid
import { Connection, Exchange, Queue } from 'leveret';
import type { Stage } from './stage.ts';

export default async function topic({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const events = new Exchange('example.events', 'topic');
  const mailer = new Queue('example.mailer', { exchange: events, routingKey: 'user.*' });
  const audit = new Queue('example.audit', { exchange: events, routingKey: '#' });
  await mailer.declare(connection);
  await audit.declare(connection);

  for (const routingKey of ['user.created', 'user.deleted', 'order.eu.paid']) {
    await connection.publish(events, { at: new Date() }, { routingKey });
  }

  for (const [name, queue, count] of [
    ['mailer', mailer, 2],
    ['audit', audit, 3],
  ] as const) {
    let left: number = count;
    for await (const message of connection.consume(queue)) {
      print(`${name}: ${message.deliveryInfo.routingKey}`);
      await message.ack();
      left -= 1;
      if (left === 0) break;
    }
    await queue.delete(connection);
  }
  await events.delete(connection);
}
