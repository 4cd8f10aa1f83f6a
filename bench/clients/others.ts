// The other clients for Node, as their READMEs advise for speed.
import { AMQPClient } from '@cloudamqp/amqp-client';
import amqplib from 'amqplib';
import { Connection as RabbitConnection } from 'rabbitmq-client';
import { type BenchClient, withWindow } from './client.ts';

export async function amqplibClient(url: string, queue: string): Promise<BenchClient> {
  const connection = await amqplib.connect(url);
  const plain = await connection.createChannel();
  const confirming = await connection.createConfirmChannel();
  const publishes = (channel: typeof plain, body: Buffer) => channel.sendToQueue(queue, body);
  return {
    async publish(count, body) {
      for (let i = 0; i < count; i++) {
        if (publishes(plain, body)) continue;
        await new Promise<void>((resolve) => plain.once('drain', () => resolve()));
      }
    },
    confirm: (count, body, window) =>
      withWindow(
        count,
        window,
        () =>
          new Promise<void>((resolve, reject) => {
            confirming.sendToQueue(queue, body, {}, (error) => (error ? reject(error) : resolve()));
          }),
      ),
    async consume(count, prefetch) {
      const channel = await connection.createChannel();
      await channel.prefetch(prefetch);
      let left = count;
      await new Promise<void>((resolve) => {
        void channel.consume(queue, (message) => {
          channel.ack(message!);
          if (--left === 0) resolve();
        });
      });
      await channel.close();
    },
    close: () => connection.close(),
  };
}

export async function rabbitmqClient(url: string, queue: string): Promise<BenchClient> {
  const connection = new RabbitConnection(url);
  await connection.onConnect();
  const plain = connection.createPublisher({ confirm: false });
  const confirming = connection.createPublisher({ confirm: true });
  return {
    publish: (count, body) => withWindow(count, 1000, () => plain.send(queue, body)),
    confirm: (count, body, window) => withWindow(count, window, () => confirming.send(queue, body)),
    async consume(count, prefetch) {
      let left = count;
      let done!: () => void;
      const all = new Promise<void>((resolve) => {
        done = resolve;
      });
      const consumer = connection.createConsumer(
        { queue, qos: { prefetchCount: prefetch } },
        async () => {
          if (--left === 0) done();
        },
      );
      await all;
      await consumer.close();
    },
    async close() {
      await plain.close();
      await confirming.close();
      await connection.close();
    },
  };
}

export async function amqpClientJs(url: string, queue: string): Promise<BenchClient> {
  const client = new AMQPClient(url);
  const connection = await client.connect();
  const plain = await connection.channel();
  const confirming = await connection.channel();
  await confirming.confirmSelect();
  return {
    publish: (count, body) => withWindow(count, 1000, () => plain.basicPublish('', queue, body)),
    confirm: (count, body, window) =>
      withWindow(count, window, () => confirming.basicPublish('', queue, body)),
    async consume(count, prefetch) {
      const channel = await connection.channel();
      await channel.prefetch(prefetch);
      let left = count;
      await new Promise<void>((resolve) => {
        void channel.basicConsume(queue, { noAck: false }, (message) => {
          void message.ack();
          if (--left === 0) resolve();
        });
      });
      await channel.close();
    },
    close: () => connection.close(),
  };
}
