// What delayed exchanges hold back and what deduplication remembers, through many lives of a broker from one seed. There are no
// clients: messages go into the model and are found in it again, so that both can be compared one by one.
//
//   life: start (may crash on the way) -> all that was promised there, nothing else? -> publish, let time and disk go on -> crash
import { enqueueRouted } from '../../src/broker/enqueue.ts';
import type {
  DelayedMessages,
  WaitingMessage,
} from '../../src/broker/exchange/delayed-messages.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { selectedOf } from '../../src/broker/sender-selected.ts';
import { contentOf } from '../support/content.ts';
import { type PlainTable, table } from '../support/wire-methods.ts';
import { BrokerLives } from './broker-lives.ts';
import { Violation } from './expectations.ts';
import type { SimulationOptions, Tally } from './simulation.ts';

const QUEUE = 'q';
const TURNS = [0, 3, 8, 16, 50];
const CALLS_OF_A_START = 40;

/** What becomes of messages: held back, known by a key, or both. */
const EXCHANGES: Readonly<Record<string, { type: string; arguments: PlainTable }>> = {
  later: { type: 'x-delayed-message', arguments: { 'x-delayed-type': 'fanout' } },
  once: {
    type: 'fanout',
    arguments: { 'x-message-deduplication': true, 'x-cache-size': 1_000_000 },
  },
  both: {
    type: 'x-delayed-message',
    arguments: {
      'x-delayed-type': 'fanout',
      'x-message-deduplication': true,
      'x-cache-size': 1_000_000,
    },
  },
};

interface Sent {
  readonly id: number;
  readonly exchange: string;
  /** One key for all of them that are the same to deduplication. */
  readonly key: string | undefined;
  readonly dueAtMs: number;
  readonly sizeBytes: number;
  /** The generation of the log that has it, in the life in which it was sent. */
  generation: number;
  isConfirmed: boolean;
}

class HeldSimulation {
  readonly #seed: number;
  readonly #lives: BrokerLives;
  readonly #cycles: number;
  readonly #sent: Sent[] = [];
  #unconfirmed: Sent[] = [];

  constructor(seed: number, options: SimulationOptions, tally: Tally) {
    this.#seed = seed;
    this.#lives = new BrokerLives(seed, options, tally);
    this.#cycles = options.cycles;
  }

  async run(): Promise<void> {
    try {
      this.#lives.start();
      this.#define();
      await this.#lives.quiesce();
      this.#crash();
      for (let cycle = 0; cycle < this.#cycles; cycle++) await this.#live();
      await this.#finish();
    } catch (error) {
      const message = error instanceof Violation ? error.message : String((error as Error).stack);
      throw new Violation(`seed ${this.#seed}, life ${this.#lives.life}: ${message}`, {
        cause: error,
      });
    }
  }

  async #live(): Promise<void> {
    const lives = this.#lives;
    const { dice } = lives;
    if (dice.chance(0.1)) lives.disk.stopIn(dice.integer(1, CALLS_OF_A_START));
    lives.start();
    if (dice.chance(0.5)) await this.#look();
    const { disk, clock } = lives;
    if (dice.chance(0.1)) disk.stopIn(dice.integer(1, 60));
    const probability = dice.pick([0.1, 0.3, 0.6, 0.9]);
    for (let left = dice.integer(0, dice.pick(TURNS)); left > 0 && !disk.isStopped; left--) {
      if (dice.chance(0.6)) this.#publish(dice.integer(1, 8));
      if (dice.chance(0.3)) clock.advance(dice.integer(1, 400));
      await lives.step(probability);
      this.#notePromises();
    }
    this.#crash();
  }

  /** In the end everything has gone on, and each is there as often as it should be. */
  async #finish(): Promise<void> {
    this.#lives.start();
    this.#lives.clock.advance(100_000);
    await this.#lives.quiesce();
    const waiting = await this.#waiting();
    if (waiting.length > 0) throw new Violation(`${waiting.length} messages wait for ever`);
    await this.#look();
    this.#crash();
  }

  #define(): void {
    const vhost = this.#lives.vhost;
    const flags = { durable: true, autoDelete: false };
    const queue = vhost.declareQueue(
      { name: QUEUE, exclusive: false, ...flags, arguments: table({}) },
      this,
      false,
    );
    for (const [name, { type, arguments: args }] of Object.entries(EXCHANGES)) {
      vhost.declareExchange({ name, type, internal: false, ...flags, arguments: table(args) });
      vhost.bind(vhost.requireExchange(name), queue, '', table({}));
    }
  }

  #publish(count: number): void {
    const { store, router, turn: now } = this.#lives.vhost;
    const dice = this.#lives.dice;
    for (let i = 0; i < count; i++) {
      const id = this.#sent.length;
      const exchange = dice.pick(Object.keys(EXCHANGES));
      const delayMs = exchange === 'once' ? 0 : dice.integer(-100, 3000);
      const key = exchange === 'later' ? undefined : `${exchange} ${this.#keyNear(id)}`;
      // A key is bound to its message in one segment; larger messages come without.
      const maxBytes = key === undefined ? 20_000 : 1000;
      const sizeBytes = dice.integer(0, dice.chance(0.9) ? 50 : maxBytes);
      const headers = {
        ...(delayMs === 0 ? {} : { 'x-delay': delayMs }),
        ...(key === undefined ? {} : { 'x-deduplication-header': key }),
      };
      const properties = { deliveryMode: 2, headers };
      const body = bodyOf(id, sizeBytes);
      const content = contentOf({ exchange, routingKey: key ?? '', properties, body });
      const selected = selectedOf(content);
      const routed = router.route(content, this.#lives.vhost.requireExchange(exchange), ['']);
      enqueueRouted(store, selected, routed, now);
      const dueAtMs = now.nowMs + Math.max(0, delayMs);
      const { generation } = store;
      const sent = { id, exchange, key, dueAtMs, sizeBytes, generation, isConfirmed: false };
      this.#sent.push(sent);
      this.#unconfirmed.push(sent);
      this.#lives.tally.published += 1;
    }
  }

  /** Most keys come again: soon, and in the next lives. Long ones, so that segments end between them and their messages. */
  #keyNear(id: number): string {
    return `${Math.floor(id / 10) + this.#lives.dice.integer(0, 30)} ${'-'.repeat(150)}`;
  }

  /** As a channel does it: what is on disk now is promised. */
  #notePromises(): void {
    if (this.#lives.disk.isStopped) return;
    const { syncedGeneration } = this.#lives.vhost.store;
    this.#unconfirmed = this.#unconfirmed.filter((sent) => {
      sent.isConfirmed = sent.generation <= syncedGeneration;
      return !sent.isConfirmed;
    });
  }

  #crash(): void {
    this.#lives.crash();
    this.#unconfirmed = [];
  }

  /** Compares all that is there with all that was sent. */
  async #look(): Promise<void> {
    this.#lives.tally.looks += 1;
    const waiting = await this.#waiting();
    const ready = await this.#ready(this.#lives.vhost.queue(QUEUE)!);
    if (this.#lives.disk.isStopped) return;
    const times = new Map<number, number>();
    const place = (id: number) => {
      times.set(id, (times.get(id) ?? 0) + 1);
    };
    for (const { dueAtMs, body } of waiting) {
      const sent = this.#identify(body);
      if (dueAtMs !== sent.dueAtMs) {
        throw new Violation(`message ${sent.id} is due at ${dueAtMs}, not at ${sent.dueAtMs}`);
      }
      place(sent.id);
    }
    for (const body of ready) {
      const sent = this.#identify(body);
      if (sent.dueAtMs > this.#lives.clock.now())
        throw new Violation(`message ${sent.id} is early`);
      place(sent.id);
    }
    this.#lives.tally.delivered += times.size;
    this.#compare(times);
  }

  #compare(times: ReadonlyMap<number, number>): void {
    const ofKey = new Map<string, number[]>();
    for (const { id, key, isConfirmed } of this.#sent) {
      const count = times.get(id) ?? 0;
      if (key === undefined) {
        if (isConfirmed && count === 0) throw new Violation(`message ${id} is lost`);
        // One that goes on when the crash comes may be found in both places, but that is all.
        if (count > this.#lives.life) throw new Violation(`message ${id} is there ${count} times`);
        continue;
      }
      const ids = ofKey.get(key) ?? [];
      ofKey.set(key, ids);
      if (count > 0) ids.push(id);
    }
    for (const { key, isConfirmed } of this.#sent) {
      if (key === undefined) continue;
      const ids = ofKey.get(key)!;
      if (ids.length > 1) throw new Violation(`'${key}' is there as messages ${ids}`);
      if (isConfirmed && ids.length === 0) throw new Violation(`'${key}' is lost`);
    }
  }

  async #waiting(): Promise<WaitingMessage[]> {
    const all: WaitingMessage[] = [];
    for (const delayed of this.#lives.vhost.delayedMessages()) {
      all.push(...(await this.#listed(delayed)));
    }
    return all;
  }

  async #listed(delayed: DelayedMessages): Promise<readonly WaitingMessage[]> {
    let found: readonly WaitingMessage[] | undefined;
    delayed.list(0, delayed.count, (messages) => {
      found = messages;
    });
    while (!found && !this.#lives.disk.isStopped) await this.#lives.step(0.8);
    return found ?? [];
  }

  /** The bodies of all messages in a queue, which get them back. */
  async #ready(queue: Queue): Promise<Uint8Array[]> {
    const bodies: Uint8Array[] = [];
    const taken = await this.#lives.takeAll(queue, (_, content) => {
      bodies.push(content.body.slice());
    });
    for (const each of taken) this.#lives.giveBack(each);
    return bodies;
  }

  #identify(body: Uint8Array): Sent {
    const text = Buffer.from(body).toString();
    const sent = this.#sent[Number.parseInt(text, 10)];
    if (!sent || text !== bodyOf(sent.id, sent.sizeBytes)) {
      throw new Violation(`a message that nobody sent: ${text.slice(0, 40)}`);
    }
    return sent;
  }
}

function bodyOf(id: number, sizeBytes: number): string {
  return `${id} ${'.'.repeat(sizeBytes)}`;
}

/** Plays one seed to its end. @throws Violation */
export async function simulateHeld(
  seed: number,
  options: SimulationOptions,
  tally: Tally,
): Promise<void> {
  await new HeldSimulation(seed, options, tally).run();
}
