// Millions of small messages waiting in one queue: memory per message, the worst pause of the
// garbage collector while they come and while they go, and the speed of both.
import { setTimeout as sleep } from 'node:timers/promises';
import { consume, countMessages, declareQueue, deleteQueue } from '../load/calls.ts';
import { Connection } from '../load/connection.ts';
import { FixedDeliveries } from '../load/fixed-deliveries.ts';
import { Meter } from '../load/meter.ts';
import { queueLoad, queueNames } from '../load/plan.ts';
import type { PublishLoad } from '../load/publish-load.ts';
import { Publisher } from '../load/publisher.ts';
import { Properties } from '../load/wire.ts';
import type { Metric, Sample, Scenario, Settings } from '../scenario.ts';
import { rssBytes } from '../target/process-usage.ts';
import type { Target } from '../target/target.ts';

const SETTLE_SECONDS = 1;
const POLL_SECONDS = 0.02;
const PHASE_TIMEOUT_SECONDS = 900;
/** The share of the messages that the rates at the beginning and at the end of the filling are taken over. */
const EDGE_SHARE = 0.1;

interface Backlog {
  readonly bodyBytes: number;
  readonly durable: boolean;
  readonly messages: (settings: Settings) => number;
}

const metrics: readonly Metric[] = [
  { key: 'messages', title: 'messages waiting', better: 'neither', digits: 0 },
  { key: 'rssMb', title: 'RSS growth MB', better: 'less', digits: 0 },
  { key: 'fillCpuMicros', title: 'fill CPU µs/message', better: 'less', digits: 2 },
  { key: 'fillPerSecond', title: 'fill messages/s', better: 'more', digits: 0 },
  { key: 'drainCpuMicros', title: 'drain CPU µs/message', better: 'less', digits: 2 },
  { key: 'drainPerSecond', title: 'drain messages/s', better: 'more', digits: 0 },
];

export const backlog5m: Scenario = {
  name: 'backlog-5m',
  summary:
    '5 million (or --backlog) transient messages of 60 B wait in one queue, then drain (no-ack)',
  metrics: [
    ...metrics,
    { key: 'rssBytesEach', title: 'RSS growth B/message', better: 'less', digits: 1, goal: 100 },
    {
      key: 'fillPauseMs',
      title: 'worst GC pause ms, filling',
      better: 'less',
      digits: 1,
      goal: 20,
    },
    { key: 'drainPauseMs', title: 'worst GC pause ms, drain', better: 'less', digits: 1, goal: 20 },
  ],
  runs: 1,
  freshBroker: true,
  nodeFlags: ['--trace-gc'],
  run: (target, settings) =>
    measureBacklog(target, settings, {
      bodyBytes: 60,
      durable: false,
      messages: ({ backlogMessages }) => backlogMessages ?? 5_000_000,
    }),
};

export const durableBacklog10m: Scenario = {
  name: 'durable-backlog-10m',
  summary:
    '10 million (or --backlog) persistent messages of 100 B wait in a durable queue, then drain (no-ack)',
  metrics: [
    ...metrics.map((metric) => {
      if (metric.key === 'rssMb') return { ...metric, goal: 150 };
      return metric.key === 'drainPerSecond' ? { ...metric, goal: 150_000 } : metric;
    }),
    { key: 'firstPerSecond', title: 'first tenth messages/s', better: 'more', digits: 0 },
    { key: 'lastPerSecond', title: 'last tenth messages/s', better: 'more', digits: 0 },
    { key: 'lastShare', title: 'last / first', better: 'more', digits: 2, goal: 0.5 },
  ],
  runs: 1,
  freshBroker: true,
  run: (target, settings) =>
    measureBacklog(target, settings, {
      bodyBytes: 100,
      durable: true,
      messages: ({ backlogMessages }) => backlogMessages ?? 10_000_000,
    }),
};

async function measureBacklog(
  target: Target,
  settings: Settings,
  { bodyBytes, durable, messages }: Backlog,
): Promise<Sample> {
  const total = messages(settings);
  const [queue = ''] = queueNames(settings.runId, 1);
  const properties = durable ? Properties.persistent : Properties.none;
  const load = queueLoad(queue, bodyBytes, properties);
  const connection = await Connection.open(target.url);
  await declareQueue(connection, queue, durable);
  try {
    await sleep(SETTLE_SECONDS * 1000);
    const rssBefore = rssOf(target);
    target.pauses?.takeWorstMs();
    const filled = await fill(target, connection, queue, load, total);
    const rssGrowth = rssOf(target) - rssBefore;
    const fillPauseMs = target.pauses?.takeWorstMs() ?? Number.NaN;
    const drained = await drain(target, queue, load, total);
    const drainPauseMs = target.pauses?.takeWorstMs() ?? Number.NaN;
    return {
      ...filled,
      messages: total,
      rssMb: rssGrowth / 1024 / 1024,
      rssBytesEach: rssGrowth / total,
      fillPauseMs,
      drainPauseMs,
      fillCpuMicros: filled.cpuMicros!,
      fillPerSecond: filled.messagesPerSecond!,
      drainCpuMicros: drained.cpuMicros!,
      drainPerSecond: drained.messagesPerSecond!,
    };
  } finally {
    await deleteQueue(connection, queue);
    await connection.close();
  }
}

export function rssOf(target: Target): number {
  return target.pid === undefined ? Number.NaN : rssBytes(target.pid);
}

/** Fills the queue, and says how fast at the beginning and at the end. */
export async function fill(
  target: Target,
  connection: Connection,
  queue: string,
  load: PublishLoad,
  total: number,
): Promise<Sample> {
  const publisher = new Publisher(connection.socket, {
    load,
    inFlightMax: Number.POSITIVE_INFINITY,
    consumed: () => 0,
    publishLimit: () => total,
  });
  const meter = new Meter(target.pid);
  const edge = Math.floor(total * EDGE_SHARE);
  const startedAtMs = performance.now();
  publisher.start();
  await until(connection, () => publisher.published >= edge);
  const firstMs = performance.now() - startedAtMs;
  const first = publisher.published;
  await until(connection, () => publisher.published >= total - edge);
  const lastAtMs = performance.now();
  const last = total - publisher.published;
  await until(connection, () => publisher.published === total && publisher.writesPending === 0);
  // On the channel that published, so the answer counts everything; RabbitMQ may need a moment.
  let count = await countMessages(connection, queue);
  for (let waited = 0; count !== total && waited < 5; waited += POLL_SECONDS) {
    await sleep(POLL_SECONDS * 1000);
    count = await countMessages(connection, queue);
  }
  if (count !== total) throw new Error(`${total} published, but ${queue} holds ${count}`);
  const firstPerSecond = first / (firstMs / 1000);
  const lastPerSecond = last / ((performance.now() - lastAtMs) / 1000);
  const lastShare = lastPerSecond / firstPerSecond;
  return { ...meter.finish(total), firstPerSecond, lastPerSecond, lastShare };
}

async function drain(
  target: Target,
  queue: string,
  load: PublishLoad,
  total: number,
): Promise<Sample> {
  const connection = await Connection.open(target.url);
  const counter = new FixedDeliveries({ load, ordered: true, onDeliveries: () => {} });
  const meter = new Meter(target.pid);
  await consume(connection, { queue, consumerTag: 'c00', noAck: true, handOver: counter.onBytes });
  await until(connection, () => counter.count >= total);
  const sample = meter.finish(total);
  await sleep(POLL_SECONDS * 1000);
  if (counter.count !== total) throw new Error(`${total} published, ${counter.count} delivered`);
  await connection.close();
  return sample;
}

export async function until(connection: Connection, isDone: () => boolean): Promise<void> {
  for (let waited = 0; !isDone(); waited += POLL_SECONDS) {
    if (waited > PHASE_TIMEOUT_SECONDS)
      throw new Error(`not done after ${PHASE_TIMEOUT_SECONDS} s`);
    await Promise.race([sleep(POLL_SECONDS * 1000), connection.failed]);
  }
}
