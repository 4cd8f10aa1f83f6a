// Clients that never stop: publishers with confirms and consumers with acks, which come back whenever their connection is cut.
import * as amqplib from 'amqplib';
import { bodyOf, idOf, isIntact } from './body.ts';
import type { Ledger } from './ledger.ts';

/** Where the publishers send to, and which queues that reaches. */
export interface Route {
  readonly exchange: string;
  readonly routingKey: string;
  readonly queues: readonly string[];
}

const WINDOW = 200;
const RECONNECT_AFTER_MS = 20;
const PREFETCH = 50;
const ACKS_PER_MARKER = 20;

/** Takes the confirms of what consumers publish to know that their acks are safe. Never consumed. */
export const MARKER_QUEUE = 'markers';

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Mostly small, some of many segments' size. */
function randomSize(): number {
  const dice = Math.random();
  if (dice < 0.9) return Math.floor(Math.random() * 2000);
  if (dice < 0.995) return Math.floor(Math.random() * 50_000);
  return Math.floor(Math.random() * 2_500_000);
}

/** A client that connects again and again until it is stopped. */
abstract class Client {
  protected readonly url: string;
  protected isStopped = false;
  readonly #over: Promise<void>;
  /** Resolves when all that came over the last connection has been seen. */
  #cut: Promise<void> = Promise.resolve();
  #model: amqplib.ChannelModel | undefined;

  constructor(url: string) {
    this.url = url;
    this.#over = this.#run();
  }

  /** Works on a channel until it is cut. */
  protected abstract work(channel: amqplib.ConfirmChannel, cut: Promise<void>): Promise<void>;

  async #run(): Promise<void> {
    // The subclass's own fields are there from the next turn on.
    await pause(0);
    while (!this.isStopped) {
      try {
        const model = await amqplib.connect(this.url);
        this.#model = model;
        model.on('error', () => {});
        const cut = new Promise<void>((resolve) => model.once('close', () => resolve()));
        this.#cut = cut;
        const channel = await model.createConfirmChannel();
        channel.on('error', () => {});
        await Promise.race([this.work(channel, cut), cut]);
        await cut;
      } catch {
        await pause(RECONNECT_AFTER_MS);
      }
    }
  }

  /** Resolves when the connection to a broker that was ended is gone here, too. */
  async disconnected(): Promise<void> {
    await this.#cut;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.#model?.close().catch(() => {});
    await this.#over;
  }
}

export class Publisher extends Client {
  readonly #name: string;
  readonly #routes: readonly Route[];
  readonly #ledger: Ledger;
  #next = 0;
  #isPaused = false;

  constructor(url: string, name: string, routes: readonly Route[], ledger: Ledger) {
    super(url);
    this.#name = name;
    this.#routes = routes;
    this.#ledger = ledger;
  }

  /** Publishes no more; what is under way is still confirmed. */
  pause(): void {
    this.#isPaused = true;
  }

  protected async work(channel: amqplib.ConfirmChannel): Promise<void> {
    let open = 0;
    let wake = () => {};
    let isCut = false;
    channel.once('close', () => {
      isCut = true;
      wake();
    });
    while (!isCut && !this.isStopped && !this.#isPaused) {
      while (open < WINDOW && !isCut) {
        open += 1;
        this.#publish(channel, () => {
          open -= 1;
          wake();
        });
        // Other clients of this process get their turn, too.
        if (open % 20 === 0) await pause(0);
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  #publish(channel: amqplib.ConfirmChannel, done: () => void): void {
    const number = this.#next++;
    const id = `${this.#name}-${number}`;
    const route = this.#routes[Math.floor(Math.random() * this.#routes.length)]!;
    const persistent = Math.random() < 0.9;
    this.#ledger.sent(id, route.queues, persistent);
    const body = bodyOf(id, randomSize());
    channel.publish(route.exchange, route.routingKey, body, { persistent }, (error) => {
      if (!error) this.#ledger.confirmed(id, route.queues);
      done();
    });
  }
}

export interface Habits {
  /** Gives some messages back, and acknowledges others late and out of order. */
  readonly isMoody: boolean;
}

export class Consumer extends Client {
  readonly #queue: string;
  readonly #habits: Habits;
  readonly #ledger: Ledger;
  /** Acks that no confirm has followed yet. */
  #unsafe: string[] = [];
  /** When a message came last. */
  lastAtMs = 0;

  constructor(url: string, queue: string, habits: Habits, ledger: Ledger) {
    super(url);
    this.#queue = queue;
    this.#habits = habits;
    this.#ledger = ledger;
  }

  protected async work(channel: amqplib.ConfirmChannel, cut: Promise<void>): Promise<void> {
    // What was acknowledged on another channel has no confirm behind it.
    this.#unsafe = [];
    await channel.prefetch(PREFETCH);
    const held: amqplib.ConsumeMessage[] = [];
    await channel.consume(this.#queue, (message) => {
      if (!message) return;
      this.#take(message);
      if (!this.#habits.isMoody) {
        this.#ack(channel, message);
        return;
      }
      const dice = Math.random();
      if (dice < 0.05) channel.nack(message, false, true);
      else if (dice < 0.5) held.push(message);
      else this.#ack(channel, message);
      while (held.length > PREFETCH / 2) {
        const [late] = held.splice(Math.floor(Math.random() * held.length), 1);
        this.#ack(channel, late!);
      }
    });
    // What is held when nothing comes any more is acknowledged in the end.
    let isCut = false;
    void cut.then(() => {
      isCut = true;
    });
    while (!isCut) {
      await pause(200);
      if (!isCut && Date.now() - this.lastAtMs > 200) {
        for (const message of held.splice(0)) this.#ack(channel, message);
      }
    }
  }

  #take(message: amqplib.ConsumeMessage): void {
    this.lastAtMs = Date.now();
    const { content, fields } = message;
    const id = idOf(content);
    this.#ledger.delivered(this.#queue, id, fields.redelivered, isIntact(content));
    if (this.#habits.isMoody) return;
    const [publisher = '', number = ''] = id.split('-');
    this.#ledger.deliveredInOrder(this.#queue, publisher, Number(number));
  }

  #ack(channel: amqplib.ConfirmChannel, message: amqplib.ConsumeMessage): void {
    const id = idOf(message.content);
    try {
      channel.ack(message);
    } catch {
      return;
    }
    this.#ledger.acked(this.#queue, id);
    this.#unsafe.push(id);
    if (this.#unsafe.length >= ACKS_PER_MARKER) this.#mark(channel);
  }

  /** When this publish is confirmed, the acks before it are on disk, since the broker writes in order. */
  #mark(channel: amqplib.ConfirmChannel): void {
    const ids = this.#unsafe;
    this.#unsafe = [];
    const options = { persistent: true };
    channel.publish('', MARKER_QUEUE, Buffer.from('marker'), options, (error) => {
      if (error) return;
      for (const id of ids) this.#ledger.ackSafe(this.#queue, id);
    });
  }
}

/** Declares durable queues, deletes some of them again, and knows what the broker has agreed to. */
export class Declarer extends Client {
  readonly present = new Set<string>();
  readonly deleted = new Set<string>();
  #next = 0;

  protected async work(channel: amqplib.ConfirmChannel, cut: Promise<void>): Promise<void> {
    let isCut = false;
    void cut.then(() => {
      isCut = true;
    });
    while (!isCut && !this.isStopped) {
      const name = `declared-${this.#next++}`;
      await channel.assertQueue(name, { durable: true });
      this.present.add(name);
      if (Math.random() < 0.3) {
        const [victim] = this.present;
        this.present.delete(victim!);
        await channel.deleteQueue(victim!);
        this.deleted.add(victim!);
      }
      await pause(10);
    }
  }
}
