// A Leveret in memory, on a clock that the test moves, with settings of the test's own.
import { onTestFinished } from 'vitest';
import { Broker, type BrokerOptions } from '../../src/broker/broker.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryNetwork } from '../../src/platform/memory-network.ts';
import { systemRandom } from '../../src/platform/random.ts';
import type { Network, Transport } from '../../src/platform/transport.ts';
import type { ConnectionSettings } from '../../src/server/connection-settings.ts';
import { Server } from '../../src/server/server.ts';
import { transportPipe } from './byte-pipe.ts';
import { WireConnection } from './wire-connection.ts';

export interface MemoryServer {
  readonly clock: ManualClock;
  readonly server: Server;
  readonly broker: Broker;
  connect(): WireConnection;
}

/** `peerSubject`: what the clients' certificates say. */
export async function serverWith(
  settings: Partial<ConnectionSettings>,
  peerSubject?: Transport['peerSubject'],
  options: Partial<BrokerOptions> = {},
  isProxied = false,
): Promise<MemoryServer> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const broker = new Broker(
    { clock, random: systemRandom, log: silentLog },
    { memoryLimitBytes: 1e9, maxMessageBytes: 1e6, ...options },
  );
  const network = new MemoryNetwork();
  const certified: Network = {
    listen: (at, accept) =>
      network.listen(at, (transport) =>
        accept(Object.assign(transport, { peerSubject, isProxied })),
      ),
  };
  const server = new Server(broker, { version: '0', clusterName: 'test', settings });
  const at = await server.listen(certified, { host: '127.0.0.1', port: 0 });
  return {
    clock,
    broker,
    server,
    connect() {
      const connection = new WireConnection(transportPipe(network.connect(at)));
      onTestFinished(() => connection.destroy());
      return connection;
    },
  };
}
