// A whole broker through many lives, from one seed: clients that do whatever they like, a disk that finishes when it likes, and
// crashes at any moment. After each of them the broker is started on what the disk kept, and must hold what it promised.
//
//   life: start (may crash on the way) -> definitions as promised? -> all messages looked at, now and then -> turns -> crash
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.ts';
import type { SyncMode } from '../../src/broker/storage.ts';
import type { Log } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { MemoryNetwork } from '../../src/platform/memory-network.ts';
import { Server } from '../../src/server/server.ts';
import { DataDirectory } from '../../src/store/data-directory.ts';
import { Dice } from '../fuzz/dice.ts';
import { DefinitionsModel, definitionsText } from './definitions-model.ts';
import { type Time, Violation } from './expectations.ts';
import { Life } from './life.ts';
import { Messages } from './messages.ts';
import { type Flaws, MachineStopped, SimDisk } from './sim-disk.ts';

export interface SimulationOptions {
  /** Crashes, each with a recovery behind it. */
  readonly cycles: number;
  readonly flaws?: Flaws;
  /** The largest body. */
  readonly maxBodyBytes?: number;
  /** Told what happens, step by step. */
  readonly trace?: (text: string) => void;
}

/** What happened in a simulation, for the curious. */
export interface Tally {
  crashes: number;
  crashesInRecovery: number;
  cleanStops: number;
  published: number;
  delivered: number;
  looks: number;
  diskErrors: number;
  /** Times that the disk was full, and starts that this prevented. */
  fullDisks: number;
  refusedStarts: number;
}

export function newTally(): Tally {
  return {
    crashes: 0,
    crashesInRecovery: 0,
    cleanStops: 0,
    published: 0,
    delivered: 0,
    looks: 0,
    diskErrors: 0,
    fullDisks: 0,
    refusedStarts: 0,
  };
}

/** How long a life may last: most are short, so that there are many. */
const TURNS = [0, 3, 8, 16, 50];
const PATH = '/data';
const HOST = '127.0.0.1';
const MIB = 1024 * 1024;
/** Calls of the disk within which a start is over. */
const CALLS_OF_A_START = 40;

/** `defer` is part of the simulation: what throws there is a finding, not the end of the process. */
class SimClock extends ManualClock {
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    super(Date.UTC(2026, 0, 1));
    this.#failed = failed;
  }

  override defer(run: () => void): void {
    super.defer(() => {
      try {
        run();
      } catch (error) {
        this.#failed(error);
      }
    });
  }
}

export class Simulation {
  readonly dice: Dice;
  readonly options: SimulationOptions;
  readonly tally: Tally;
  readonly definitions = new DefinitionsModel();
  readonly messages: Messages;
  now: Time = 0;
  life = 0;
  /** Everything that the broker had handled at that time is on disk. */
  syncedUpTo: Time = 0;
  disk: SimDisk;
  readonly #seed: number;
  readonly #sync: SyncMode;
  #failure: unknown;

  constructor(seed: number, options: SimulationOptions, tally: Tally) {
    this.#seed = seed;
    this.dice = new Dice(seed);
    this.#sync = this.dice.chance(0.2) ? this.dice.pick(['interval', 'never']) : 'always';
    this.options = options;
    this.tally = tally;
    this.disk = new SimDisk(this.dice, options.flaws);
    this.messages = new Messages(this.dice, options.maxBodyBytes ?? 40_000);
  }

  trace(text: () => string): void {
    this.options.trace?.(text());
  }

  tick(): Time {
    this.now += 1;
    return this.now;
  }

  synced(upTo: Time): void {
    this.syncedUpTo = Math.max(this.syncedUpTo, upTo);
  }

  /** Something was thrown where nobody catches it, or was noticed where it must not be thrown. */
  failed(error: unknown): void {
    this.#failure ??= error;
  }

  checkFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  async run(): Promise<void> {
    try {
      for (let cycle = 0; cycle < this.options.cycles; cycle++) {
        await this.#live(cycle === this.options.cycles - 1);
      }
      await this.#finish();
    } catch (error) {
      const message = error instanceof Violation ? error.message : String((error as Error).stack);
      throw new Violation(`seed ${this.#seed}, life ${this.life}: ${message}`, { cause: error });
    }
  }

  /** One life and the end of it. */
  async #live(isLast: boolean): Promise<void> {
    const { dice } = this;
    const life = await this.#start(dice.chance(0.2));
    if (isLast || dice.chance(0.3)) await life.look(false);
    await life.play(dice.integer(0, dice.pick(TURNS)));
    let isSynced = false;
    if (isLast || dice.chance(this.#sync === 'interval' ? 0.4 : 0.1)) {
      await life.quiesce();
      isSynced = this.#sync === 'interval' && !life.stage.hasFailed();
      if (dice.chance(0.5)) isSynced = await this.#stopInOrder(life);
    }
    this.#crash(isSynced);
  }

  /** Takes out everything and sees that it stays out. */
  async #finish(): Promise<void> {
    this.disk.isFull = false;
    const last = await this.#start(false);
    await last.look(true);
    this.#crash();
    const empty = await this.#start(false);
    const left = await empty.look(false);
    if (left > 0) throw new Violation(`${left} messages came back after all were acknowledged`);
    this.#crash();
  }

  async #start(mayCrash: boolean): Promise<Life> {
    if (mayCrash) this.disk.stopIn(this.dice.integer(1, CALLS_OF_A_START));
    for (;;) {
      this.life += 1;
      this.trace(() => `--- life ${this.life}`);
      try {
        return await this.#startOnce();
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOSPC') {
          this.tally.refusedStarts += 1;
          this.disk.isFull = false;
        } else if (error instanceof MachineStopped) this.tally.crashesInRecovery += 1;
        else throw error;
        this.#crash();
        if (this.dice.chance(0.3)) this.disk.stopIn(this.dice.integer(1, CALLS_OF_A_START));
      }
    }
  }

  async #startOnce(): Promise<Life> {
    const { disk, dice } = this;
    // What goes on in a broker that the crash has cut off does not count.
    const failed = (error: unknown) => {
      if (!disk.isStopped) this.failed(error);
    };
    const clock = new SimClock(failed);
    let brokenDisk: Error | undefined;
    const broker = disk.recovering(
      () =>
        new Broker(
          { clock, random: { bytes: (count) => dice.bytes(count) }, log: this.#log(failed) },
          {
            memoryLimitBytes: 512 * MIB,
            diskFreeLimitBytes: dice.pick([0, 1]),
            sync: this.#sync,
            maxMessageBytes: 16 * MIB,
            onDiskFailed: (error) => {
              brokenDisk = error;
            },
          },
          new DataDirectory(disk, PATH, { own: 1, identity: () => undefined }),
        ),
    );
    const vhost = broker.vhost('/')!;
    this.definitions.recovered(definitionsOf(broker), this.tick());
    for (const queue of this.definitions.queues.values()) {
      const count = vhost.queue(queue.name)!.readyCount;
      const { promisedCount } = queue;
      if (count < promisedCount) {
        throw new Violation(
          `queue ${queue.name} has ${count} messages and must have ${promisedCount}`,
        );
      }
    }
    this.#watchCreations(broker);
    const network = new MemoryNetwork();
    const server = new Server(broker, { version: '0.0.0', clusterName: 'simulation' });
    const at = await server.listen(network, { host: HOST, port: 5672 });
    return new Life(this, {
      broker,
      server,
      clock,
      dial: () => network.connect(at),
      hasFailed: () => brokenDisk !== undefined,
    });
  }

  #log(failed: (error: unknown) => void): Log {
    return {
      write: (level, message) => {
        if (level === 'debug' || level === 'info') return;
        this.trace(() => `  ${level}: ${message}`);
        if (/data damaged|internal error/.test(message)) failed(new Violation(message));
      },
    };
  }

  /** Which queue of a name is which: clients cannot see it, but the numbers in the log tell. */
  #watchCreations(broker: Broker): void {
    const { disk } = this;
    const { creations } = this.definitions;
    const vhost = broker.vhost('/')!;
    const declare = vhost.declareQueue.bind(vhost);
    vhost.declareQueue = (properties, owner, nameIsGenerated) => {
      const isNew = vhost.queue(properties.name) === undefined;
      const queue = declare(properties, owner, nameIsGenerated);
      if (isNew && !disk.isStopped)
        creations.set(queue.name, [...(creations.get(queue.name) ?? []), queue.logId]);
      return queue;
    };
  }

  /** True when it has stopped, and everything is on disk. */
  async #stopInOrder(life: Life): Promise<boolean> {
    const { stage } = life;
    this.trace(() => 'stop in order');
    life.leave();
    const wasFull = this.disk.isFull;
    let isClosed = false;
    const closed = stage.server.close().then(async () => {
      await stage.broker.close();
      isClosed = true;
    });
    for (let i = 0; i < 200 && !isClosed && !this.disk.isStopped; i++) {
      this.disk.step(0.7);
      this.checkFailure();
      if (i === 20) stage.clock.advance(5_000);
      await turn();
    }
    if (this.disk.isStopped) return false;
    if (!isClosed) throw new Violation('a stop in order does not end');
    await closed;
    // Who stops on a full disk keeps what was promised, and need not keep the rest.
    if (stage.hasFailed() || wasFull) return false;
    this.synced(this.now);
    this.tally.cleanStops += 1;
    return true;
  }

  /**
   * Where writes are not synced by themselves, a power cut must lose nothing only if `isSynced`: the broker has stopped in order,
   * or the interval is over.
   */
  #crash(isSynced = false): void {
    this.checkFailure();
    const maySeverPower = this.#sync === 'always' || (isSynced && !this.disk.isStopped);
    const kind = this.dice.chance(0.3) || !maySeverPower ? 'kill' : 'power';
    this.trace(() => `crash: ${kind}, ${this.disk.pendingCount} things under way on disk`);
    this.disk = this.disk.crash(kind);
    this.tally.crashes += 1;
    this.tick();
    for (const queue of this.definitions.possibleQueues()) queue.stopped(this.syncedUpTo, this.now);
    this.messages.stopped(this.now);
  }
}

function definitionsOf(broker: Broker): string {
  const exchanges: { name: string; type: string }[] = [];
  const queues: { name: string; logId: number }[] = [];
  const bindings: { exchange: string; queue: string; key: string }[] = [];
  for (const definition of broker.vhost('/')!.definitions()) {
    if ('exchange' in definition) exchanges.push(definition.exchange);
    else if ('queue' in definition) queues.push(definition.queue);
    else if ('binding' in definition) {
      const { source, destination, routingKey } = definition.binding;
      bindings.push({ exchange: source, queue: destination, key: routingKey });
    }
  }
  return definitionsText(exchanges, queues, bindings);
}

/** Plays one seed to its end. @throws Violation */
export async function simulate(
  seed: number,
  options: SimulationOptions,
  tally: Tally = newTally(),
): Promise<void> {
  await new Simulation(seed, options, tally).run();
}

/** Plays seeds, several side by side: a turn of the event loop costs the same for all. */
export async function simulateMany(
  seeds: Iterable<number>,
  options: SimulationOptions,
  tally: Tally,
  isOver: () => boolean = () => false,
  play: (seed: number, options: SimulationOptions, tally: Tally) => Promise<void> = simulate,
): Promise<void> {
  const waiting = seeds[Symbol.iterator]();
  let hasFailed = false;
  const work = async () => {
    while (!hasFailed && !isOver()) {
      const next = waiting.next();
      if (next.done) return;
      try {
        await play(next.value, options, tally);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}
