// What delayed exchanges hold back and what deduplication remembers, through many lives of a broker from one seed. There are no
// clients: messages go into the model and are found in it again, so that both can be compared one by one.
//
//   life: start (may crash on the way) -> all that was promised there, nothing else? -> publish, let time and disk go on -> crash
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.ts';
import { enqueueRouted } from '../../src/broker/enqueue.ts';
import type {
  DelayedMessages,
  WaitingMessage,
} from '../../src/broker/exchange/delayed-messages.ts';
import { viewMessage } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { selectedOf } from '../../src/broker/sender-selected.ts';
import type { VHost } from '../../src/broker/vhost.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { Content } from '../../src/protocol/content.ts';
import { DataDirectory } from '../../src/store/data-directory.ts';
import { Dice } from '../fuzz/dice.ts';
import { contentOf } from '../support/content.ts';
import { type PlainTable, table } from '../support/wire-methods.ts';
import { Violation } from './expectations.ts';
import { MachineStopped, SimDisk } from './sim-disk.ts';
import type { SimulationOptions, Tally } from './simulation.ts';

const PATH = '/data';
const QUEUE = 'q';
const MIB = 1024 * 1024;
const TURNS = [0, 3, 8, 16, 50];
const CALLS_OF_A_START = 40;
/** Turns within which what is under way is done. */
const MAX_TURNS = 2000;

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
  readonly #dice: Dice;
  readonly #options: SimulationOptions;
  readonly #tally: Tally;
  #disk: SimDisk;
  #life = 0;
  #nowMs = Date.UTC(2026, 0, 1);
  readonly #sent: Sent[] = [];
  #unconfirmed: Sent[] = [];
  #failure: unknown;
  #clock = new ManualClock();
  #broker: Broker | undefined;

  constructor(seed: number, options: SimulationOptions, tally: Tally) {
    this.#seed = seed;
    this.#dice = new Dice(seed);
    this.#options = options;
    this.#tally = tally;
    this.#disk = new SimDisk(this.#dice, options.flaws);
  }

  async run(): Promise<void> {
    try {
      this.#start();
      this.#define();
      await this.#quiesce();
      this.#crash();
      for (let cycle = 0; cycle < this.#options.cycles; cycle++) await this.#live();
      await this.#finish();
    } catch (error) {
      const message = error instanceof Violation ? error.message : String((error as Error).stack);
      throw new Violation(`seed ${this.#seed}, life ${this.#life}: ${message}`, { cause: error });
    }
  }

  async #live(): Promise<void> {
    const dice = this.#dice;
    if (dice.chance(0.1)) this.#disk.stopIn(dice.integer(1, CALLS_OF_A_START));
    this.#start();
    if (dice.chance(0.5)) await this.#look();
    if (dice.chance(0.1)) this.#disk.stopIn(dice.integer(1, 60));
    const probability = dice.pick([0.1, 0.3, 0.6, 0.9]);
    for (let left = dice.integer(0, dice.pick(TURNS)); left > 0 && !this.#disk.isStopped; left--) {
      if (dice.chance(0.6)) this.#publish(dice.integer(1, 8));
      if (dice.chance(0.3)) this.#clock.advance(dice.integer(1, 400));
      await this.#step(probability);
    }
    this.#crash();
  }

  /** In the end everything has gone on, and each is there as often as it should be. */
  async #finish(): Promise<void> {
    this.#start();
    this.#clock.advance(100_000);
    await this.#quiesce();
    const waiting = await this.#waiting();
    if (waiting.length > 0) throw new Violation(`${waiting.length} messages wait for ever`);
    await this.#look();
    this.#crash();
  }

  get #vhost(): VHost {
    return this.#broker!.vhost('/')!;
  }

  #start(): void {
    for (;;) {
      this.#life += 1;
      try {
        this.#startOnce();
        return;
      } catch (error) {
        if (!(error instanceof MachineStopped)) throw error;
        this.#tally.crashesInRecovery += 1;
        this.#crash();
      }
    }
  }

  #startOnce(): void {
    const disk = this.#disk;
    const failed = (error: unknown) => {
      if (!disk.isStopped) this.#failure ??= error;
    };
    const clock = new ManualClock(this.#nowMs);
    const defer = clock.defer.bind(clock);
    clock.defer = (run) =>
      defer(() => {
        try {
          if (!disk.isStopped) run();
        } catch (error) {
          failed(error);
        }
      });
    this.#clock = clock;
    const write = (level: string, text: string) => {
      this.#options.trace?.(`  ${level}: ${text}`);
      if (/data damaged|internal error/.test(text)) failed(new Violation(text));
    };
    const services = {
      clock,
      random: { bytes: (count: number) => this.#dice.bytes(count) },
      log: { write },
    };
    const options = { memoryLimitBytes: 512 * MIB, maxMessageBytes: 16 * MIB };
    this.#broker = disk.recovering(
      () =>
        new Broker(
          services,
          options,
          new DataDirectory(disk, PATH, { own: 1, identity: () => undefined }),
        ),
    );
  }

  #define(): void {
    const vhost = this.#vhost;
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
    const { store, router, turn: now } = this.#vhost;
    const dice = this.#dice;
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
      const routed = router.route(content, this.#vhost.requireExchange(exchange), ['']);
      enqueueRouted(store, selected, routed, now);
      const dueAtMs = now.nowMs + Math.max(0, delayMs);
      const { generation } = store;
      const sent = { id, exchange, key, dueAtMs, sizeBytes, generation, isConfirmed: false };
      this.#sent.push(sent);
      this.#unconfirmed.push(sent);
      this.#tally.published += 1;
    }
  }

  /** Most keys come again: soon, and in the next lives. Long ones, so that segments end between them and their messages. */
  #keyNear(id: number): string {
    return `${Math.floor(id / 10) + this.#dice.integer(0, 30)} ${'-'.repeat(150)}`;
  }

  async #step(probability: number): Promise<void> {
    await turn();
    this.#checkFailure();
    try {
      this.#disk.step(probability);
    } catch (error) {
      this.#failure ??= error;
    }
    this.#checkFailure();
    if (this.#disk.isStopped) return;
    // As a channel does it: what is on disk now is promised.
    const { syncedGeneration } = this.#vhost.store;
    this.#unconfirmed = this.#unconfirmed.filter((sent) => {
      sent.isConfirmed = sent.generation <= syncedGeneration;
      return !sent.isConfirmed;
    });
  }

  #checkFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  async #quiesce(): Promise<void> {
    let idle = 0;
    for (let i = 0; i < MAX_TURNS && idle < 12 && !this.#disk.isStopped; i++) {
      const wasBusy = this.#disk.pendingCount > 0 || this.#vhost.store.isDirty;
      await this.#step(0.8);
      this.#clock.advance(0);
      idle = wasBusy ? 0 : idle + 1;
    }
  }

  #crash(): void {
    this.#checkFailure();
    this.#nowMs = Math.max(this.#nowMs, this.#clock.now());
    this.#disk = this.#disk.crash(this.#dice.chance(0.3) ? 'kill' : 'power');
    this.#unconfirmed = [];
    this.#tally.crashes += 1;
  }

  /** Compares all that is there with all that was sent. */
  async #look(): Promise<void> {
    this.#tally.looks += 1;
    const waiting = await this.#waiting();
    const ready = await this.#ready(this.#vhost.queue(QUEUE)!);
    if (this.#disk.isStopped) return;
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
      if (sent.dueAtMs > this.#clock.now()) throw new Violation(`message ${sent.id} is early`);
      place(sent.id);
    }
    this.#tally.delivered += times.size;
    this.#compare(times);
  }

  #compare(times: ReadonlyMap<number, number>): void {
    const ofKey = new Map<string, number[]>();
    for (const { id, key, isConfirmed } of this.#sent) {
      const count = times.get(id) ?? 0;
      if (key === undefined) {
        if (isConfirmed && count === 0) throw new Violation(`message ${id} is lost`);
        // One that goes on when the crash comes may be found in both places, but that is all.
        if (count > this.#life) throw new Violation(`message ${id} is there ${count} times`);
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
    for (const delayed of this.#vhost.delayedMessages()) {
      all.push(...(await this.#listed(delayed)));
    }
    return all;
  }

  async #listed(delayed: DelayedMessages): Promise<readonly WaitingMessage[]> {
    let found: readonly WaitingMessage[] | undefined;
    delayed.list(0, delayed.count, (messages) => {
      found = messages;
    });
    while (!found && !this.#disk.isStopped) await this.#step(0.8);
    return found ?? [];
  }

  /** The bodies of all messages in a queue, which get them back. */
  async #ready(queue: Queue): Promise<Uint8Array[]> {
    const taken: { sequence: number; slot: number; offset: number; body: Uint8Array }[] = [];
    while (!this.#disk.isStopped) {
      const { obstacle } = queue;
      if (obstacle) {
        let isDone = false;
        obstacle(() => {
          isDone = true;
        });
        while (!isDone && !this.#disk.isStopped) await this.#step(0.8);
        continue;
      }
      const isThere = queue.get(false, (sequence, slot, offset) => {
        const content = new Content();
        viewMessage(this.#vhost.store.segment(slot), offset, content);
        taken.push({ sequence, slot, offset, body: content.body.slice() });
        return content.body.length;
      });
      if (!isThere) break;
    }
    for (const { sequence, slot, offset, body } of taken) {
      queue.requeue(sequence, slot, offset, body.length, false);
    }
    return taken.map(({ body }) => body);
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
