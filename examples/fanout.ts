// A fanout exchange: everybody who listens gets a copy, whatever the routing key.
//
// prints:
//   alice hears: lunch is ready
//   bob hears: lunch is ready
import { Connection, Exchange, Queue } from 'leveret';
import type { Stage } from './stage.ts';

export default async function fanout({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const announcements = new Exchange('example.announcements', 'fanout');
  const heard: string[] = [];
  let whenAll = () => {};
  const all = new Promise<void>((resolve) => {
    whenAll = resolve;
  });
  for (const name of ['alice', 'bob']) {
    // A queue without a name of its own: the broker gives it one, and it goes with its listener.
    const ears = new Queue('', { exchange: announcements, exclusive: true, autoDelete: true });
    await connection.consume(ears, ({ body }) => {
      heard.push(`${name} hears: ${body}`);
      if (heard.length === 2) whenAll();
    });
  }

  await connection.publish(announcements, 'lunch is ready');
  await all;
  for (const line of heard.sort()) print(line);
  await announcements.delete(connection);
}
