/**
 * Our own client against the broker under test, with Kombu at the other end: Kombu reads what we write, we read what Kombu
 * writes, each serves the other's requests, and every example of examples/ does what it says.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection, fixed, type Message, Queue, type Subscription } from 'leveret';
import { exampleNames, loadExample, milliseconds } from '../../../examples/catalogue.ts';
import { CeleryWorker } from './celery.ts';
import { Partner } from './partner.ts';

const url = process.env.AMQP_URL ?? '';
const run = process.env.INTEROP_RUN ?? '';
const [python = 'python3'] = process.argv.slice(2);

const nameOf = (noun: string) => `interop.leveret.${noun}.${run}`;

async function withQueue(
  noun: string,
  use: (connection: Connection, queue: Queue) => Promise<void>,
): Promise<void> {
  const connection = new Connection(url);
  const queue = new Queue(nameOf(noun));
  try {
    await queue.declare(connection);
    await use(connection, queue);
  } finally {
    await queue.delete(connection).catch(() => {});
    await connection.close();
  }
}

async function kombuReadsBodies(partner: Partner): Promise<void> {
  await withQueue('bodies', async (connection, queue) => {
    const at = new Date('2026-11-23T10:00:00.500Z');
    const written = [
      ['Grüße', undefined],
      [Uint8Array.of(0xff, 0), undefined],
      [{ id: 7, list: [1, null, true, 0.5], text: 'ü' }, undefined],
      [{ at, raw: Uint8Array.of(0xff), text: new TextEncoder().encode('text') }, undefined],
      [{ id: 7 }, 'gzip'],
      ['x'.repeat(200_000), 'zlib'],
    ] as const;
    for (const [body, compression] of written) {
      await connection.publish(queue, body, compression ? { compression } : {});
    }
    const seen = await partner.consume(queue.name, written.length);
    assert.deepEqual(
      seen.map(({ body, contentType, contentEncoding }) => [body, contentType, contentEncoding]),
      [
        ["'Grüße'", 'text/plain', 'utf-8'],
        ["b'\\xff\\x00'", 'application/data', 'binary'],
        ["{'id': 7, 'list': [1, None, True, 0.5], 'text': 'ü'}", 'application/json', 'utf-8'],
        [
          "{'at': datetime.datetime(2026, 11, 23, 10, 0, 0, 500000, tzinfo=datetime.timezone.utc), " +
            "'raw': b'\\xff', 'text': b'text'}",
          'application/json',
          'utf-8',
        ],
        ["{'id': 7}", 'application/json', 'utf-8'],
        [`'${'x'.repeat(200_000)}'`, 'text/plain', 'utf-8'],
      ],
    );
  });
}

async function kombuReadsProperties(partner: Partner): Promise<void> {
  await withQueue('properties', async (connection, queue) => {
    const at = new Date('2026-11-23T10:00:00Z');
    const headers = {
      text: 'x',
      whole: 5,
      large: 2 ** 40,
      half: 0.5,
      yes: true,
      none: null,
      at,
      list: [1, 'a'],
      table: { a: { b: 1 } },
      bytes: Uint8Array.of(0xff),
    };
    await connection.publish(queue, 'x', {
      headers,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'r-1',
      messageId: 'm-1',
      type: 't-1',
      appId: 'a-1',
      expiration: '60s',
    });
    const [seen] = await partner.consume(queue.name, 1);
    assert.deepEqual(seen?.headers, {
      text: "'x'",
      whole: '5',
      large: '1099511627776',
      half: '0.5',
      yes: 'True',
      none: 'None',
      at: 'datetime.datetime(2026, 11, 23, 10, 0)',
      list: "[1, 'a']",
      table: "{'a': {'b': 1}}",
      bytes: "b'\\xff'",
    });
    const { timestamp, ...properties } = seen?.properties ?? {};
    assert.ok(timestamp);
    assert.deepEqual(properties, {
      content_type: "'text/plain'",
      content_encoding: "'utf-8'",
      delivery_mode: '2',
      priority: '3',
      correlation_id: "'c-1'",
      reply_to: "'r-1'",
      message_id: "'m-1'",
      type: "'t-1'",
      app_id: "'a-1'",
      expiration: "'60000'",
    });
  });
}

async function next(connection: Connection, queue: Queue): Promise<Message> {
  for (let tries = 0; tries < 200; tries++) {
    const message = await connection.get(queue);
    if (message) {
      await message.ack();
      return message;
    }
    await delay(20);
  }
  throw new Error(`nothing came to ${queue.name}`);
}

async function weReadKombus(partner: Partner): Promise<void> {
  await withQueue('kombus', async (connection, queue) => {
    const expected: readonly (readonly [body: string, more: object, value: unknown])[] = [
      ['text', {}, 'Grüße'],
      ['bytes', {}, Uint8Array.of(0xff, 0)],
      ['number', { serializer: 'json' }, 7],
      ['object', {}, { id: 7, list: [1, null, true, 0.5] }],
      ['object', { compression: 'zlib' }, { id: 7, list: [1, null, true, 0.5] }],
      [
        'typed',
        {},
        {
          aware: new Date('2026-11-23T10:00:00.500Z'),
          naive: new Date('2026-11-23T10:00:00Z'),
          date: '2026-11-23',
          decimal: '3.1400',
          uuid: '01234567-89ab-4def-8123-456789abcdef',
          text: new TextEncoder().encode('text'),
          bytes: Uint8Array.of(0xff),
        },
      ],
    ];
    for (const [body, more, value] of expected) {
      await partner.publish(queue.name, body, more);
      const message = await next(connection, queue);
      assert.deepEqual(message.body, value, body);
    }
    await partner.publish(queue.name, 'text', { headers: true });
    const { headers, properties } = await next(connection, queue);
    assert.deepEqual(headers, {
      text: 'x',
      whole: 5,
      large: 2 ** 40,
      half: 0.5,
      yes: true,
      none: null,
      at: new Date('2026-11-23T10:00:00Z'),
      list: [1, 'a'],
      table: { a: { b: 1 } },
      decimal: 3.14,
    });
    assert.equal(properties.priority, 3);
    assert.equal(properties.correlationId, 'c-1');
    assert.equal(properties.messageId, 'm-1');
    assert.equal(properties.deliveryMode, 2);
  });
}

async function kombuServesOurCall(partner: Partner): Promise<void> {
  await withQueue('their-service', async (connection, queue) => {
    const answered = partner.answer(queue.name);
    const reply = await connection.call<{ sum: number }>(queue.name, [2, 3], { timeout: '10s' });
    assert.deepEqual(reply, { sum: 5 });
    assert.deepEqual(await answered, [[2, 3]]);
  });
}

async function weServeKombusCall(partner: Partner): Promise<void> {
  await withQueue('our-service', async (connection, queue) => {
    await connection.consume(queue, async (message) => {
      const parts = message.body as number[];
      await message.reply({ sum: parts.reduce((sum, part) => sum + part, 0) });
    });
    assert.deepEqual(await partner.ask(queue.name, [2, 3]), [{ sum: 5 }]);
  });
}

/** Whoever declares it second must find it as he would have it. */
async function oneLadder(partner: Partner): Promise<void> {
  await withQueue('delayed', async (connection, queue) => {
    await connection.publish(queue, 'later', { delay: 1 });
    await partner.declareLadder('classic');
    const message = await next(connection, queue);
    assert.equal(message.body, 'later');
  });
}

/** What our handler failed at comes back by the ladder to whoever reads the queue then. */
async function kombuTakesOurRetry(partner: Partner): Promise<void> {
  await withQueue('retried', async (connection, queue) => {
    const failed = new Promise<Subscription>((resolve) => {
      const subscription = connection.consume(
        queue,
        () => {
          void subscription.then(resolve);
          throw new RangeError('out of paper');
        },
        { retry: { maxRetries: 5, backoff: fixed('2s') } },
      );
    });
    const startedMs = Date.now();
    await connection.publish(queue, { id: 7 }, { headers: { source: 'import' } });
    await (await failed).stop();
    const [seen] = await partner.consume(queue.name, 1);
    assert.ok(Date.now() - startedMs >= 1_950, 'it came too soon');
    assert.equal(seen?.body, "{'id': 7}");
    const { 'x-first-death-at': at, 'x-death': deaths, ...headers } = seen?.headers ?? {};
    assert.match(at ?? '', /^datetime\.datetime\(/);
    // The broker writes down each rung that it came by.
    assert.match(deaths ?? '', /celery_delayed_1/);
    assert.deepEqual(without(headers, /^x-(first|last)-death-/), {
      source: "'import'",
      'x-retry-count': '1',
      'x-exception-type': "'RangeError'",
      'x-exception-message': "'out of paper'",
    });
  });
}

function without<Value>(
  record: Readonly<Record<string, Value>>,
  names: RegExp,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.test(name)));
}

async function kombuDelaysToUs(partner: Partner): Promise<void> {
  await withQueue('from-kombu', async (connection, queue) => {
    // Ours first: the ladder is there before Kombu knows of it.
    await connection.publish(queue, 'ours', { delay: 1 });
    const startedMs = Date.now();
    await partner.delay(queue.name, 'object', 3);
    try {
      assert.equal((await next(connection, queue)).body, 'ours');
      const message = await next(connection, queue);
      assert.deepEqual(message.body, { id: 7, list: [1, null, true, 0.5] });
      assert.ok(Date.now() - startedMs >= 2_950, 'it came too soon');
      assert.equal(message.attempt, 1);
    } finally {
      await partner.dropExchange(queue.name);
    }
  });
}

async function celeryRunsOurTasks(): Promise<void> {
  const connection = new Connection(url);
  const worker = await CeleryWorker.start(python, connection, nameOf('celery'));
  try {
    const [sum] = await worker.add([2, 3]);
    assert.equal(sum, 5);
    const [later, afterSeconds] = await worker.add([3, 4], { delay: '2s' });
    assert.equal(later, 7);
    assert.ok(afterSeconds >= 1.95, `it ran after ${afterSeconds} s`);
    // Twice Celery itself sends it down the ladder that we have declared.
    const [atLast, retriedSeconds] = await worker.add([4, 5, 2]);
    assert.equal(atLast, 9);
    assert.ok(retriedSeconds >= 1.95, `its retries took ${retriedSeconds} s`);
  } finally {
    await worker.stop();
    await connection.close();
  }
}

async function weTakeCelerysTask(partner: Partner): Promise<void> {
  await withQueue('tasks', async (connection, queue) => {
    const id = await partner.sendTask(queue.name, [2, 3]);
    const { body, headers } = await next(connection, queue);
    assert.deepEqual((body as unknown[]).slice(0, 2), [[2, 3], { failures: 0 }]);
    assert.deepEqual([headers.task, headers.id, headers.retries], ['interop.add', id, 0]);
  });
}

async function examples(): Promise<void> {
  for (const name of exampleNames()) {
    const lines: string[] = [];
    const { example, printed } = await loadExample(name);
    await example({
      broker: url,
      print: (line) => void lines.push(line),
      pass: async (time) => void (await delay(milliseconds(time))),
      interrupt: async (connection) => {
        await delay(100);
        connection.collect();
      },
    });
    assert.deepEqual(lines, printed, name);
  }
}

const partner = new Partner(python);
const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  'kombu-reads-bodies': () => kombuReadsBodies(partner),
  'kombu-reads-properties': () => kombuReadsProperties(partner),
  'we-read-kombus': () => weReadKombus(partner),
  'kombu-serves-our-call': () => kombuServesOurCall(partner),
  'we-serve-kombus-call': () => weServeKombusCall(partner),
  'one-ladder': () => oneLadder(partner),
  'kombu-takes-our-retry': () => kombuTakesOurRetry(partner),
  'kombu-delays-to-us': () => kombuDelaysToUs(partner),
  'celery-runs-our-tasks': celeryRunsOurTasks,
  'we-take-celerys-task': () => weTakeCelerysTask(partner),
  examples,
};

console.log(`client leveret, with Kombu ${await partner.version()}`);
for (const [name, scenario] of Object.entries(scenarios)) {
  try {
    await scenario();
    console.log(`ok ${name}`);
  } catch (error) {
    process.exitCode = 1;
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`not ok ${name} - ${reason.replace(/\s+/g, ' ')}`);
    console.error(error);
  }
}
await partner.stop();
