// How long a broker takes to accept connections again with much on disk: after a stop in order, and after SIGKILL.
import { countMessages, declareQueue } from '../load/calls.ts';
import { Connection } from '../load/connection.ts';
import { queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import type { Metric, Sample, Scenario } from '../scenario.ts';
import { startLeveret } from '../target/leveret.ts';
import { rssBytes } from '../target/process-usage.ts';
import { fill } from './backlog.ts';

const MEBIBYTE = 1024 * 1024;

function metrics(cleanGoal: number, killedGoal: number): Metric[] {
  return [
    { key: 'cleanMs', title: 'start ms, after a stop', better: 'less', digits: 0, goal: cleanGoal },
    {
      key: 'killedMs',
      title: 'start ms, after SIGKILL',
      better: 'less',
      digits: 0,
      goal: killedGoal,
    },
    { key: 'rssMb', title: 'RSS MB when started', better: 'less', digits: 0 },
  ];
}

export const restart1m: Scenario = {
  name: 'restart-1m',
  summary:
    '1 million (or --backlog) persistent messages of 1 KiB wait: spawn to connection.start, after a stop in order and after SIGKILL',
  metrics: metrics(500, 2000),
  runs: 3,
  startsBroker: true,
  run(target, settings) {
    const total = settings.backlogMessages ?? 1_000_000;
    const [queue = ''] = queueNames(settings.runId, 1);
    return measureRestarts(target.label, {
      async prepare(connection, broker) {
        await declareQueue(connection, queue, true);
        const load = queueLoad(queue, 1024, Properties.persistent);
        await fill(broker, connection, queue, load, total);
      },
      async check(connection) {
        const count = await countMessages(connection, queue);
        if (count !== total) throw new Error(`${total} waited, ${count} are there after a start`);
      },
    });
  },
};

const QUEUES = 10_000;

export const restartQueues: Scenario = {
  name: 'restart-queues',
  summary: `${QUEUES} durable queues: spawn to connection.start, after a stop in order and after SIGKILL`,
  metrics: metrics(3000, 3000),
  runs: 1,
  startsBroker: true,
  run(target, settings) {
    const names = Array.from({ length: QUEUES }, (_, i) => `bench-${settings.runId}-${i}`);
    return measureRestarts(target.label, {
      async prepare(connection) {
        await Promise.all(names.map((name) => declareQueue(connection, name, true)));
      },
      async check(connection) {
        await countMessages(connection, names.at(-1)!);
      },
    });
  },
};

interface Restarted {
  prepare(
    connection: Connection,
    broker: { label: string; url: string; pid: number },
  ): Promise<void>;
  check(connection: Connection): Promise<void>;
}

async function measureRestarts(label: string, { prepare, check }: Restarted): Promise<Sample> {
  let broker = await startLeveret(label);
  try {
    const connection = await Connection.open(broker.target.url);
    await prepare(connection, broker.target);
    await connection.close();
    const sample: Sample = {};
    for (const [signal, key] of [
      ['SIGTERM', 'cleanMs'],
      ['SIGKILL', 'killedMs'],
    ] as const) {
      broker = await broker.startAgain(signal);
      sample[key] = broker.startMs;
      sample.rssMb = rssBytes(broker.target.pid) / MEBIBYTE;
      const checking = await Connection.open(broker.target.url);
      await check(checking);
      await checking.close();
    }
    return sample;
  } finally {
    await broker.stop();
  }
}
