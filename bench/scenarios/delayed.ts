// A million messages that a delayed exchange holds back for an hour: how fast they come in, and what each takes.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bindQueue,
  countMessages,
  declareExchange,
  declareQueue,
  deleteExchange,
  deleteQueue,
} from '../load/calls.ts';
import { Connection } from '../load/connection.ts';
import { Meter } from '../load/meter.ts';
import { queueNames } from '../load/plan.ts';
import { buildLoad } from '../load/publish-load.ts';
import { Publisher } from '../load/publisher.ts';
import { integerTable, textTable } from '../load/wire.ts';
import type { Sample, Scenario, Settings } from '../scenario.ts';
import type { Target } from '../target/target.ts';
import { rssOf, until } from './backlog.ts';

const MESSAGES = 1_000_000;
const BODY_BYTES = 16;
const HOUR_MS = 3_600_000;
const SETTLE_SECONDS = 1;

/** The property flag of headers, then the headers. */
const DELAYED_AN_HOUR = Buffer.concat([Buffer.from([0x20, 0]), integerTable('x-delay', HOUR_MS)]);

export const delayed1m: Scenario = {
  name: 'delayed-1m',
  summary: `1 million (or --backlog) transient messages of ${BODY_BYTES} B published to an x-delayed-message exchange, due in an hour`,
  metrics: [
    { key: 'messagesPerSecond', title: 'messages/s', better: 'more', digits: 0, goal: 100_000 },
    { key: 'cpuMicros', title: 'broker CPU µs/message', better: 'less', digits: 2 },
    { key: 'rssBytesEach', title: 'RSS growth B/message', better: 'less', digits: 1 },
    {
      key: 'beyondBytesEach',
      title: 'the same beyond what is published',
      better: 'less',
      digits: 1,
      goal: 120,
    },
  ],
  runs: 3,
  freshBroker: true,
  run: measure,
};

async function measure(target: Target, settings: Settings): Promise<Sample> {
  const total = settings.backlogMessages ?? MESSAGES;
  const [queue = ''] = queueNames(settings.runId, 1);
  const exchange = queue;
  const load = buildLoad({
    exchange,
    messages: 4096,
    bodyBytes: BODY_BYTES,
    properties: DELAYED_AN_HOUR,
    routingKey: () => 'key',
    deliveries: () => 1,
  });
  // The names, the properties and the body; the rest of what is on the wire is frames.
  const publishedBytes =
    exchange.length + 1 + 'key'.length + 1 + DELAYED_AN_HOUR.length + BODY_BYTES;
  const connection = await Connection.open(target.url);
  await declareQueue(connection, queue, false);
  await declareExchange(
    connection,
    exchange,
    'x-delayed-message',
    textTable({ 'x-delayed-type': 'direct' }),
  );
  await bindQueue(connection, queue, exchange, 'key');
  try {
    await sleep(SETTLE_SECONDS * 1000);
    const rssBefore = rssOf(target);
    const publisher = new Publisher(connection.socket, {
      load,
      inFlightMax: Number.POSITIVE_INFINITY,
      consumed: () => 0,
      publishLimit: () => total,
    });
    const meter = new Meter(target.pid);
    publisher.start();
    await until(connection, () => publisher.published === total && publisher.writesPending === 0);
    // On the channel that published: the answer comes when all of it is in.
    const early = await countMessages(connection, queue);
    const sample = meter.finish(total);
    if (early > 0) throw new Error(`${early} messages were not held back`);
    const rssBytesEach = (rssOf(target) - rssBefore) / total;
    return { ...sample, rssBytesEach, beyondBytesEach: rssBytesEach - publishedBytes };
  } finally {
    await deleteExchange(connection, exchange);
    await deleteQueue(connection, queue);
    await connection.close();
  }
}
