// @cloudamqp/amqp-client: what every client passes, then what is its own: generators of messages, transactions, sessions.
import { AMQPClient, AMQPSession } from '@cloudamqp/amqp-client';
import { expect, onTestFinished, test } from 'vitest';
import { amqpClient } from './amqp-client.ts';
import { Mailbox } from './client.ts';
import { describeScenarios, startTestBroker } from './scenarios.ts';

describeScenarios(amqpClient);

test('its RPC client and server talk through direct replies', async () => {
  const broker = await startTestBroker();
  const session = await AMQPSession.connect(broker.url);
  await session.rpcServer('shout', (request) => `${request.bodyString()}!`);
  expect((await session.rpcCall('shout', 'hello')).bodyString()).toBe('hello!');
  const rpc = await session.rpcClient();
  const replies = await Promise.all(['a', 'b', 'c'].map((body) => rpc.call('shout', body)));
  expect(replies.map((reply) => reply.bodyString())).toEqual(['a!', 'b!', 'c!']);
  await rpc.close();
  await session.stop();
  await broker.close();
});

test('messages can be iterated over', async () => {
  const broker = await startTestBroker();
  const client = new AMQPClient(broker.url);
  await client.connect();
  const channel = await client.channel();
  const { name } = await channel.queueDeclare('');
  for (const body of ['a', 'b', 'c']) await channel.basicPublish('', name, body);
  const consumer = await channel.basicConsume(name, { noAck: false });
  const came: (string | null)[] = [];
  for await (const message of consumer.messages) {
    came.push(message.bodyString());
    await message.ack();
    if (came.length === 3) break;
  }
  expect(came).toEqual(['a', 'b', 'c']);
  await client.close();
  await broker.close();
});

test('a transaction takes effect when it commits, and not when it rolls back', async () => {
  const broker = await startTestBroker();
  const client = new AMQPClient(broker.url);
  await client.connect();
  const channel = await client.channel();
  const { name } = await channel.queueDeclare('');
  const waiting = async () => (await channel.queueDeclare(name, { passive: true })).messageCount;
  await channel.txSelect();
  await channel.basicPublish('', name, 'dropped');
  await channel.txRollback();
  await channel.basicPublish('', name, 'kept');
  expect(await waiting()).toBe(0);
  await channel.txCommit();
  expect(await waiting()).toBe(1);
  await client.close();
  await broker.close();
});

test('update-secret is answered', async () => {
  const broker = await startTestBroker();
  const client = new AMQPClient(broker.url);
  await client.connect();
  await client.updateSecret('guest', 'renewed');
  await client.close();
  await broker.close();
});

test('a session resumes its subscriptions when the broker is back on the same port', async () => {
  const first = await startTestBroker();
  const connects = new Mailbox<unknown>();
  const disconnects = new Mailbox<Error | undefined>();
  const session = await AMQPSession.connect(first.url, {
    reconnectInterval: 20,
    // The library counts on its durable queue, and this broker forgets all when it stops.
    beforeConnect: async () => {
      const client = new AMQPClient(first.url);
      await client.connect();
      await (await client.channel()).queueDeclare('jobs', { durable: true });
      await client.close();
    },
    onconnect: connects.put,
    ondisconnect: disconnects.put,
  });
  onTestFinished(() => session.stop());
  await connects.next();
  const handled = new Mailbox<string | null>();
  const queue = await session.queue('jobs', { durable: true });
  await queue.subscribe({ prefetch: 5 }, (message) => handled.put(message.bodyString()));
  await queue.publish('before');
  expect(await handled.next()).toBe('before');

  await first.close();
  expect((await disconnects.next())?.message).toMatch(/CONNECTION_FORCED/);
  const second = await startTestBroker({ port: first.port });
  onTestFinished(() => second.close());
  await connects.next();
  await queue.publish('after');
  expect(await handled.next()).toBe('after');
});
