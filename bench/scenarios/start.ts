// Spawn to the first accepted AMQP connection, and resident memory when idle.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { startLeveret } from '../target/leveret.ts';
import { rssBytes } from '../target/process-usage.ts';

const IDLE_SECONDS = 2;

export const start: Scenario = {
  name: 'start',
  summary: `spawn to connection.start, and RSS after ${IDLE_SECONDS} s idle`,
  metrics: [
    { key: 'startMs', title: 'start ms', better: 'less', digits: 0, goal: 250 },
    { key: 'idleRssMb', title: 'idle RSS MB', better: 'less', digits: 1, goal: 80 },
  ],
  runs: 10,
  startsBroker: true,
  async run(target) {
    const broker = await startLeveret(target.label);
    try {
      await sleep(IDLE_SECONDS * 1000);
      const idleRssMb = rssBytes(broker.target.pid) / 1024 / 1024;
      return { startMs: broker.startMs, idleRssMb };
    } finally {
      await broker.stop();
    }
  },
};
