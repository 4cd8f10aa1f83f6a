// Statistics for the API: samples every counter every five seconds, as RabbitMQ does (collect_statistics_interval), and says
// what rates that makes. Nothing of it is on the way of a message; counters there are plain additions.
import type { Broker } from '../../broker/broker.ts';
import type { Exchange } from '../../broker/exchange/exchange.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { VHost } from '../../broker/vhost.ts';
import type { Timer } from '../../platform/clock.ts';
import type { Channel } from '../../server/channel.ts';
import type { Connection } from '../../server/connection.ts';
import type { Server } from '../../server/server.ts';
import {
  brokerKind,
  channelKind,
  connectionKind,
  exchangeKind,
  queueKind,
  totalsByVHost,
  type VHostTotals,
  vhostKind,
} from './kinds.ts';
import { Series } from './series.ts';

export const SAMPLE_INTERVAL_MS = 5_000;
/** Five minutes of each object, ten of a vhost and of the whole, a day of the whole by the minute. */
const OBJECT_SAMPLES = 61;
const TOTAL_SAMPLES = 121;
const DAY_SAMPLES = 1_441;
const SAMPLES_PER_MINUTE = 12;

export class Statistics {
  readonly #broker: Broker;
  readonly #server: Server;
  #totals: ReadonlyMap<VHost, VHostTotals> = new Map();
  readonly queues = new Series<Queue>(queueKind, OBJECT_SAMPLES);
  readonly channels = new Series<Channel>(channelKind, OBJECT_SAMPLES);
  readonly exchanges = new Series<Exchange>(exchangeKind, OBJECT_SAMPLES);
  readonly connections = new Series<Connection>(connectionKind, OBJECT_SAMPLES);
  readonly vhosts = new Series<VHost>(
    vhostKind(() => this.#totals),
    TOTAL_SAMPLES,
  );
  readonly whole = new Series<Broker>(
    brokerKind(() => this.#totals),
    TOTAL_SAMPLES,
  );
  readonly day = new Series<Broker>(
    brokerKind(() => this.#totals),
    DAY_SAMPLES,
  );
  #timer: Timer | undefined;
  #sampleCount = 0;

  constructor(broker: Broker, server: Server) {
    this.#broker = broker;
    this.#server = server;
  }

  /** Takes the first sample now and one every interval from here on. */
  start(): void {
    this.sample();
    this.#timer = this.#broker.services.clock.after(SAMPLE_INTERVAL_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** What everything comes to right now; `vhosts`, `whole` and `day` read it from here on. */
  totals(): ReadonlyMap<VHost, VHostTotals> {
    this.#totals = totalsByVHost(this.#broker, this.#server);
    return this.#totals;
  }

  sample(): void {
    const nowMs = this.#broker.services.clock.now();
    this.totals();
    for (const vhost of this.#broker.vhosts.values()) {
      this.vhosts.sample(vhost, nowMs, SAMPLE_INTERVAL_MS);
      for (const queue of vhost.queues) this.queues.sample(queue, nowMs, SAMPLE_INTERVAL_MS);
      for (const exchange of vhost.exchanges) {
        this.exchanges.sample(exchange, nowMs, SAMPLE_INTERVAL_MS);
      }
    }
    for (const connection of this.#server.connections) {
      this.connections.sample(connection, nowMs, SAMPLE_INTERVAL_MS);
      for (const channel of connection.channels.values()) {
        this.channels.sample(channel, nowMs, SAMPLE_INTERVAL_MS);
      }
    }
    this.whole.sample(this.#broker, nowMs, SAMPLE_INTERVAL_MS);
    if (this.#sampleCount % SAMPLES_PER_MINUTE === 0) {
      this.day.sample(this.#broker, nowMs, SAMPLE_INTERVAL_MS * SAMPLES_PER_MINUTE);
    }
    this.#sampleCount += 1;
  }
}
