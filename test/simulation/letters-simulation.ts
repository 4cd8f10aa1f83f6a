// What queues with rules do with messages, through many lives of a broker from one seed: time to live, dead letters, priorities,
// counted deliveries, a greatest length. Messages go into the model and are found in it again, as in held-simulation.ts.
//
//   life: start (may crash on the way) -> all where it must be, nothing where it must not? -> publish, take, settle, let time
//   and disk go on -> crash
import { enqueueRouted } from '../../src/broker/enqueue.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { selectedOf } from '../../src/broker/sender-selected.ts';
import type { Content } from '../../src/protocol/content.ts';
import { contentOf } from '../support/content.ts';
import { type PlainTable, table } from '../support/wire-methods.ts';
import { BrokerLives, type Taken } from './broker-lives.ts';
import { Violation } from './expectations.ts';
import type { SimulationOptions, Tally } from './simulation.ts';

const TURNS = [0, 3, 8, 16, 50];
const CALLS_OF_A_START = 40;
const DEAD = 'dead';
const TTL_MS = 1500;
const MAX_PRIORITY = 4;
const DELIVERY_LIMIT = 3;
const MAX_LENGTH = 8;
const MAX_HELD = 20;

const TO_DEAD: PlainTable = {
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': DEAD,
};

/** The queues, by name; all are durable. */
const QUEUES: Readonly<Record<string, PlainTable>> = {
  [DEAD]: {},
  timed: { ...TO_DEAD, 'x-message-ttl': TTL_MS },
  expiring: {},
  ranked: { ...TO_DEAD, 'x-max-priority': MAX_PRIORITY },
  counted: { ...TO_DEAD, 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT },
  short: { ...TO_DEAD, 'x-max-length': MAX_LENGTH },
  dropping: { 'x-max-length': MAX_LENGTH },
};
/** Levels that are told apart: as many as were asked for, and those that a quorum queue has anyway. */
const GREATEST_PRIORITY: Readonly<Record<string, number>> = {
  ranked: MAX_PRIORITY,
  counted: 31,
};
const SOURCES = Object.keys(QUEUES).filter((name) => name !== DEAD);
const WITH_DEAD_LETTERS: ReadonlySet<string> = new Set(
  SOURCES.filter((name) => 'x-dead-letter-exchange' in QUEUES[name]!),
);

interface Sent {
  readonly id: number;
  readonly queue: string;
  readonly priority: number;
  readonly sizeBytes: number;
  /** Infinite: it never expires. */
  readonly dueAtMs: number;
  /** How many were sent to the queue before it. */
  readonly place: number;
  isConfirmed: boolean;
  /** A consumer was done with it, or with its dead letter: nobody expects it any more. */
  isDone: boolean;
  isRejected: boolean;
  /** Deliveries that failed, in all lives, and how many of them are on disk. */
  failures: number;
  syncedCount: number;
  /** It has left its queue, and that is on disk. */
  isGone: boolean;
}

/** Something that is on disk when the log has come to that generation. */
interface Promised {
  readonly generation: number;
  kept(): void;
}

class LettersSimulation {
  readonly #seed: number;
  readonly #lives: BrokerLives;
  readonly #cycles: number;
  readonly #sent: Sent[] = [];
  readonly #places = new Map<string, number>();
  #promised: Promised[] = [];
  #held: { readonly taken: Taken; readonly sent: Sent }[] = [];

  constructor(seed: number, options: SimulationOptions, tally: Tally) {
    this.#seed = seed;
    this.#lives = new BrokerLives(seed, options, tally);
    this.#cycles = options.cycles;
  }

  async run(): Promise<void> {
    const lives = this.#lives;
    try {
      lives.start();
      this.#define();
      await lives.quiesce();
      lives.crash();
      for (let cycle = 0; cycle < this.#cycles; cycle++) await this.#live();
      lives.start();
      lives.clock.advance(100_000);
      await this.#look();
      lives.crash();
    } catch (error) {
      const message = error instanceof Violation ? error.message : String((error as Error).stack);
      throw new Violation(`seed ${this.#seed}, life ${lives.life}: ${message}`, { cause: error });
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
      for (let count = dice.integer(0, 4); count > 0; count--) this.#take();
      for (let count = dice.integer(0, 4); count > 0; count--) this.#settle();
      if (dice.chance(0.3)) clock.advance(dice.integer(1, 400));
      await lives.step(probability);
      this.#notePromises();
    }
    lives.crash();
    this.#promised = [];
    this.#held = [];
  }

  #define(): void {
    for (const [name, args] of Object.entries(QUEUES)) {
      this.#lives.vhost.declareQueue(
        { name, durable: true, exclusive: false, autoDelete: false, arguments: table(args) },
        this,
        false,
      );
    }
  }

  #queue(name: string): Queue {
    return this.#lives.vhost.queue(name)!;
  }

  /** Calls `kept` once what has happened so far is on disk, unless a crash comes first. */
  #onceSynced(kept: () => void): void {
    this.#promised.push({ generation: this.#lives.vhost.store.generation, kept });
  }

  #notePromises(): void {
    if (this.#lives.disk.isStopped) return;
    const { syncedGeneration } = this.#lives.vhost.store;
    this.#promised = this.#promised.filter(({ generation, kept }) => {
      if (generation > syncedGeneration) return true;
      kept();
      return false;
    });
  }

  #publish(count: number): void {
    const { dice, vhost, tally } = this.#lives;
    const { store, router, turn } = vhost;
    const queue = dice.pick(SOURCES);
    for (let i = 0; i < count; i++) {
      const id = this.#sent.length;
      const place = this.#places.get(queue) ?? 0;
      this.#places.set(queue, place + 1);
      const priority = dice.integer(0, MAX_PRIORITY + 1);
      const lifeMs = this.#lifeMs(queue);
      const sent: Sent = {
        id,
        queue,
        priority: Math.min(priority, GREATEST_PRIORITY[queue] ?? 0),
        sizeBytes: dice.integer(0, dice.pick([50, 50, 200, 4000, 20_000])),
        dueAtMs: turn.nowMs + Math.min(lifeMs, queue === 'timed' ? TTL_MS : lifeMs),
        place,
        isConfirmed: false,
        isDone: false,
        isRejected: false,
        failures: 0,
        syncedCount: 0,
        isGone: false,
      };
      const expires = lifeMs < Number.POSITIVE_INFINITY;
      const properties = {
        deliveryMode: 2,
        priority,
        ...(expires ? { expiration: `${lifeMs}` } : {}),
      };
      const content = contentOf({
        exchange: '',
        routingKey: queue,
        properties,
        body: bodyOf(sent),
      });
      const routed = router.route(content, vhost.requireExchange(''), [queue]);
      enqueueRouted(store, selectedOf(content), routed, turn);
      this.#sent.push(sent);
      this.#lives.trace(() => `publish ${id} to ${queue}, due at ${sent.dueAtMs}`);
      this.#onceSynced(() => {
        sent.isConfirmed = true;
      });
      tally.published += 1;
    }
  }

  #lifeMs(queue: string): number {
    const { dice } = this.#lives;
    if (queue === 'expiring') return dice.pick([300, 1000, 3000]);
    return queue === 'timed' && dice.chance(0.3) ? 400 : Number.POSITIVE_INFINITY;
  }

  #take(): void {
    if (this.#held.length >= MAX_HELD) return;
    const lives = this.#lives;
    const queue = this.#queue(lives.dice.pick(Object.keys(QUEUES)));
    lives.take(queue, (taken, content) => {
      this.#held.push({ taken, sent: this.#check(taken, content) });
    });
  }

  #settle(): void {
    const { dice } = this.#lives;
    const [held] = this.#held.splice(dice.integer(0, Math.max(0, this.#held.length - 1)), 1);
    if (!held) return;
    const { taken, sent } = held;
    const { queue, sequence, slot, offset } = taken;
    const how = dice.pick(['ack', 'reject', 'fail', 'fail', 'give back']);
    this.#lives.trace(() => `${how} ${sent.id} of ${queue.name}`);
    if (how === 'ack' || (how === 'reject' && !WITH_DEAD_LETTERS.has(queue.name))) {
      sent.isDone = true;
      queue.settle(sequence, slot);
      if (queue.name === DEAD) return;
      this.#onceSynced(() => {
        sent.isGone = true;
      });
    } else if (how === 'reject') {
      sent.isRejected = true;
      queue.reject(sequence, slot, offset);
    } else {
      if (how === 'fail') this.#failed(sent, queue, sequence);
      this.#lives.giveBack(taken, how === 'fail');
    }
  }

  #failed(sent: Sent, queue: Queue, sequence: number): void {
    sent.failures += 1;
    if (queue.type !== 'quorum') return;
    const count = queue.returns!.counts.failuresOf(sequence) + 1;
    // One too many: it leaves, and its count with it.
    if (count > DELIVERY_LIMIT) return;
    this.#onceSynced(() => {
      sent.syncedCount = Math.max(sent.syncedCount, count);
    });
  }

  /** Whether a message that was taken may be where it was, now. */
  #check({ queue, sequence }: Taken, content: Content): Sent {
    const sent = this.#identify(content);
    const what = `message ${sent.id} of queue ${sent.queue}`;
    const nowMs = this.#lives.vhost.turn.nowMs;
    this.#lives.tally.delivered += 1;
    if (queue.name === DEAD) {
      this.#checkDeath(sent, content, nowMs);
      return sent;
    }
    if (queue.name !== sent.queue) throw new Violation(`${what} is in queue ${queue.name}`);
    if (sent.dueAtMs <= nowMs) throw new Violation(`${what} was delivered after its time`);
    if (sent.isGone) throw new Violation(`${what} came back after it had left for good`);
    if (queue.type === 'quorum') {
      const count = queue.returns!.counts.failuresOf(sequence);
      const { syncedCount, failures } = sent;
      if (count < syncedCount || count > Math.min(failures, DELIVERY_LIMIT)) {
        throw new Violation(`${what} counts ${count} failures, of ${syncedCount} to ${failures}`);
      }
    }
    return sent;
  }

  /** Whether a dead letter says truly what it died of. */
  #checkDeath(sent: Sent, content: Content, nowMs: number): void {
    const { id, queue, dueAtMs, failures, isRejected, place } = sent;
    const what = `dead letter ${id} of queue ${queue}`;
    const text = (name: string) => {
      const value = content.headers.get(name);
      return value?.type === 'S' ? String(value.value) : undefined;
    };
    const from = text('x-first-death-queue');
    const reason = text('x-first-death-reason');
    if (from !== queue) throw new Violation(`${what} says that it died in ${from}`);
    const mayHave: Readonly<Record<string, boolean>> = {
      expired: dueAtMs <= nowMs,
      rejected: isRejected,
      delivery_limit: queue === 'counted' && failures > DELIVERY_LIMIT,
      maxlen: queue === 'short' && this.#sentAfter(queue, place) >= MAX_LENGTH,
    };
    if (!mayHave[reason ?? '']) throw new Violation(`${what} cannot have died of ${reason}`);
  }

  #sentAfter(queue: string, place: number): number {
    return (this.#places.get(queue) ?? 0) - place - 1;
  }

  /** Compares all that is there with all that was sent. */
  async #look(): Promise<void> {
    const lives = this.#lives;
    lives.tally.looks += 1;
    // What has to leave has left then.
    await lives.quiesce();
    const there = new Set<number>();
    const inDead = new Set<number>();
    for (const name of Object.keys(QUEUES)) {
      const queue = this.#queue(name);
      const ids = name === DEAD ? inDead : there;
      const order: Sent[] = [];
      const taken = await lives.takeAll(queue, (each, content) => {
        order.push(this.#check(each, content));
      });
      if (lives.disk.isStopped) return;
      if (name !== DEAD) this.#checkOrder(order);
      if ('x-max-length' in QUEUES[name]! && order.length > MAX_LENGTH) {
        throw new Violation(`queue ${name} holds ${order.length} messages`);
      }
      for (const { id } of order) ids.add(id);
      for (const each of taken) lives.giveBack(each);
    }
    this.#compare(there, inDead);
    const absent = this.#sent.filter(({ id, isGone }) => !isGone && !there.has(id));
    await lives.quiesce();
    if (lives.disk.isStopped) return;
    for (const sent of absent) sent.isGone = true;
  }

  /** The highest priority first, and in the order of sending within each. */
  #checkOrder(order: readonly Sent[]): void {
    for (let i = 1; i < order.length; i++) {
      const before = order[i - 1]!;
      const { id, priority, queue } = order[i]!;
      const isBehind =
        before.priority > priority || (before.priority === priority && before.id < id);
      if (!isBehind) throw new Violation(`message ${id} comes behind ${before.id} in ${queue}`);
    }
  }

  #compare(there: ReadonlySet<number>, inDead: ReadonlySet<number>): void {
    const nowMs = this.#lives.vhost.turn.nowMs;
    for (const { id, queue, place, dueAtMs, isConfirmed, isDone } of this.#sent) {
      if (!isConfirmed || isDone || there.has(id) || inDead.has(id)) continue;
      if (queue === 'expiring' && dueAtMs <= nowMs) continue;
      if (queue === 'dropping' && this.#sentAfter(queue, place) >= MAX_LENGTH) continue;
      throw new Violation(`message ${id} of queue ${queue} was confirmed and is lost`);
    }
  }

  #identify(content: Content): Sent {
    const text = Buffer.from(content.body).toString();
    const sent = this.#sent[Number.parseInt(text, 10)];
    if (!sent || text !== bodyOf(sent)) {
      throw new Violation(`a message that nobody sent: ${text.slice(0, 40)}`);
    }
    return sent;
  }
}

function bodyOf({ id, sizeBytes }: { id: number; sizeBytes: number }): string {
  return `${id} ${'.'.repeat(sizeBytes)}`;
}

/** Plays one seed to its end. @throws Violation */
export async function simulateLetters(
  seed: number,
  options: SimulationOptions,
  tally: Tally,
): Promise<void> {
  await new LettersSimulation(seed, options, tally).run();
}
