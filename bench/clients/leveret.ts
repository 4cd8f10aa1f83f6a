// This package's own client: the managed way (`conn.publish`, `conn.consume`), and its raw channel.
import { Connection } from '../../src/client/index.ts';
import { type BenchClient, withWindow } from './client.ts';

export async function managed(url: string, queue: string): Promise<BenchClient> {
  const connection = new Connection(url);
  await connection.connect();
  const options = { queue, deliveryMode: 'transient', expiration: null } as const;
  const confirmed = connection.producer<Buffer>(options);
  const unconfirmed = connection.producer<Buffer>({ ...options, confirm: false });
  return {
    async publish(count, body) {
      await withWindow(count, 1000, () => unconfirmed.publish(body));
    },
    confirm: (count, body, window) => withWindow(count, window, () => confirmed.publish(body)),
    async consume(count, prefetch) {
      let left = count;
      let done!: () => void;
      const all = new Promise<void>((resolve) => {
        done = resolve;
      });
      const handler = () => {
        if (--left === 0) done();
      };
      const subscription = await connection.consume(queue, handler, { prefetch });
      await all;
      await subscription.stop();
    },
    close: () => connection.close(),
  };
}

export async function raw(url: string, queue: string): Promise<BenchClient> {
  const connection = new Connection(url);
  const plain = await connection.channel();
  const confirming = await connection.channel();
  await confirming.confirmSelect();
  const options = { routingKey: queue };
  return {
    publish: (count, body) => withWindow(count, 1000, () => plain.basicPublish(body, options)),
    confirm: (count, body, window) =>
      withWindow(count, window, () => confirming.basicPublish(body, options)),
    async consume(count, prefetch) {
      const channel = await connection.channel();
      await channel.basicQos({ prefetchCount: prefetch });
      let left = count;
      await new Promise<void>((resolve) => {
        void channel.basicConsume(queue, (message) => {
          void message.ack();
          if (--left === 0) resolve();
        });
      });
      await channel.close();
    },
    close: () => connection.close(),
  };
}
