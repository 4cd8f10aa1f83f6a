// The post office: a producer hands a letter to an exchange, the exchange puts it into a queue, and a consumer takes it out.
//
// prints:
//   BOB receives: Hello there!
//   BOB receives: How are you?
import {
  Connection,
  Consumer,
  Exchange,
  type Message,
  Producer,
  Queue,
  TimeoutError,
} from 'leveret';
import type { Stage } from './stage.ts';

export default async function basics({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker, { heartbeat: 10 });
  const channel = await connection.channel();

  const exchange = new Exchange('example-exchange', { type: 'direct' });
  const queue = new Queue('example-queue', { exchange, routingKey: 'BOB' });
  queue.maybeBind(connection);
  await queue.declare();

  const producer = new Producer({ channel, exchange, routingKey: 'BOB' });
  await producer.publish('Hello there!');
  await producer.publish('How are you?');

  const onMessage = async (body: string, message: Message) => {
    print(`BOB receives: ${body}`);
    await message.ack();
  };
  const consumer = new Consumer(channel, {
    queues: [queue],
    callbacks: [onMessage],
    accept: ['text/plain'],
  });
  await consumer.consume();
  await drained(connection);
  await consumer.cancel();
  await queue.delete();
}

/** Hands out messages until none comes any more. */
async function drained(connection: Connection): Promise<void> {
  for (;;) {
    try {
      await connection.drainEvents({ timeout: '200ms' });
    } catch (error) {
      if (error instanceof TimeoutError) return;
      throw error;
    }
  }
}
