// The scenarios every client passes, registered as tests of the file that calls this. They run side by side against one
// broker, so each has its own names.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type RunningBroker, type StartOptions, startBroker } from '../../src/embedded.ts';
import { type Channel, type Client, type Connection, type Incoming, Mailbox } from './client.ts';

const FRAME_MAX_BYTES = [4096, 8192, 131_072];
const MIB = 1024 * 1024;

/** A broker on a free port of this machine. */
export function startTestBroker(options: StartOptions = {}): Promise<RunningBroker> {
  return startBroker({ port: 0, ...options });
}

/** Bodies of which an exact number fills one frame, or misses it by a byte. */
function telltaleSizes(): number[] {
  const around = FRAME_MAX_BYTES.flatMap((frameMax) =>
    [-9, -8, -7, 0, 1].map((difference) => frameMax + difference),
  );
  return [0, 1, ...around, 2 * 131_072 - 16, 5 * MIB];
}

export function describeScenarios(client: Client): void {
  let broker: RunningBroker;
  beforeAll(async () => {
    broker = await startTestBroker();
  });
  afterAll(() => broker.close());

  const connect = () => client.connect(broker.url);

  /** Runs with a connection and a channel of its own, and closes both. */
  async function withChannel(
    run: (channel: Channel, connection: Connection) => Promise<void>,
  ): Promise<void> {
    const connection = await connect();
    await run(await connection.channel(), connection);
    await connection.close();
  }

  async function consumeInto(channel: Channel, queue: string): Promise<Mailbox<Incoming>> {
    const mailbox = new Mailbox<Incoming>();
    await channel.consume(queue, { message: mailbox.put });
    return mailbox;
  }

  describe.concurrent(client.name, () => {
    test('publishes with confirms, consumes with acks, in order', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('orders', { durable: true });
        await channel.prefetch(10);
        const mailbox = await consumeInto(channel, queue);
        const bodies = Array.from({ length: 500 }, (_, i) => `order ${i}`);
        const confirmed = Promise.all(
          bodies.map((body) => channel.publish({ routingKey: queue, body })),
        );
        const came: string[] = [];
        while (came.length < bodies.length) {
          const message = await mailbox.next();
          came.push(message.body.toString());
          message.ack();
        }
        await confirmed;
        expect(came).toEqual(bodies);
        expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
      }));

    test('gets no more than its prefetch before it acknowledges', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('prefetched');
        await channel.prefetch(3);
        for (let i = 0; i < 5; i++) await channel.publish({ routingKey: queue, body: `${i}` });
        const mailbox = await consumeInto(channel, queue);
        const [first, second] = await mailbox.take(3);
        expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 2 });
        expect(mailbox.size).toBe(0);
        first?.ack();
        expect((await mailbox.next()).body.toString()).toBe('3');
        second?.ack();
        expect((await mailbox.next()).body.toString()).toBe('4');
      }));

    test('a message that is put back comes again, marked redelivered', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('returned');
        await channel.publish({ routingKey: queue, body: 'again' });
        const mailbox = await consumeInto(channel, queue);
        const first = await mailbox.next();
        expect(first.redelivered).toBe(false);
        first.nack(true);
        const second = await mailbox.next();
        expect(second).toMatchObject({ redelivered: true, body: Buffer.from('again') });
        second.nack(false);
        expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
      }));

    test('what a closed connection had not acknowledged goes to the next one', async ({
      expect,
    }) => {
      const dying = await connect();
      const channel = await dying.channel();
      const { queue } = await channel.queue('inherited');
      for (const body of ['a', 'b']) await channel.publish({ routingKey: queue, body });
      await (await consumeInto(channel, queue)).take(2);
      await dying.close();
      await withChannel(async (heir) => {
        const came = await (await consumeInto(heir, queue)).take(2);
        expect(came.map(({ body, redelivered }) => [body.toString(), redelivered])).toEqual([
          ['a', true],
          ['b', true],
        ]);
      });
    });

    test('a mandatory message that reaches no queue is returned and confirmed', ({ expect }) =>
      withChannel(async (channel) => {
        const returned = new Mailbox<unknown>();
        channel.onReturn(returned.put);
        const route = { exchange: 'amq.direct', routingKey: 'nowhere' };
        await channel.publish({ ...route, body: 'lost', mandatory: true });
        const body = Buffer.from('lost');
        expect(await returned.next()).toEqual({
          replyCode: 312,
          replyText: 'NO_ROUTE',
          ...route,
          body,
        });
      }));

    test('bodies around the size of a frame, and of 5 MiB, come as they went', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('large');
        const mailbox = await consumeInto(channel, queue);
        for (const size of telltaleSizes()) {
          const body = randomBytes(size);
          await channel.publish({ routingKey: queue, body });
          const message = await mailbox.next();
          message.ack();
          expect(message.body.equals(body), `${size} bytes`).toBe(true);
        }
      }));

    test('properties come as they went', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('described');
        const properties = {
          contentType: 'application/octet-stream',
          correlationId: 'c-1',
          replyTo: 'somewhere',
          messageId: 'm-1',
          priority: 7,
          deliveryMode: 2,
          timestamp: 1_700_000_000,
          headers: { text: 'ü', number: 42, yes: true, nested: { list: [1, 'two', null] } },
        };
        await channel.publish({ routingKey: queue, body: 'x', properties });
        const message = await channel.get(queue);
        expect(message).toMatchObject({ exchange: '', routingKey: queue, properties });
        message?.ack();
      }));

    test('basic.get answers with a message or with none', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('polled');
        expect(await channel.get(queue)).toBeUndefined();
        await channel.publish({ routingKey: queue, body: 'one' });
        const message = await channel.get(queue);
        expect(message?.body.toString()).toBe('one');
        message?.ack();
        expect(await channel.get(queue)).toBeUndefined();
      }));

    test('a channel error leaves the connection usable', ({ expect }) =>
      withChannel(async (channel, connection) => {
        const refusals: readonly (readonly [RegExp, (on: Channel) => Promise<unknown>])[] = [
          [/no queue 'missing' in vhost '\/'/, (on) => on.checkQueue('missing')],
          [/no exchange 'missing' in vhost '\/'/, (on) => on.bind(queue, 'missing', '')],
          [/inequivalent arg 'durable' for queue/, (on) => on.queue(queue, { durable: false })],
          [/unknown exchange type 'bogus'/, (on) => on.exchange('typed', 'bogus')],
        ];
        const { queue } = await channel.queue('kept', { durable: true });
        for (const [why, mistake] of refusals) {
          await expect(mistake(await connection.channel()), String(why)).rejects.toThrow(why);
        }
        // A publish has no answer that could be refused: the channel closes under it, each client in its own words.
        const lost = (await connection.channel()).publish({ exchange: 'missing', body: '' });
        await expect(lost).rejects.toThrow();
        await channel.publish({ routingKey: queue, body: 'still here' });
        expect(await (await connection.channel()).checkQueue(queue)).toMatchObject({
          messageCount: 1,
        });
      }));

    test('an exclusive queue is its connection’s alone and goes with it', async ({ expect }) => {
      const owner = await connect();
      const own = await owner.channel();
      await own.queue('mine', { exclusive: true });
      await withChannel(async (_, other) => {
        const locked = /cannot obtain exclusive access to locked queue 'mine'/;
        await expect((await other.channel()).checkQueue('mine')).rejects.toThrow(locked);
        await expect((await other.channel()).queue('mine')).rejects.toThrow(locked);
        await owner.close();
        const heir = await other.channel();
        expect(await heir.queue('mine', { exclusive: true })).toMatchObject({ messageCount: 0 });
      });
    });

    test('a queue without a name is given one', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('', { exclusive: true });
        expect(queue).toMatch(/^amq\.gen-[\w-]{22}$/);
        const mailbox = await consumeInto(channel, queue);
        await channel.publish({ routingKey: queue, body: 'found' });
        expect((await mailbox.next()).body.toString()).toBe('found');
      }));

    test('direct, fanout, topic and headers exchanges route as they should', ({ expect }) =>
      withChannel(async (channel) => {
        const routed = async (type: string, keys: readonly Binding[], sent: readonly Sent[]) => {
          const exchange = `routes-${type}`;
          await channel.exchange(exchange, type);
          const queues: string[] = [];
          for (const { key = '', args } of keys) {
            const { queue } = await channel.queue('', { exclusive: true });
            await channel.bind(queue, exchange, key, args);
            queues.push(queue);
          }
          for (const { key = '', headers = {} } of sent) {
            const message = { exchange, routingKey: key, body: key, properties: { headers } };
            await channel.publish(message);
          }
          const states = await Promise.all(queues.map((queue) => channel.checkQueue(queue)));
          return states.map(({ messageCount }) => messageCount);
        };
        const keys = (...all: string[]) => all.map((key) => ({ key }));
        expect(await routed('direct', keys('a', 'b'), keys('a', 'a', 'c'))).toEqual([2, 0]);
        expect(await routed('fanout', keys('', 'b'), keys('a', 'b'))).toEqual([2, 2]);
        expect(
          await routed(
            'topic',
            keys('logs.*', 'logs.#', '#.error'),
            keys('logs', 'logs.info', 'logs.db.error'),
          ),
        ).toEqual([1, 3, 1]);
        const wanted = { colour: 'red', size: 'L' };
        expect(
          await routed(
            'headers',
            [{ args: { 'x-match': 'all', ...wanted } }, { args: { 'x-match': 'any', ...wanted } }],
            [{ headers: { colour: 'red' } }, { headers: wanted }, { headers: { size: 'S' } }],
          ),
        ).toEqual([1, 2]);
      }));

    test('a request is answered through a reply queue', ({ expect }) =>
      withChannel(async (server) => {
        const { queue } = await server.queue('rpc');
        await server.consume(queue, {
          message: (request) => {
            request.ack();
            const { replyTo = '', correlationId = '' } = request.properties;
            const body = String(Number(request.body) ** 2);
            void server.publish({ routingKey: replyTo, body, properties: { correlationId } });
          },
        });
        await withChannel(async (channel) => {
          const replyQueue = (await channel.queue('', { exclusive: true })).queue;
          const replies = await consumeInto(channel, replyQueue);
          for (const n of [3, 4]) {
            const properties = { replyTo: replyQueue, correlationId: `call-${n}` };
            await channel.publish({ routingKey: queue, body: `${n}`, properties });
          }
          const came = (await replies.take(2)).map((reply) => [
            reply.properties.correlationId,
            reply.body.toString(),
          ]);
          expect(came).toEqual([
            ['call-3', '9'],
            ['call-4', '16'],
          ]);
        });
      }));

    test('a consumer is told when its queue is deleted', ({ expect }) =>
      withChannel(async (channel, connection) => {
        const { queue } = await channel.queue('doomed');
        const cancelled = new Mailbox<string>();
        await channel.consume(queue, {
          message: () => {},
          cancelled: () => cancelled.put('cancelled'),
        });
        await (await connection.channel()).deleteQueue(queue);
        expect(await cancelled.next()).toBe('cancelled');
        // The channel lives on.
        expect(await channel.queue(queue)).toMatchObject({ messageCount: 0 });
      }));

    test('no more is delivered once a consumer is cancelled', ({ expect }) =>
      withChannel(async (channel) => {
        const { queue } = await channel.queue('left');
        const mailbox = new Mailbox<Incoming>();
        const cancel = await channel.consume(queue, { message: mailbox.put });
        await cancel();
        await channel.publish({ routingKey: queue, body: 'later' });
        expect(await channel.checkQueue(queue)).toMatchObject({
          messageCount: 1,
          consumerCount: 0,
        });
        expect(mailbox.size).toBe(0);
      }));

    test('a wrong password and an unknown vhost are refused with a reason', async ({ expect }) => {
      const url = new URL(broker.url);
      url.password = 'wrong';
      await expect(client.connect(url.href)).rejects.toThrow(
        /Login was refused using authentication mechanism PLAIN/,
      );
      // amqplib keeps the reason to itself.
      const why = client.name === 'amqplib' ? /ConnectionClose/ : /vhost nowhere not found/;
      await expect(client.connect(`${broker.url}nowhere`)).rejects.toThrow(why);
    });

    test('with heartbeats of a second, an idle connection lives on', async ({ expect }) => {
      const connection = await client.connect(broker.url, { heartbeat: 1 });
      const ends = new Mailbox<string>();
      connection.onClosed(ends.put);
      const channel = await connection.channel();
      // The broker gives a silent peer up after two to three seconds, and so do the clients.
      await delay(3_500);
      expect(await channel.queue('', { exclusive: true })).toMatchObject({ messageCount: 0 });
      expect(ends.size).toBe(0);
      await connection.close();
    });

    test('a publisher hears that memory is low, and that it is no longer', async ({ expect }) => {
      const small = await startTestBroker({ memoryLimitBytes: 4 * MIB });
      const connection = await client.connect(small.url);
      const blocked = new Mailbox<boolean>();
      connection.onBlocked(blocked.put);
      const channel = await connection.channel();
      const { queue } = await channel.queue('heavy');
      // The broker reads on until the alarm, and confirms what it has read.
      const confirmed = Promise.all(
        Array.from({ length: 8 }, () =>
          channel.publish({ routingKey: queue, body: Buffer.alloc(MIB) }),
        ),
      );
      expect(await blocked.next()).toBe(true);
      const drain = await client.connect(small.url);
      const drained = await consumeInto(await drain.channel(), queue);
      for (let i = 0; i < 8; i++) (await drained.next()).ack();
      expect(await blocked.next()).toBe(false);
      await confirmed;
      await Promise.all([connection.close(), drain.close()]);
      await small.close();
    });

    test('when the broker stops, its clients learn why', async ({ expect }) => {
      const stopping = await startTestBroker();
      const connection = await client.connect(stopping.url);
      await connection.channel();
      const closed = new Mailbox<string>();
      connection.onClosed(closed.put);
      await stopping.close();
      expect(await closed.next()).toMatch(
        /CONNECTION_FORCED.*broker forced connection closure with reason 'shutdown'/,
      );
    });
  });
}

interface Binding {
  readonly key?: string;
  readonly args?: Record<string, unknown>;
}

interface Sent {
  readonly key?: string;
  readonly headers?: Record<string, unknown>;
}
