// What outlives the process: confirmed messages, durable definitions, and the order in which they came; and what does not.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as amqplib from 'amqplib';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Ending,
  type Leveret,
  requireBuild,
  run,
  start,
  temporaryDirectory,
} from './leveret.ts';

beforeAll(requireBuild);

async function startOn(dataDir: string, ...options: string[]): Promise<Leveret> {
  return await start(['--port', '0', '--data-dir', dataDir, ...options]);
}

/** A connection that the broker may cut at any moment. */
async function connect(leveret: Leveret): Promise<amqplib.ChannelModel> {
  const model = await amqplib.connect(await leveret.url());
  model.on('error', () => {});
  onTestFinished(() => model.close().catch(() => {}));
  return model;
}

async function open(leveret: Leveret): Promise<amqplib.ConfirmChannel> {
  const channel = await (await connect(leveret)).createConfirmChannel();
  channel.on('error', () => {});
  return channel;
}

async function publish(
  channel: amqplib.ConfirmChannel,
  queue: string,
  bodies: readonly string[],
  options: amqplib.Options.Publish = { persistent: true },
): Promise<void> {
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body), options);
  await channel.waitForConfirms();
}

interface Got {
  readonly body: string;
  readonly redelivered: boolean;
}

/** Takes everything out of a queue. */
async function drain(channel: amqplib.Channel, queue: string): Promise<Got[]> {
  const got: Got[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return got;
    got.push({ body: message.content.toString(), redelivered: message.fields.redelivered });
  }
}

const fresh = (body: string): Got => ({ body, redelivered: false });
const again = (body: string): Got => ({ body, redelivered: true });

function bodies(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

async function killed(leveret: Leveret): Promise<Ending> {
  leveret.kill('SIGKILL');
  return await leveret.ended;
}

async function stopped(leveret: Leveret): Promise<void> {
  leveret.kill('SIGTERM');
  expect(await leveret.ended).toMatchObject({ status: 0, stderr: '' });
}

/** The two ways to end, for what must hold after either. */
const endings = [
  ['kill -9', killed],
  ['a stop in order', stopped],
] as const;

/** Waits for `count` messages of a consumer that acknowledges none of them. */
async function hold(channel: amqplib.Channel, queue: string, count: number): Promise<string[]> {
  const held: string[] = [];
  await channel.prefetch(count);
  await new Promise<void>((resolve) => {
    void channel.consume(queue, (message) => {
      if (message) held.push(message.content.toString());
      if (held.length === count) resolve();
    });
  });
  return held;
}

describe.each(endings)('after %s', (_, end) => {
  test('confirmed messages are there, in order, and were never delivered', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', bodies(500));
    await end(first);

    const second = await startOn(dataDir);
    expect(await drain(await open(second), 'q')).toEqual(bodies(500).map(fresh));
    expect(second.stdout).not.toMatch(/damage/);
  });

  test('properties, headers and a body of many segments come back as they were', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    const large = Buffer.alloc(5 * 1024 * 1024, 'large body ');
    const headers = { text: 'ä', number: 7, deep: { list: [1, 'two', true] } };
    channel.sendToQueue('q', large, { persistent: true, headers, messageId: 'id' });
    channel.sendToQueue('q', Buffer.alloc(0), { persistent: true });
    await channel.waitForConfirms();
    await end(first);

    const reader = await open(await startOn(dataDir));
    const message = await reader.get('q');
    if (!message) throw new Error('the large message is gone');
    expect(message.content.equals(large)).toBe(true);
    expect(message.properties).toMatchObject({ headers, messageId: 'id', deliveryMode: 2 });
    expect(message.fields).toMatchObject({ routingKey: 'q', messageCount: 1 });
    expect(((await reader.get('q')) as amqplib.GetMessage).content).toHaveLength(0);
  });

  test('what was delivered and not acknowledged is redelivered', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', bodies(10));
    expect(await hold(channel, 'q', 3)).toEqual(['m0', 'm1', 'm2']);
    await end(first);

    const got = await drain(await open(await startOn(dataDir)), 'q');
    expect(got.map(({ body }) => body)).toEqual(bodies(10));
    expect(got.slice(0, 3)).toEqual(bodies(3).map(again));
  });

  test('transient messages are gone, and leave no hole', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    for (const body of bodies(20)) {
      await publish(channel, 'q', [`transient ${body}`], {});
      await publish(channel, 'q', [body]);
    }
    await end(first);

    const second = await startOn(dataDir);
    const reader = await open(second);
    expect(await reader.checkQueue('q')).toMatchObject({ messageCount: 20 });
    expect(await drain(reader, 'q')).toEqual(bodies(20).map(fresh));
    expect(second.stdout).not.toMatch(/damage/);
  });

  test('durable exchanges, queues and bindings come back, and nothing else does', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertExchange('durable', 'topic', { durable: true });
    await channel.assertExchange('next', 'fanout', { durable: true, internal: true });
    await channel.assertExchange('transient', 'fanout', { durable: false });
    await channel.assertExchange('deleted', 'fanout', { durable: true });
    const queueArguments = { 'x-single-active-consumer': true };
    await channel.assertQueue('durable', { durable: true, arguments: queueArguments });
    await channel.assertQueue('transient', { durable: false });
    await channel.assertQueue('exclusive', { durable: true, exclusive: true });
    await channel.assertQueue('deleted', { durable: true });
    await channel.bindQueue('durable', 'durable', 'a.*');
    await channel.bindQueue('durable', 'durable', 'unbound');
    await channel.bindQueue('durable', 'next', '');
    await channel.bindExchange('next', 'durable', 'through.#');
    await channel.bindQueue('durable', 'amq.headers', '', { 'x-match': 'all', colour: 'red' });
    await channel.unbindQueue('durable', 'durable', 'unbound');
    await channel.deleteQueue('deleted');
    await channel.deleteExchange('deleted');
    await end(first);

    const second = await startOn(dataDir);
    for (const queue of ['transient', 'exclusive', 'deleted']) {
      await expect((await open(second)).checkQueue(queue)).rejects.toThrow(/NOT_FOUND/);
    }
    for (const exchange of ['transient', 'deleted']) {
      await expect((await open(second)).checkExchange(exchange)).rejects.toThrow(/NOT_FOUND/);
    }
    const reader = await open(second);
    // The same declaration is accepted, and another is not: they came back with all they had.
    await reader.assertExchange('durable', 'topic', { durable: true });
    await reader.assertExchange('next', 'fanout', { durable: true, internal: true });
    await reader.assertQueue('durable', { durable: true, arguments: queueArguments });
    await expect((await open(second)).assertQueue('durable')).rejects.toThrow(/inequivalent/);

    const options = { persistent: true };
    reader.publish('durable', 'a.b', Buffer.from('by topic'), options);
    reader.publish('durable', 'unbound', Buffer.from('nowhere'), options);
    reader.publish('durable', 'through.here', Buffer.from('by exchange'), options);
    const headers = { colour: 'red' };
    reader.publish('amq.headers', '', Buffer.from('by headers'), { ...options, headers });
    reader.publish('amq.headers', '', Buffer.from('nowhere'), options);
    await reader.waitForConfirms();
    const got = await drain(reader, 'durable');
    expect(got).toEqual(['by topic', 'by exchange', 'by headers'].map(fresh));
  });

  test('what was acknowledged does not come back', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await channel.assertQueue('purged', { durable: true });
    await publish(channel, 'q', bodies(6));
    await publish(channel, 'purged', bodies(6));
    const messages: amqplib.GetMessage[] = [];
    for (let i = 0; i < 5; i++) messages.push((await channel.get('q')) as amqplib.GetMessage);
    for (const at of [1, 4, 0]) channel.ack(messages[at]!);
    channel.nack(messages[2]!, false, false);
    await channel.purgeQueue('purged');
    // An ack is done when something confirmed after it is.
    await publish(channel, 'purged', ['after']);
    await end(first);

    const reader = await open(await startOn(dataDir));
    const left = await drain(reader, 'q');
    expect(left.map(({ body }) => body)).toEqual(['m3', 'm5']);
    // Whatever is left in a queue that was fetched from may have been fetched.
    expect(left[0]).toEqual(again('m3'));
    expect((await drain(reader, 'purged')).map(({ body }) => body)).toEqual(['after']);
  });

  test('a queue that was deleted and declared again stays empty', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('stays', { durable: true });
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'stays', ['kept']);
    await publish(channel, 'q', bodies(5));
    await channel.deleteQueue('q');
    await channel.assertQueue('q', { durable: true });
    await end(first);

    const reader = await open(await startOn(dataDir));
    expect(await drain(reader, 'q')).toEqual([]);
    expect(await drain(reader, 'stays')).toEqual([fresh('kept')]);
  });

  test('a number of a deleted queue is not given away, however often it starts', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('stays', { durable: true });
    await channel.assertQueue('deleted', { durable: true });
    await publish(channel, 'stays', ['kept']);
    await publish(channel, 'deleted', bodies(5, 'deleted '));
    await channel.deleteQueue('deleted');
    await end(first);
    await end(await ready(dataDir));
    const third = await ready(dataDir);
    await (await open(third)).assertQueue('new', { durable: true });
    await end(third);

    const reader = await open(await startOn(dataDir));
    expect(await drain(reader, 'new')).toEqual([]);
    expect(await drain(reader, 'stays')).toEqual([fresh('kept')]);
  });

  test('a backlog lasts through restart after restart, and takes new messages behind it', async () => {
    const dataDir = await temporaryDirectory();
    const expected: string[] = [];
    for (let round = 0; round < 4; round++) {
      const leveret = await startOn(dataDir);
      const channel = await open(leveret);
      await channel.assertQueue('q', { durable: true });
      const more = bodies(50, `${round}.`);
      await publish(channel, 'q', more);
      expected.push(...more);
      await end(leveret);
    }
    const reader = await open(await startOn(dataDir));
    expect((await drain(reader, 'q')).map(({ body }) => body)).toEqual(expected);
  });

  test('a fanout body is there for every queue, until the last of them is done', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertExchange('x', 'fanout', { durable: true });
    for (const queue of ['a', 'b', 'transient']) {
      await channel.assertQueue(queue, { durable: queue !== 'transient' });
      await channel.bindQueue(queue, 'x', '');
    }
    for (const body of bodies(5)) channel.publish('x', '', Buffer.from(body), { persistent: true });
    await channel.waitForConfirms();
    expect(await drain(channel, 'a')).toHaveLength(5);
    await publish(channel, 'a', ['after']);
    await end(first);

    const reader = await open(await startOn(dataDir));
    expect((await drain(reader, 'a')).map(({ body }) => body)).toEqual(['after']);
    expect(await drain(reader, 'b')).toEqual(bodies(5).map(fresh));
  });
});

/** A broker that is past its start. */
async function ready(dataDir: string): Promise<Leveret> {
  const leveret = await startOn(dataDir);
  const model = await amqplib.connect(await leveret.url());
  await model.close();
  return leveret;
}

describe('redelivered', () => {
  test('is not set in a queue that nobody took from, after a crash while others were consumed', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    for (const queue of ['taken', 'waiting']) {
      await channel.assertQueue(queue, { durable: true });
      await publish(channel, queue, bodies(5));
    }
    await hold(channel, 'taken', 5);
    await publish(channel, 'waiting', ['m5']);
    await killed(first);

    const reader = await open(await startOn(dataDir));
    expect(await drain(reader, 'taken')).toEqual(bodies(5).map(again));
    expect(await drain(reader, 'waiting')).toEqual(bodies(6).map(fresh));
  });

  test('is not set for what came after the crash, though it crashes again', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', ['old']);
    await hold(channel, 'q', 1);
    await publish(channel, 'q', ['published while there was a consumer']);
    await killed(first);
    const second = await startOn(dataDir);
    await publish(await open(second), 'q', ['new']);
    await killed(second);

    const got = await drain(await open(await startOn(dataDir)), 'q');
    expect(got.at(0)).toEqual(again('old'));
    expect(got.at(-1)).toEqual(fresh('new'));
  });

  test('is set however short the broker lived after the delivery', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', bodies(5));
    await killed(first);
    const second = await startOn(dataDir);
    await hold(await open(second), 'q', 5);
    await killed(second);

    const got = await drain(await open(await startOn(dataDir)), 'q');
    expect(got).toEqual(bodies(5).map(again));
  });

  test('is set however long ago the consumer came', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await channel.prefetch(2);
    const body = 'x'.repeat(100_000);
    const count = 500;
    // All but the last two are acknowledged: enough to be through with the first files of the log.
    let acked = 0;
    const consumed = new Promise<void>((resolve) => {
      void channel.consume('q', (message) => {
        if (!message) return;
        if (acked < count) channel.ack(message);
        acked += 1;
        if (acked === count + 2) resolve();
      });
    });
    await publish(channel, 'q', Array<string>(count).fill(body));
    await publish(channel, 'q', ['held 1', 'held 2']);
    await consumed;
    await publish(channel, 'q', ['waiting']);
    await killed(first);

    const got = await drain(await open(await startOn(dataDir)), 'q');
    const held = got.filter(({ body }) => body.startsWith('held'));
    expect(held).toEqual([again('held 1'), again('held 2')]);
  });
});

describe('the directory', () => {
  test('a second process is refused, and told whose it is', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', ['m']);
    const { status, stdout, stderr } = await run(['--port', '0', '--data-dir', dataDir]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^leveret: the data directory .* is in use by process \d+; stop that broker or choose another --data-dir\.\n$/,
    );
    expect(stderr).toContain(dataDir);
    // The first one is none the worse for it.
    await publish(channel, 'q', ['m2']);
    await killed(first);
    expect(await drain(await open(await startOn(dataDir)), 'q')).toEqual(['m', 'm2'].map(fresh));
  });

  test('is there for the next as soon as the broker has stopped, or was killed', async () => {
    const dataDir = await temporaryDirectory();
    await stopped(await ready(dataDir));
    await killed(await ready(dataDir));
    await ready(dataDir);
  });

  test('a start that fails for another reason leaves it for the next', async () => {
    const dataDir = await temporaryDirectory();
    const other = await ready(await temporaryDirectory());
    const port = new URL(await other.url()).port;
    const failed = await run(['--port', port, '--data-dir', dataDir]);
    expect(failed).toMatchObject({ status: 1 });
    await ready(dataDir);
  });

  test('--data-dir memory keeps nothing, anywhere', async () => {
    const home = await temporaryDirectory();
    const first = await start(['--port', '0', '--data-dir', 'memory'], { HOME: home });
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', ['m']);
    expect(readdirSync(home)).toEqual([]);
    expect(existsSync('memory')).toBe(false);
    await stopped(first);
    const second = await start(['--port', '0', '--data-dir', 'memory'], { HOME: home });
    await expect((await open(second)).checkQueue('q')).rejects.toThrow(/NOT_FOUND/);
  });

  test('--sync never lasts beyond the process, too', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir, '--sync', 'never');
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', bodies(100));
    await killed(first);
    const second = await startOn(dataDir, '--sync', 'never');
    expect(await drain(await open(second), 'q')).toEqual(bodies(100).map(fresh));
  });

  test('restarts do not make it grow', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startOn(dataDir);
    const channel = await open(first);
    await channel.assertQueue('q', { durable: true });
    await publish(channel, 'q', ['stays']);
    await killed(first);
    const filesAfter: number[] = [];
    for (let round = 0; round < 6; round++) {
      await killed(await ready(dataDir));
      filesAfter.push(readdirSync(join(dataDir, 'log')).length);
    }
    expect(Math.max(...filesAfter)).toBeLessThanOrEqual(4);
  });
});
