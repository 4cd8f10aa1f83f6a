// One broker in this process, a canary that uses it as it should, and bad clients beside it. After every case everything
// must be as it was: the canary served, nothing of the bad client left.
import type { Queue } from '../../src/broker/queue/queue.ts';
import type { VHost } from '../../src/broker/vhost.ts';
import { concat, methodFrame } from '../support/frames.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import { method } from '../support/wire-methods.ts';
import type { Case } from './cases.ts';
import { memoryPipe, type Pipe, socketPipe } from './pipe.ts';
import { Stage, settle, turns } from './stage.ts';
import { Witness } from './witness.ts';

/** Small, so that cases go beyond it. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const TURNS_ALLOWED = 200;
/** A real socket needs the system as well, which has no turns. */
const SOCKET_TURNS_ALLOWED = 200_000;
const CANARY_QUEUE = 'canary';

export class Harness {
  readonly #stage = new Stage({ maxMessageBytes: MAX_MESSAGE_BYTES });
  readonly #inventory: Inventory;
  readonly #uncaught: string[] = [];
  #canary: WireChannel | undefined;
  #storedBytes = 0;

  /** `plant` may break the broker, to see that the harness notices. */
  constructor(plant: (vhost: VHost) => void = () => {}) {
    plant(this.#stage.vhost);
    this.#inventory = new Inventory(this.#stage.vhost);
  }

  async start(): Promise<void> {
    process.on('uncaughtException', this.#caught);
    await this.#stage.start();
    const connection = await this.#stage.wire().handshake();
    const canary = await connection.channel();
    await canary.call('confirm.select');
    await canary.queue({ queue: CANARY_QUEUE });
    await canary.call('basic.consume', { queue: CANARY_QUEUE });
    this.#canary = canary;
    await this.#checkCanary();
    this.#inventory.forget();
    this.#storedBytes = this.#stage.broker.store.usedBytes;
  }

  async stop(): Promise<void> {
    process.removeListener('uncaughtException', this.#caught);
    await this.#stage.stop();
  }

  readonly #caught = (error: unknown): void => {
    this.#uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };

  /** Plays a case and checks everything. @throws Error that says what went wrong. */
  async run(bad: Case, transport: 'memory' | 'tcp' = 'memory'): Promise<void> {
    const problems: string[] = [];
    const witness = new Witness();
    try {
      const pipe =
        transport === 'memory'
          ? memoryPipe(this.#stage.dial(), witness)
          : await socketPipe(this.#stage.tcpPort, witness);
      await this.#play(bad, pipe, witness);
      if (bad.leaving === 'stay') await this.#outstay(pipe, witness, transport);
      if (bad.leaving === 'half-close') pipe.end();
      if (bad.leaving === 'drop') pipe.destroy();
      if (!(await this.#isAlone(transport))) problems.push('its connection is still there');
      pipe.destroy();
      await this.#isAlone(transport);
      await this.#checkCanary();
    } catch (error) {
      problems.push(String(error));
    }
    problems.push(...witness.complaints, ...this.#uncaught.splice(0));
    const { logged, broker } = this.#stage;
    problems.push(...logged.splice(0).filter((line) => line.includes('internal error')));
    problems.push(...this.#inventory.remains());
    const stored = broker.store.usedBytes;
    if (stored !== this.#storedBytes) problems.push(`store: ${stored} of ${this.#storedBytes} B`);
    if (problems.length === 0) return;
    throw new Error(
      [`seed ${bad.seed} over ${transport} (${bad.kind}, ${bad.leaving}):`, ...problems].join(
        '\n  ',
      ),
    );
  }

  async #play(bad: Case, pipe: Pipe, witness: Witness): Promise<void> {
    for (const step of bad.steps) {
      if (step.do === 'send') {
        // It opens again what the broker has closed, or a case would be over after its first mistake.
        if (step.isFrameStart) {
          for (const channel of witness.closedChannels.splice(0)) pipe.send(reopening(channel));
        }
        pipe.send(step.bytes);
      } else if (step.do === 'turns') await turns(step.count);
      else if (step.do === 'advance') this.#stage.clock.advance(step.ms);
      else pipe[step.do]();
    }
    await settle();
  }

  /** The client stays. The broker must be rid of it all the same if the connection never opened, or was closed. */
  async #outstay(pipe: Pipe, witness: Witness, transport: 'memory' | 'tcp'): Promise<void> {
    pipe.resume();
    await this.#stage.outwait();
    if (transport === 'memory' && (!witness.isOpen || witness.isClosed)) return;
    pipe.destroy();
  }

  /** Waits until only the canary is connected. */
  async #isAlone(transport: 'memory' | 'tcp'): Promise<boolean> {
    const allowed = transport === 'memory' ? TURNS_ALLOWED : SOCKET_TURNS_ALLOWED;
    for (let i = 0; i < allowed; i++) {
      if (this.#stage.server.connectionCount <= 1) return true;
      await turns(1);
    }
    return false;
  }

  /** A message to its own queue: confirmed, delivered, acknowledged. */
  async #checkCanary(): Promise<void> {
    const canary = this.#canary as WireChannel;
    canary.publish({ routingKey: CANARY_QUEUE, body: 'still alive' });
    for (let i = 0; i < 2; i++) {
      const came = await canary.expectOneOf('basic.ack', 'basic.deliver');
      if (came.name === 'basic.deliver') {
        canary.send('basic.ack', { deliveryTag: came.deliveryTag });
      }
    }
    await settle();
  }
}

/** Knows every queue and exchange that was declared, since nobody else keeps those of a case. */
class Inventory {
  readonly #vhost: VHost;
  readonly #queues = new Set<Queue>();
  readonly #exchanges = new Set<string>();

  constructor(vhost: VHost) {
    this.#vhost = vhost;
    const declareQueue = vhost.declareQueue.bind(vhost);
    vhost.declareQueue = (...args) => {
      const queue = declareQueue(...args);
      this.#queues.add(queue);
      return queue;
    };
    const declareExchange = vhost.declareExchange.bind(vhost);
    vhost.declareExchange = (properties) => {
      declareExchange(properties);
      this.#exchanges.add(properties.name);
    };
  }

  forget(): void {
    this.#queues.clear();
    this.#exchanges.clear();
  }

  /** What should have gone with the bad client; deletes the rest. */
  remains(): string[] {
    const problems: string[] = [];
    for (const queue of this.#queues) {
      const { name, exclusive, isDeleted, consumerCount, unackedCount } = queue;
      if (exclusive && !isDeleted) problems.push(`exclusive queue '${name}' is left`);
      if (consumerCount > 0) problems.push(`${consumerCount} consumers are left on '${name}'`);
      if (unackedCount > 0) problems.push(`${unackedCount} unacknowledged are left on '${name}'`);
      if (!isDeleted) this.#vhost.deleteQueue(queue);
    }
    for (const name of this.#exchanges) {
      if (!name.startsWith('amq.')) this.#vhost.deleteExchange(name, false);
    }
    this.forget();
    return problems;
  }
}

function reopening(channel: number): Uint8Array {
  return concat(
    methodFrame(channel, method('channel.close-ok')),
    methodFrame(channel, method('channel.open')),
    methodFrame(channel, method('queue.declare', { queue: 'fuzz-1' })),
    methodFrame(channel, method('basic.consume')),
  );
}
