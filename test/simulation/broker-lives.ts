// A broker without clients through many lives, on a clock and a disk that only move when they are told to: for simulations that
// put messages into the model and compare what they find in it again.
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.ts';
import { viewMessage } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import type { VHost } from '../../src/broker/vhost.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { Content } from '../../src/protocol/content.ts';
import { DataDirectory } from '../../src/store/data-directory.ts';
import { Dice } from '../fuzz/dice.ts';
import { Violation } from './expectations.ts';
import { MachineStopped, SimDisk } from './sim-disk.ts';
import type { SimulationOptions, Tally } from './simulation.ts';

const PATH = '/data';
const MIB = 1024 * 1024;
/** Turns within which what is under way is done. */
const MAX_TURNS = 2000;

/** A message that was taken from a queue and is unacknowledged. */
export interface Taken {
  readonly queue: Queue;
  readonly sequence: number;
  readonly slot: number;
  readonly offset: number;
  readonly bodyBytes: number;
}

/** Told of a message that was taken; `content` is valid during the call, since its segment may leave memory. */
export type Took = (taken: Taken, content: Content) => void;

export class BrokerLives {
  readonly dice: Dice;
  readonly tally: Tally;
  disk: SimDisk;
  life = 0;
  clock = new ManualClock();
  readonly #options: SimulationOptions;
  #nowMs = Date.UTC(2026, 0, 1);
  #failure: unknown;
  #broker: Broker | undefined;

  constructor(seed: number, options: SimulationOptions, tally: Tally) {
    this.dice = new Dice(seed);
    this.tally = tally;
    this.#options = options;
    this.disk = new SimDisk(this.dice, options.flaws);
  }

  get vhost(): VHost {
    return this.#broker!.vhost('/')!;
  }

  trace(text: () => string): void {
    this.#options.trace?.(text());
  }

  /** Starts the broker, again and again if the machine stops on the way. */
  start(): void {
    for (;;) {
      this.life += 1;
      this.trace(() => `--- life ${this.life}`);
      try {
        this.#startOnce();
        return;
      } catch (error) {
        if (!(error instanceof MachineStopped)) throw error;
        this.tally.crashesInRecovery += 1;
        this.crash();
      }
    }
  }

  #startOnce(): void {
    const { disk } = this;
    // What goes on in a broker that the crash has cut off does not count.
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
    this.clock = clock;
    const write = (level: string, text: string) => {
      this.trace(() => `  ${level}: ${text}`);
      if (/data damaged|internal error/.test(text)) failed(new Violation(text));
    };
    const random = { bytes: (count: number) => this.dice.bytes(count) };
    this.#broker = disk.recovering(
      () =>
        new Broker(
          { clock, random, log: { write } },
          { memoryLimitBytes: 512 * MIB, maxMessageBytes: 16 * MIB },
          new DataDirectory(disk, PATH, { own: 1, identity: () => undefined }),
        ),
    );
  }

  /** A turn, after which the disk finishes each thing under way with that probability. */
  async step(probability: number): Promise<void> {
    await turn();
    this.#checkFailure();
    try {
      this.disk.step(probability);
    } catch (error) {
      this.#failure ??= error;
    }
    this.#checkFailure();
  }

  #checkFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Lets everything be done that is under way; no time passes. */
  async quiesce(): Promise<void> {
    let idle = 0;
    for (let i = 0; i < MAX_TURNS && idle < 12 && !this.disk.isStopped; i++) {
      const wasBusy = this.disk.pendingCount > 0 || this.vhost.store.isDirty;
      await this.step(0.8);
      this.clock.advance(0);
      idle = wasBusy ? 0 : idle + 1;
    }
  }

  crash(): void {
    this.#checkFailure();
    this.#nowMs = Math.max(this.#nowMs, this.clock.now());
    const kind = this.dice.chance(0.3) ? 'kill' : 'power';
    this.trace(() => `crash: ${kind}`);
    this.disk = this.disk.crash(kind);
    this.tally.crashes += 1;
  }

  /** Takes the message at the head, if there is one and nothing has to come before. */
  take(queue: Queue, took: Took): Taken | undefined {
    if (queue.obstacle) return undefined;
    let taken: Taken | undefined;
    const content = new Content();
    queue.get(false, (sequence, slot, offset) => {
      viewMessage(this.vhost.store.segment(slot), offset, content);
      const bodyBytes = content.body.length;
      taken = { queue, sequence, slot, offset, bodyBytes };
      return bodyBytes;
    });
    if (taken) took(taken, content);
    return taken;
  }

  /** Takes all that is ready, waiting for the disk where that is necessary. */
  async takeAll(queue: Queue, took: Took): Promise<Taken[]> {
    const all: Taken[] = [];
    while (!this.disk.isStopped) {
      const { obstacle } = queue;
      if (obstacle) {
        let isDone = false;
        obstacle(() => {
          isDone = true;
        });
        while (!isDone && !this.disk.isStopped) await this.step(0.8);
        continue;
      }
      const taken = this.take(queue, took);
      if (!taken) break;
      all.push(taken);
    }
    return all;
  }

  giveBack({ queue, sequence, slot, offset, bodyBytes }: Taken, isFailure = false): void {
    queue.requeue(sequence, slot, offset, bodyBytes, isFailure);
  }
}
