// Durable queues declared one after another on one channel: speed, CPU and memory of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { declareQueue, deleteQueue } from '../load/calls.ts';
import { Connection } from '../load/connection.ts';
import { Meter } from '../load/meter.ts';
import type { Scenario } from '../scenario.ts';
import { rssBytes } from '../target/process-usage.ts';

const QUEUES = 10_000;
const SETTLE_SECONDS = 2;

export const declares: Scenario = {
  name: 'declares',
  summary: `${QUEUES} durable queues, declared one after another on one channel`,
  metrics: [
    { key: 'declaresPerSecond', title: 'declares/s', better: 'more', digits: 0 },
    { key: 'cpuMicros', title: 'broker CPU µs/declare', better: 'less', digits: 0 },
    { key: 'rssKbEach', title: 'RSS KB/queue', better: 'less', digits: 1 },
  ],
  runs: 1,
  freshBroker: true,
  async run(target, settings) {
    const connection = await Connection.open(target.url);
    const rss = () => (target.pid === undefined ? Number.NaN : rssBytes(target.pid));
    const names = Array.from({ length: QUEUES }, (_, i) => `bench-${settings.runId}-${i}`);
    const before = rss();
    const meter = new Meter(target.pid);
    for (const name of names) await declareQueue(connection, name, true);
    const { messagesPerSecond, cpuMicros } = meter.finish(QUEUES);
    await sleep(SETTLE_SECONDS * 1000);
    const rssKbEach = (rss() - before) / QUEUES / 1024;
    await Promise.all(names.map((name) => deleteQueue(connection, name)));
    await connection.close();
    return { declaresPerSecond: messagesPerSecond!, cpuMicros: cpuMicros!, rssKbEach };
  },
};
