// A Leveret broker in memory for one test file, on a clock that the tests move.
import { setImmediate } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryNetwork } from '../../src/platform/memory-network.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { Server } from '../../src/server/server.ts';
import { transportPipe } from './byte-pipe.ts';
import { brokerOperator } from './operator.ts';
import type { Target } from './target.ts';

const MEMORY_LIMIT_BYTES = 512 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** More turns of the event loop than anything on its way takes to arrive. */
const SETTLING_TURNS = 10;

export async function startLeveret(): Promise<Target> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const broker = new Broker(
    { clock, random: systemRandom, log: silentLog },
    { memoryLimitBytes: MEMORY_LIMIT_BYTES, maxMessageBytes: MAX_MESSAGE_BYTES },
  );
  const network = new MemoryNetwork();
  const server = new Server(broker, { version: '0.0.0', clusterName: 'wire tests' });
  const endpoint = await server.listen(network, { host: '127.0.0.1', port: 0 });
  const settle = async () => {
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await setImmediate();
  };
  const passTime = async (ms: number) => {
    await settle();
    clock.advance(ms);
  };
  return {
    kind: 'leveret',
    isShared: false,
    dial: () => transportPipe(network.connect(endpoint)),
    passTime,
    async elapse(ms) {
      await passTime(ms);
      await settle();
    },
    async addUser({ user, password, tags, permissions }) {
      broker.users.add(user, broker.hashPassword(password), tags);
      if (permissions) broker.users.setPermission(user, '/', permissions);
    },
    removeUser: undefined,
    operator: brokerOperator(broker),
  };
}
