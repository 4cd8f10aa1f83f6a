/** RabbitMQ's six tutorials as amqplib programs; prints the lines ../results.ts reads. */
import { deepStrictEqual } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Party, together } from './party.ts';

const name = (noun: string): string => `interop.amqplib.${noun}.${process.env.INTEROP_RUN}`;

const tutorials: Readonly<Record<string, () => Promise<void>>> = {
  'tutorial-hello-world': () =>
    together(2, async (sender, receiver) => {
      const queue = name('hello');
      await sender.channel.assertQueue(queue, { durable: false });
      sender.channel.sendToQueue(queue, Buffer.from('Hello World!'));
      // Both declare, so either may start first.
      await receiver.channel.assertQueue(queue, { durable: false });
      await receiver.hear(queue);
      await receiver.hasHeard(1);
      deepStrictEqual(receiver.texts(), ['Hello World!']);
      await receiver.channel.deleteQueue(queue);
    }),

  'tutorial-work-queues': () =>
    together(3, async (boss, first, second) => {
      const queue = name('tasks');
      await boss.channel.assertQueue(queue, { durable: true });
      for (const worker of [first, second]) {
        await worker.channel.prefetch(1);
        await worker.hear(queue, false);
      }
      const tasks = ['task 0', 'task 1', 'task 2', 'task 3'];
      for (const task of tasks) {
        boss.channel.sendToQueue(queue, Buffer.from(task), { persistent: true });
      }
      // Each worker is busy with one task, and gets the next only when it has acked that.
      await first.hasHeard(1);
      await second.hasHeard(1);
      first.channel.ack(first.heard[0]!);
      await first.hasHeard(2);
      // The first worker stops without acking its second task, which the second one then does.
      await first.leave();
      for (let done = 1; done <= 3; done++) {
        await second.hasHeard(done);
        second.channel.ack(second.heard[done - 1]!);
      }
      const abandoned = first.texts()[1];
      const again = second.heard.filter((message) => message.content.toString() === abandoned);
      deepStrictEqual(
        again.map((message) => message.fields.redelivered),
        [true],
      );
      deepStrictEqual([first.texts()[0], ...second.texts()].toSorted(), tasks);
      await second.channel.deleteQueue(queue);
    }),

  'tutorial-publish-subscribe': () =>
    together(3, async (emitter, screen, disk) => {
      const exchange = name('logs');
      await emitter.channel.assertExchange(exchange, 'fanout', { durable: false });
      emitter.channel.publish(exchange, '', Buffer.from('nobody listens yet'));
      // A reply on the same channel tells that the broker is past that message.
      await emitter.channel.checkExchange(exchange);
      for (const listener of [screen, disk]) {
        await listener.channel.assertExchange(exchange, 'fanout', { durable: false });
        await listener.subscribe(exchange, '');
      }
      emitter.channel.publish(exchange, '', Buffer.from('info: all is well'));
      for (const listener of [screen, disk]) {
        await listener.hasHeard(1);
        deepStrictEqual(listener.texts(), ['info: all is well']);
      }
      await emitter.channel.deleteExchange(exchange);
    }),

  'tutorial-routing': () =>
    together(3, async (emitter, everything, alarm) => {
      const exchange = name('levels');
      await emitter.channel.assertExchange(exchange, 'direct', { durable: false });
      await everything.subscribe(exchange, 'info', 'warning', 'error');
      await alarm.subscribe(exchange, 'error');
      for (const level of ['info', 'error', 'debug', 'warning']) {
        emitter.channel.publish(exchange, level, Buffer.from(level.toUpperCase()));
      }
      await everything.hasHeard(3);
      await alarm.hasHeard(1);
      deepStrictEqual(everything.keys(), ['info', 'error', 'warning']);
      deepStrictEqual(everything.texts(), ['INFO', 'ERROR', 'WARNING']);
      deepStrictEqual(alarm.keys(), ['error']);
      await emitter.channel.deleteExchange(exchange);
    }),

  'tutorial-topics': () =>
    together(4, async (emitter, kernel, critical, both) => {
      const exchange = name('facilities');
      await emitter.channel.assertExchange(exchange, 'topic', { durable: false });
      await kernel.subscribe(exchange, 'kern.*');
      await critical.subscribe(exchange, '*.critical');
      await both.subscribe(exchange, 'kern.*', '*.critical');
      const keys = ['kern.critical', 'kern.info', 'cron.critical', 'cron.info', 'kern.a.b'];
      for (const key of keys) emitter.channel.publish(exchange, key, Buffer.alloc(0));
      await both.hasHeard(3);
      await kernel.hasHeard(2);
      await critical.hasHeard(2);
      deepStrictEqual(kernel.keys(), ['kern.critical', 'kern.info']);
      deepStrictEqual(critical.keys(), ['kern.critical', 'cron.critical']);
      // Two bindings match the first message, and one copy comes.
      deepStrictEqual(both.keys(), ['kern.critical', 'kern.info', 'cron.critical']);
      await emitter.channel.deleteExchange(exchange);
    }),

  'tutorial-rpc': () =>
    together(2, async (server, client) => {
      const queue = name('rpc');
      await server.channel.assertQueue(queue, { durable: false });
      await serveFibonacci(server, queue);
      const { queue: replyTo } = await client.channel.assertQueue('', { exclusive: true });
      await client.hear(replyTo);
      const calls = [1, 10, 30].map((number) => ({ number, correlationId: randomUUID() }));
      for (const { number, correlationId } of calls) {
        const request = Buffer.from(`${number}`);
        client.channel.sendToQueue(queue, request, { correlationId, replyTo });
      }
      await client.hasHeard(3);
      const results = calls.map(({ correlationId }) => {
        const reply = client.heard.find(({ properties }) => {
          return properties.correlationId === correlationId;
        });
        return reply?.content.toString();
      });
      deepStrictEqual(results, ['1', '55', '832040']);
      await server.channel.deleteQueue(queue);
    }),
};

async function serveFibonacci(server: Party, queue: string): Promise<void> {
  const { channel } = server;
  await channel.prefetch(1);
  await channel.consume(queue, (request) => {
    if (request === null) return;
    const { replyTo, correlationId } = request.properties;
    const result = `${fibonacci(Number(request.content.toString()))}`;
    channel.sendToQueue(replyTo, Buffer.from(result), { correlationId });
    channel.ack(request);
  });
}

function fibonacci(number: number): number {
  let [before, current] = [0, 1];
  for (let step = 0; step < number; step++) [before, current] = [current, before + current];
  return before;
}

const manifest = await readFile(new URL('package.json', import.meta.resolve('amqplib')), 'utf8');
console.log(`client amqplib ${(JSON.parse(manifest) as { version: string }).version}`);
for (const [tutorial, play] of Object.entries(tutorials)) {
  try {
    await play();
    console.log(`ok ${tutorial}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`not ok ${tutorial} - ${reason.split(/\s+/).join(' ')}`);
    process.exitCode = 1;
  }
}
