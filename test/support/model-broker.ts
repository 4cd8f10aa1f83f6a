// A broker's model without sockets, on a clock that tests move and files in memory: messages go in as a channel puts them in,
// and come out as texts. It can be stopped in order, or left where it is as a crash would, and started again.
import { Broker } from '../../src/broker/broker.ts';
import { enqueueRouted } from '../../src/broker/enqueue.ts';
import type { Exchange } from '../../src/broker/exchange/exchange.ts';
import { viewMessage } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { selectedOf } from '../../src/broker/sender-selected.ts';
import type { VHost } from '../../src/broker/vhost.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { Content } from '../../src/protocol/content.ts';
import { DataDirectory } from '../../src/store/data-directory.ts';
import { contentOf, type PlainContent } from './content.ts';
import { idle } from './log-harness.ts';
import type { MemoryFiles } from './memory-files.ts';
import { type PlainTable, table } from './wire-methods.ts';

const OPTIONS = { memoryLimitBytes: 2 ** 30, maxMessageBytes: 2 ** 24 };
const START_MS = Date.UTC(2026, 0, 1);

/** Directories are told apart by path within a process. */
let unique = 0;

export interface Declared {
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
  readonly arguments?: PlainTable;
}

/** No other process has the directory. */
const NOBODY_ELSE = { own: 1, identity: () => undefined };

export class ModelBroker {
  readonly clock: ManualClock;
  readonly files: MemoryFiles | undefined;
  readonly broker: Broker;
  readonly #path: string;

  /** With `files` it keeps what is to last, and finds what is there. */
  constructor(files?: MemoryFiles, clock = new ManualClock(START_MS), path?: string) {
    unique += 1;
    this.clock = clock;
    this.files = files;
    this.#path = path ?? `/model-${unique}`;
    const services = { clock, random: systemRandom, log: silentLog };
    const directory = files && new DataDirectory(files, this.#path, NOBODY_ELSE);
    this.broker = new Broker(services, OPTIONS, directory);
  }

  get vhost(): VHost {
    return this.broker.vhost('/')!;
  }

  exchange(name: string, type: string, { arguments: args, ...more }: Declared = {}): Exchange {
    this.vhost.declareExchange({
      name,
      type,
      durable: true,
      autoDelete: false,
      internal: false,
      ...more,
      arguments: table(args ?? {}),
    });
    return this.vhost.requireExchange(name);
  }

  queue(name: string, { arguments: args, ...more }: Declared = {}): Queue {
    const properties = { name, durable: true, exclusive: false, autoDelete: false, ...more };
    return this.vhost.declareQueue({ ...properties, arguments: table(args ?? {}) }, this, false);
  }

  bind(exchange: string, queue: string, routingKey = ''): void {
    const { vhost } = this;
    const destination = vhost.queue(queue) ?? vhost.requireExchange(queue);
    vhost.bind(vhost.requireExchange(exchange), destination, routingKey, table({}));
  }

  /** Publishes a message, persistent unless said otherwise; false when it leads nowhere. */
  publish(message: PlainContent): boolean {
    const { vhost } = this;
    const selected = selectedOf(
      contentOf({ ...message, properties: { deliveryMode: 2, ...message.properties } }),
    );
    const exchange = vhost.requireExchange(message.exchange ?? '');
    const routed = vhost.router.route(selected.content, exchange, selected.routingKeys);
    enqueueRouted(vhost.store, selected, routed, vhost.turn);
    return routed.queues.length + routed.delays.length > 0 || routed.isRepeated;
  }

  /** Takes all messages that are ready and passes each to `seen`. */
  async drain(queue: string, seen: (content: Content) => void): Promise<void> {
    const from = this.vhost.queue(queue)!;
    for (;;) {
      for (let { obstacle } = from; obstacle; obstacle = from.obstacle) {
        await new Promise<void>(obstacle);
      }
      const content = new Content();
      const isThere = from.get(true, (sequence, slot, offset) => {
        viewMessage(this.broker.store.segment(slot), offset, content);
        seen(content);
        from.settleDelivered(sequence, slot);
        return content.body.length;
      });
      if (!isThere) return;
    }
  }

  /** The texts of all messages that are ready, which are gone then. */
  async texts(queue: string): Promise<string[]> {
    const texts: string[] = [];
    await this.drain(queue, (content) => texts.push(Buffer.from(content.body).toString()));
    return texts;
  }

  /** Lets everything that is under way be done. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) await idle();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settled();
  }

  /** Stops in order, and is back later. */
  async restarted(afterMs = 0): Promise<ModelBroker> {
    await this.settled();
    await this.broker.close();
    return this.#again(this.files!, afterMs);
  }

  /** Leaves it as it is: what comes back has only what was written. */
  crashed(afterMs = 0): ModelBroker {
    return this.#again(this.files!.copy(), afterMs);
  }

  #again(files: MemoryFiles, afterMs: number): ModelBroker {
    const clock = new ManualClock(this.clock.now() + afterMs);
    return new ModelBroker(files, clock, this.#path);
  }
}
