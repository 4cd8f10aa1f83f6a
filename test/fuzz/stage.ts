// A broker in this process whose clock a test turns and whose insides it can see, with connections in memory and over TCP.
import { setImmediate as turn } from 'node:timers/promises';
import { Broker, type BrokerOptions } from '../../src/broker/broker.ts';
import type { VHost } from '../../src/broker/vhost.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { tcpNetwork } from '../../src/platform/tcp-network.ts';
import type { Transport } from '../../src/platform/transport.ts';
import { Server } from '../../src/server/server.ts';
import { transportPipe } from '../support/byte-pipe.ts';
import { WireConnection } from '../support/wire-connection.ts';
import { MeteredNetwork } from './metered-network.ts';

export const MIB = 1024 * 1024;
const HOST = '127.0.0.1';
/** What the broker grants: 10 s for a handshake, 30 s for the answer to a close. */
const ALL_TIMEOUTS_MS = 41_000;
/** A frame, an answer and a close need a handful each. */
const TURNS_TO_SETTLE = 12;

export class Stage {
  readonly clock = new ManualClock();
  readonly network = new MeteredNetwork();
  readonly broker: Broker;
  readonly server: Server;
  readonly logged: string[] = [];
  tcpPort = 0;
  #memoryPort = 0;

  constructor(options: Partial<BrokerOptions> = {}) {
    const log = {
      write: (level: string, message: string) => void this.logged.push(`${level} ${message}`),
    };
    this.broker = new Broker(
      { clock: this.clock, random: systemRandom, log },
      { memoryLimitBytes: 256 * MIB, maxMessageBytes: 16 * MIB, ...options },
    );
    this.server = new Server(this.broker, { version: '0.0.0', clusterName: 'fuzz' });
  }

  get vhost(): VHost {
    return this.broker.vhost('/') as VHost;
  }

  async start(): Promise<this> {
    const at = { host: HOST, port: 0 };
    this.#memoryPort = (await this.server.listen(this.network, at)).port;
    this.tcpPort = (await this.server.listen(tcpNetwork, at)).port;
    return this;
  }

  async stop(): Promise<void> {
    const stopped = this.server.close();
    await settle();
    this.clock.advance(ALL_TIMEOUTS_MS);
    await stopped;
  }

  dial(): Transport {
    return this.network.connect({ host: HOST, port: this.#memoryPort });
  }

  /** A connection on which nothing was said yet. */
  wire(): WireConnection {
    return new WireConnection(transportPipe(this.dial()));
  }

  /** Lets all the broker's time-outs pass, with a pause for what each of them causes. */
  async outwait(): Promise<void> {
    await settle();
    this.clock.advance(ALL_TIMEOUTS_MS);
    await settle();
  }
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Until everything that was sent has been handled and answered. */
export function settle(): Promise<void> {
  return turns(TURNS_TO_SETTLE);
}

/** Waits for something that a real socket, or much work, may delay; the test's time limit is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
