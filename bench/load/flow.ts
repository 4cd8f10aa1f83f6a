// Messages from one publisher through queues to consumers and back to the counter: sets the
// topology up, warms up, measures, drains, checks that every message arrived, and cleans up.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample, Settings } from '../scenario.ts';
import type { Target } from '../target/target.ts';
import { Acknowledger } from './acknowledger.ts';
import {
  bindQueue,
  consume,
  countMessages,
  declareExchange,
  declareQueue,
  deleteExchange,
  deleteQueue,
  selectConfirms,
  setPrefetch,
} from './calls.ts';
import { ConfirmTracker } from './confirm-tracker.ts';
import { Connection } from './connection.ts';
import { type DeliveryCounter, FixedDeliveries } from './fixed-deliveries.ts';
import { Meter } from './meter.ts';
import type { Pace } from './pace.ts';
import { deliveriesPerMessage, type PublishLoad } from './publish-load.ts';
import { Publisher } from './publisher.ts';
import { VariedDeliveries } from './varied-deliveries.ts';

const DRAIN_TIMEOUT_SECONDS = 60;

export interface FlowPlan {
  readonly load: PublishLoad;
  /** Names of one length. */
  readonly queues: readonly string[];
  readonly durable?: boolean;
  /** A field table. */
  readonly queueArguments?: Buffer;
  readonly exchange?: { readonly name: string; readonly type: string };
  readonly bindings?: readonly { readonly queue: string; readonly key: string }[];
  /** Each queue's consumer on a connection of its own, instead of all on one channel. */
  readonly connectionPerConsumer?: boolean;
  /** With a prefetch deliveries are acknowledged one by one; without, consumers are no-ack. */
  readonly prefetch?: number;
  /** With a window the publisher selects confirms and leaves at most so many unconfirmed. */
  readonly confirmWindow?: number;
  readonly inFlightMax: number;
  /** A steady rate to publish at, instead of as fast as credit allows. */
  readonly pace?: Pace;
  /** Set when routing keys differ in length; gives what each queue must have received. */
  readonly expectedPerQueue?: (published: number) => Float64Array;
  /** Told at the end how many messages were published in all. */
  readonly finished?: (published: number) => void;
}

export class Flow {
  readonly #plan: FlowPlan;
  readonly #connections: Connection[] = [];
  readonly #counters: DeliveryCounter[] = [];
  readonly publisher: Publisher;
  readonly #control: Connection;
  #consumed = 0;
  #confirms: ConfirmTracker | undefined;

  private constructor(plan: FlowPlan, control: Connection, publishing: Connection) {
    this.#plan = plan;
    this.#control = control;
    this.#connections.push(publishing);
    const { load, inFlightMax, confirmWindow = Number.POSITIVE_INFINITY, pace } = plan;
    this.publisher = new Publisher(publishing.socket, {
      load,
      inFlightMax,
      consumed: () => this.#consumed,
      publishLimit: () => {
        const confirmed = this.#confirms?.confirmed ?? 0;
        return Math.min(confirmed + confirmWindow, pace?.due ?? Number.POSITIVE_INFINITY);
      },
    });
  }

  static async open(url: string, plan: FlowPlan): Promise<Flow> {
    const control = await Connection.open(url);
    const flow = new Flow(plan, control, await Connection.open(url));
    const { exchange, queues, bindings = [], durable = false } = plan;
    for (const queue of queues) {
      await declareQueue(control, queue, durable, plan.queueArguments);
    }
    if (exchange) await declareExchange(control, exchange.name, exchange.type);
    for (const { queue, key } of bindings) await bindQueue(control, queue, exchange!.name, key);
    if (plan.connectionPerConsumer) {
      for (const queue of queues) await flow.#consume(url, [queue]);
    } else {
      await flow.#consume(url, queues);
    }
    if (plan.confirmWindow !== undefined) {
      flow.#confirms = new ConfirmTracker((first, last) => plan.pace?.confirmed(first, last));
      await selectConfirms(flow.#connections[0]!, (bytes, start, end) => {
        flow.#confirms!.onBytes(bytes, start, end);
        flow.publisher.pump();
      });
    }
    return flow;
  }

  start(): void {
    this.publisher.start();
    this.#plan.pace?.start(() => this.publisher.pump());
  }

  get consumed(): number {
    return this.#consumed;
  }

  /** Waits, unless a connection fails meanwhile. */
  async wait(seconds: number): Promise<void> {
    await Promise.race([sleep(seconds * 1000), ...this.#connections.map((each) => each.failed)]);
  }

  /** Stops publishing, waits for what is on its way and checks the counts. */
  async drain(): Promise<void> {
    const { queues, expectedPerQueue } = this.#plan;
    this.publisher.stop();
    this.#plan.pace?.stop();
    const expected = this.publisher.expectedDeliveries;
    const isDone = () =>
      this.#consumed >= expected &&
      (this.#confirms === undefined || this.#confirms.confirmed >= this.publisher.published);
    for (let waited = 0; !isDone() && waited < DRAIN_TIMEOUT_SECONDS; waited += 0.01) {
      await this.wait(0.01);
    }
    await this.wait(0.05); // Time for a delivery too many to arrive.
    if (this.#consumed !== expected) {
      throw new Error(`${expected} deliveries expected, ${this.#consumed} came`);
    }
    if (this.#confirms && this.#confirms.confirmed !== this.publisher.published) {
      throw new Error(
        `${this.publisher.published} published, ${this.#confirms.confirmed} confirmed`,
      );
    }
    for (const queue of queues) {
      const left = await countMessages(this.#control, queue);
      if (left > 0) throw new Error(`${left} messages are left in ${queue}`);
    }
    if (expectedPerQueue) this.#checkPerQueue(expectedPerQueue(this.publisher.published));
  }

  async close(): Promise<void> {
    this.#plan.pace?.stop();
    for (const connection of this.#connections) await connection.close().catch(() => {});
    const { queues, exchange } = this.#plan;
    for (const queue of queues) await deleteQueue(this.#control, queue);
    if (exchange) await deleteExchange(this.#control, exchange.name);
    await this.#control.close();
  }

  async #consume(url: string, queues: readonly string[]): Promise<void> {
    const { load, prefetch, pace, expectedPerQueue } = this.#plan;
    const connection = await Connection.open(url);
    this.#connections.push(connection);
    if (prefetch !== undefined) await setPrefetch(connection, prefetch);
    const acknowledger = prefetch === undefined ? undefined : new Acknowledger(connection.socket);
    const onDeliveries = (count: number) => {
      // Each read is acknowledged whole, so no read may bring more than the prefetch.
      if (prefetch !== undefined && count > prefetch) {
        throw new Error(`${count} deliveries at once, but the prefetch is ${prefetch}`);
      }
      this.#consumed += count;
      pace?.delivered(count);
      acknowledger?.upTo(counter.count);
      this.publisher.pump();
    };
    const counter = expectedPerQueue
      ? new VariedDeliveries({ load, onDeliveries })
      : new FixedDeliveries({ load, ordered: queues.length === 1, onDeliveries });
    this.#counters.push(counter);
    for (const [index, queue] of queues.entries()) {
      const isLast = index === queues.length - 1;
      await consume(connection, {
        queue,
        consumerTag: `c${String(index).padStart(2, '0')}`,
        noAck: prefetch === undefined,
        ...(isLast && { handOver: counter.onBytes }),
      });
    }
  }

  #checkPerQueue(expected: Float64Array): void {
    const [counter] = this.#counters;
    if (!(counter instanceof VariedDeliveries)) return;
    for (const [index, queue] of this.#plan.queues.entries()) {
      if (counter.perQueue[index] !== expected[index]) {
        throw new Error(`${queue} got ${counter.perQueue[index]}, not ${expected[index]} messages`);
      }
    }
  }
}

/** One run: warm-up, measured interval, drain, checks. */
export async function measureFlow(
  target: Target,
  settings: Settings,
  plan: FlowPlan,
): Promise<Sample> {
  const flow = await Flow.open(target.url, plan);
  try {
    flow.start();
    await flow.wait(settings.warmUpSeconds);
    plan.pace?.record();
    const meter = new Meter(target.pid);
    const consumedBefore = flow.consumed;
    await flow.wait(settings.seconds);
    const deliveries = flow.consumed - consumedBefore;
    const sample = meter.finish(deliveries / deliveriesPerMessage(plan.load));
    await flow.drain();
    plan.finished?.(flow.publisher.published);
    return sample;
  } finally {
    await flow.close();
  }
}
