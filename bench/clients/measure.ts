// One client, one scenario, one run, in a process of its own: `measure.ts CLIENT SCENARIO SIZE URL COUNT`. Prints what it took as
// one line of JSON.
import amqplib from 'amqplib';
import { ownCpuSeconds } from '../target/process-usage.ts';
import type { BenchClient } from './client.ts';
import { managed, raw } from './leveret.ts';
import { amqpClientJs, amqplibClient, rabbitmqClient } from './others.ts';

const clients: Record<string, (url: string, queue: string) => Promise<BenchClient>> = {
  leveret: managed,
  'leveret-channel': raw,
  amqplib: amqplibClient,
  'rabbitmq-client': rabbitmqClient,
  'amqp-client.js': amqpClientJs,
};

const [name = '', scenario = '', size = '16', url = '', count = '100000'] = process.argv.slice(2);
const messages = Number(count);
const body = Buffer.alloc(Number(size), 'x');
const queue = `bench-client-${process.pid}`;

const setup = await amqplib.connect(url);
const channel = await setup.createConfirmChannel();
await channel.assertQueue(queue, { durable: false });

const client = await clients[name]!(url, queue);

async function fill(howMany: number): Promise<void> {
  for (let i = 0; i < howMany; i++) {
    channel.sendToQueue(queue, body);
    if (i % 1000 === 999) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
}

async function run(howMany: number): Promise<void> {
  if (scenario === 'publish') await client.publish(howMany, body);
  else if (scenario === 'confirm') await client.confirm(howMany, body, 1000);
  else await client.consume(howMany, 200);
}

/** Unconfirmed publishes count when the broker has them all. */
async function arrived(howMany: number): Promise<void> {
  while ((await channel.checkQueue(queue)).messageCount < howMany) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const warmUp = Math.ceil(messages / 4);
if (scenario === 'consume') await fill(warmUp);
await run(warmUp);
if (scenario === 'publish') await arrived(warmUp);
await channel.purgeQueue(queue);
if (scenario === 'consume') await fill(messages);

const cpu = ownCpuSeconds();
const startedAt = performance.now();
await run(messages);
const cpuUs = ((ownCpuSeconds() - cpu) * 1e6) / messages;
if (scenario === 'publish') await arrived(messages);
const seconds = (performance.now() - startedAt) / 1000;

await channel.deleteQueue(queue);
await client.close();
await setup.close();
console.log(JSON.stringify({ cpuUs, perSecond: messages / seconds }));
