// rabbitmq-client: what every client passes, then what is its own: consumers and publishers that declare what they need and
// come back by themselves, and transactions.
import { Connection, ConsumerStatus } from 'rabbitmq-client';
import { expect, onTestFinished, test } from 'vitest';
import { Mailbox } from './client.ts';
import { rabbitmqClient } from './rabbitmq-client.ts';
import { describeScenarios, startTestBroker } from './scenarios.ts';

describeScenarios(rabbitmqClient);

test('its RPC client gets direct replies', async () => {
  const broker = await startTestBroker();
  const rabbit = new Connection(broker.url);
  const server = rabbit.createConsumer(
    { queue: 'shout', queueOptions: { exclusive: true } },
    async (request, reply) => {
      await reply(`${request.body}!`);
    },
  );
  await new Promise<void>((resolve) => server.once('ready', resolve));
  const client = rabbit.createRPCClient({ confirm: true });
  const replies = await Promise.all(['a', 'b', 'c'].map((body) => client.send('shout', body)));
  expect(replies.map(({ body }) => body)).toEqual(['a!', 'b!', 'c!']);
  await client.close();
  await server.close();
  await rabbit.close();
  await broker.close();
});

test('a consumer and a publisher declare their queues, exchanges and bindings themselves', async () => {
  const broker = await startTestBroker();
  const rabbit = new Connection(broker.url);
  const handled = new Mailbox<unknown>();
  const consumer = rabbit.createConsumer(
    {
      queue: 'mails',
      qos: { prefetchCount: 2 },
      exchanges: [{ exchange: 'users', type: 'topic' }],
      queueBindings: [{ exchange: 'users', routingKey: 'user.*' }],
    },
    ({ body, redelivered }) => {
      handled.put([body, redelivered]);
      return redelivered ? ConsumerStatus.ACK : ConsumerStatus.REQUEUE;
    },
  );
  await new Promise<void>((resolve) => consumer.once('ready', resolve));
  const publisher = rabbit.createPublisher({ confirm: true, maxAttempts: 2 });
  await publisher.send({ exchange: 'users', routingKey: 'user.created' }, { id: 1 });
  expect(await handled.take(2)).toEqual([
    [{ id: 1 }, false],
    [{ id: 1 }, true],
  ]);
  await publisher.close();
  await consumer.close();
  expect(consumer.stats).toMatchObject({ acknowledged: 1, requeued: 1 });
  await rabbit.close();
  await broker.close();
});

test('a transaction takes effect when it commits, and not when it rolls back', async () => {
  const broker = await startTestBroker();
  const rabbit = new Connection(broker.url);
  const channel = await rabbit.acquire();
  await channel.txSelect();
  const { queue } = await channel.queueDeclare({ exclusive: true });
  const waiting = async () => (await rabbit.queueDeclare({ queue, passive: true })).messageCount;
  await channel.basicPublish({ routingKey: queue }, 'dropped');
  await channel.txRollback();
  await channel.basicPublish({ routingKey: queue }, 'kept');
  expect(await waiting()).toBe(0);
  await channel.txCommit();
  expect(await waiting()).toBe(1);
  await channel.close();
  await rabbit.close();
  await broker.close();
});

test('recovers: consumers and publishers go on when the broker is back on the same port', async () => {
  const first = await startTestBroker();
  const rabbit = new Connection({ url: first.url, retryLow: 20, retryHigh: 100 });
  onTestFinished(() => rabbit.close());
  const errors = new Mailbox<{ code: string }>();
  const connects = new Mailbox<unknown>();
  rabbit.on('error', errors.put);
  const handled = new Mailbox<string>();
  const consumer = rabbit.createConsumer({ queue: 'jobs' }, ({ body }) => handled.put(body));
  onTestFinished(() => consumer.close());
  const publisher = rabbit.createPublisher({ confirm: true, queues: [{ queue: 'jobs' }] });
  onTestFinished(() => publisher.close());
  await publisher.send('jobs', 'before');
  expect(await handled.next()).toBe('before');

  rabbit.on('connection', () => connects.put('connected'));
  await first.close();
  expect((await errors.next()).code).toBe('CONNECTION_FORCED');
  const second = await startTestBroker({ port: first.port });
  onTestFinished(() => second.close());
  await connects.next();
  await publisher.send('jobs', 'after');
  expect(await handled.next()).toBe('after');
});
