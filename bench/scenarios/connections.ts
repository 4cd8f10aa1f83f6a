// Idle connections, each with one open channel as clients have it: memory of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../load/connection.ts';
import type { Scenario } from '../scenario.ts';
import { rssBytes } from '../target/process-usage.ts';

const CONNECTIONS = 5000;
const AT_ONCE = 50;
const READ_BUFFER_BYTES = 4096;
const SETTLE_SECONDS = 2;

export const connections5k: Scenario = {
  name: 'connections-5k',
  summary: `${CONNECTIONS} idle connections with one channel each`,
  metrics: [
    { key: 'rssKbEach', title: 'RSS KB/connection', better: 'less', digits: 1 },
    { key: 'opensPerSecond', title: 'opens/s', better: 'more', digits: 0 },
  ],
  runs: 1,
  freshBroker: true,
  async run(target) {
    const rss = () => (target.pid === undefined ? Number.NaN : rssBytes(target.pid));
    const before = rss();
    const connections: Connection[] = [];
    const startedAtMs = performance.now();
    while (connections.length < CONNECTIONS) {
      const opening = Array.from({ length: AT_ONCE }, () =>
        Connection.open(target.url, READ_BUFFER_BYTES),
      );
      connections.push(...(await Promise.all(opening)));
    }
    const opensPerSecond = CONNECTIONS / ((performance.now() - startedAtMs) / 1000);
    await sleep(SETTLE_SECONDS * 1000);
    const rssKbEach = (rss() - before) / CONNECTIONS / 1024;
    await Promise.all(connections.map((each) => each.close()));
    return { rssKbEach, opensPerSecond };
  },
};
