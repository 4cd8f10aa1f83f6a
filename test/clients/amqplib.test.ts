// amqplib: what every client passes, then what is its own: waitForConfirms, AMQPLAIN, update-secret, recovery.
import * as amqplib from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { amqplibClient } from './amqplib-client.ts';
import { Mailbox } from './client.ts';
import { describeScenarios, startTestBroker } from './scenarios.ts';

describeScenarios(amqplibClient);

test('waitForConfirms resolves once everything is confirmed', async () => {
  const broker = await startTestBroker();
  const connection = await amqplib.connect(broker.url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('');
  const acked = new Mailbox<unknown>();
  for (let i = 0; i < 100; i++) channel.sendToQueue(queue, Buffer.from(`${i}`), {}, acked.put);
  await channel.waitForConfirms();
  // Each callback is called with null: no error.
  expect(await acked.take(100)).toEqual(new Array(100).fill(null));
  expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 100 });
  await connection.close();
  await broker.close();
});

test('AMQPLAIN logs in, and update-secret is answered', async () => {
  const broker = await startTestBroker();
  const credentials = amqplib.credentials.amqplain('guest', 'guest');
  const connection = await amqplib.connect(broker.url, { credentials });
  const updated = new Promise<void>((resolve) => connection.on('update-secret-ok', resolve));
  await connection.updateSecret(Buffer.from('guest'), 'renewed');
  await updated;
  await connection.close();
  await broker.close();
});

test('recovers: setup and consumers come back when the broker does, on the same port', async () => {
  const first = await startTestBroker();
  const deliveries = new Mailbox<string>();
  const connects = new Mailbox<unknown>();
  const disconnects = new Mailbox<Error>();
  const recovering = await amqplib.connect(first.url, {
    recovery: {
      initialDelay: 20,
      setup: async (model: amqplib.ChannelModel) => {
        const channel = await model.createChannel();
        await channel.assertQueue('jobs');
        await channel.consume('jobs', (message) => {
          if (!message) return;
          deliveries.put(message.content.toString());
          channel.ack(message);
        });
      },
    },
  });
  onTestFinished(() => recovering.close());
  recovering.on('disconnect', disconnects.put);
  recovering.on('error', () => {});

  const publish = async (body: string) => {
    const channel = await recovering.createConfirmChannel();
    channel.sendToQueue('jobs', Buffer.from(body));
    await channel.waitForConfirms();
    await channel.close();
  };
  await publish('before');
  expect(await deliveries.next()).toBe('before');

  recovering.on('connect', connects.put);
  await first.close();
  expect((await disconnects.next()).message).toMatch(/CONNECTION_FORCED/);
  const second = await startTestBroker({ port: first.port });
  onTestFinished(() => second.close());
  await connects.next();
  await publish('after');
  expect(await deliveries.next()).toBe('after');
});
