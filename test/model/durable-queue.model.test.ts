// A durable queue against one that is a plain array, through crashes and restarts: sets say which messages are confirmed (a sync
// was over), which are uncertain (it was not) and which were seen (taken by somebody), and with that what a crash may lose,
// what may come again, and what must be marked redelivered.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import { enqueue } from '../../src/broker/enqueue.ts';
import { viewMessage } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { blockOf } from '../../src/protocol/block.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { encodeProperties } from '../../src/protocol/properties.ts';
import { DataDirectory } from '../../src/store/data-directory.ts';
import { Dice } from '../fuzz/dice.ts';
import { type CrashKind, SimDisk } from '../simulation/sim-disk.ts';
import { idle } from '../support/log-harness.ts';

const PATH = '/model';
const RUNS = 30;

// --- the model

interface Model {
  /** In the queue, in order. */
  ready: number[];
  /** Taken and not settled. */
  readonly held: Set<number>;
  /** What a crash must not lose, and what it may: persistent, both. */
  readonly confirmed: Set<number>;
  readonly uncertain: Set<number>;
  /** Taken in this life; and of those, what the disk knows of. */
  readonly seen: Set<number>;
  readonly seenForGood: Set<number>;
  /** Acknowledged; and of those, what must not come back. */
  readonly settled: Set<number>;
  readonly gone: Set<number>;
}

function newModel(): Model {
  const sets = ['held', 'confirmed', 'uncertain', 'seen', 'seenForGood', 'settled', 'gone'];
  const entries = sets.map((name) => [name, new Set<number>()]);
  return { ready: [], ...Object.fromEntries(entries) } as Model;
}

function move(from: Set<number>, to: Set<number>): void {
  for (const id of from) to.add(id);
  from.clear();
}

// --- the broker

interface Held {
  readonly sequence: number;
  readonly slot: number;
  readonly offset: number;
  readonly bodyBytes: number;
}

class Real {
  disk: SimDisk;
  broker!: Broker;
  queue!: Queue;
  lastId = 0;
  readonly held = new Map<number, Held>();
  readonly #clock = new ManualClock();
  failure: Error | undefined;

  constructor(seed: number) {
    this.disk = new SimDisk(new Dice(seed));
    this.start();
  }

  start(): void {
    const processes = { own: 1, identity: () => undefined };
    const services = { clock: this.#clock, random: systemRandom, log: silentLog };
    const onDiskFailed = (error: Error) => {
      this.failure = error;
    };
    this.broker = new Broker(
      services,
      { memoryLimitBytes: 2 ** 30, maxMessageBytes: 2 ** 20, onDiskFailed },
      new DataDirectory(this.disk, PATH, processes),
    );
    const found = this.broker.vhost('/')!.queue('q');
    this.queue = found ?? this.#declare();
    this.held.clear();
  }

  #declare(): Queue {
    const flags = { durable: true, exclusive: false, autoDelete: false };
    const properties = { name: 'q', arguments: FieldTable.empty, ...flags };
    return this.broker.vhost('/')!.declareQueue(properties, this, false);
  }

  publish(sizeBytes: number, isPersistent: boolean): number {
    this.lastId += 1;
    const writer = new ByteWriter();
    const content = new Content();
    writer.shortstr('');
    writer.shortstr('q');
    content.routeEnd = writer.length;
    content.propertiesAt = writer.length;
    encodeProperties({ deliveryMode: isPersistent ? 2 : 1 }, writer);
    content.propertiesEnd = writer.length;
    content.bodyAt = writer.length;
    writer.long(this.lastId);
    for (let i = 0; i < sizeBytes; i++) writer.octet(this.lastId & 0xff);
    content.bodyEnd = writer.length;
    content.block = blockOf(writer.bytes.slice());
    enqueue(this.broker.store, content, [this.queue], this.broker.turn);
    return this.lastId;
  }

  /** The next message, with whether it is marked. */
  async take(): Promise<{ id: number; redelivered: boolean } | undefined> {
    for (let { obstacle } = this.queue; obstacle; { obstacle } = this.queue) {
      let isGone = false;
      obstacle(() => {
        isGone = true;
      });
      while (!isGone) {
        await idle();
        this.disk.step(1);
      }
    }
    let taken: { id: number; redelivered: boolean } | undefined;
    this.queue.get(false, (sequence, slot, offset, redelivered) => {
      const content = new Content();
      viewMessage(this.broker.store.segment(slot), offset, content);
      const id = content.block.view.getUint32(content.bodyAt);
      expect([...content.body.subarray(4)].every((octet) => octet === (id & 0xff))).toBe(true);
      this.held.set(id, { sequence, slot, offset, bodyBytes: content.bodySizeBytes });
      taken = { id, redelivered };
      return content.bodySizeBytes;
    });
    return taken;
  }

  /** Everything that was asked for is on disk. */
  async sync(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await idle();
      this.#clock.advance(30);
      quiet = this.disk.pendingCount === 0 ? quiet + 1 : 0;
      this.disk.step(1);
    }
    expect(this.failure).toBeUndefined();
  }
}

// --- what can happen

type Command = fc.AsyncCommand<Model, Real>;

class Step implements Command {
  readonly #name: string;
  readonly #act: (model: Model, real: Real) => Promise<void>;
  constructor(name: string, act: (model: Model, real: Real) => Promise<void>) {
    this.#name = name;
    this.#act = act;
  }
  check(): boolean {
    return true;
  }
  async run(model: Model, real: Real): Promise<void> {
    await this.#act(model, real);
    expect(real.queue.readyCount).toBe(model.ready.length);
  }
  toString = () => this.#name;
}

function published(model: Model, real: Real, count: number, size: number, last: boolean): void {
  for (let i = 0; i < count; i++) {
    const id = real.publish(size, last);
    model.ready.push(id);
    if (last) model.uncertain.add(id);
  }
}

async function taken(model: Model, real: Real, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const next = await real.take();
    expect(next?.id).toBe(model.ready.shift());
    if (!next) return;
    if (model.seenForGood.has(next.id)) expect(next).toMatchObject({ redelivered: true });
    model.held.add(next.id);
    model.seen.add(next.id);
  }
}

function settled(model: Model, real: Real, pick: number, isAck: boolean): void {
  const id = [...model.held][pick % Math.max(1, model.held.size)];
  if (id === undefined) return;
  const { sequence, slot, offset, bodyBytes } = real.held.get(id)!;
  model.held.delete(id);
  real.held.delete(id);
  if (isAck) {
    real.queue.settle(sequence, slot);
    model.settled.add(id);
    return;
  }
  real.queue.requeue(sequence, slot, offset, bodyBytes, false);
  model.ready = [...model.ready, id].sort((a, b) => a - b);
}

function synced(model: Model): void {
  move(model.uncertain, model.confirmed);
  move(model.settled, model.gone);
  for (const id of model.seen) model.seenForGood.add(id);
}

/** What is found after a crash, or a stop, must be what could be expected; from then on it is certain. */
async function restarted(model: Model, real: Real): Promise<void> {
  real.start();
  await real.sync();
  const found: number[] = [];
  const count = real.queue.readyCount;
  for (let next = await real.take(); next; next = await real.take()) {
    const { id, redelivered } = next;
    found.push(id);
    const mayBe = model.confirmed.has(id) || model.uncertain.has(id);
    expect([id, mayBe, model.gone.has(id)]).toEqual([id, true, false]);
    if (model.seenForGood.has(id)) expect([id, redelivered]).toEqual([id, true]);
  }
  expect(found).toHaveLength(count);
  expect(found).toEqual([...found].sort((a, b) => a - b));
  const isMissing = (id: number) =>
    !found.includes(id) && !model.settled.has(id) && !model.gone.has(id);
  expect([...model.confirmed].filter(isMissing)).toEqual([]);
  for (const { sequence, slot, offset, bodyBytes } of real.held.values()) {
    real.queue.requeue(sequence, slot, offset, bodyBytes, false);
  }
  real.held.clear();
  await real.sync();
  // What was not found never comes.
  for (const id of [...model.confirmed, ...model.uncertain]) {
    if (!found.includes(id)) model.gone.add(id);
  }
  for (const set of [model.held, model.confirmed, model.uncertain, model.seen, model.settled])
    set.clear();
  model.ready = found;
  for (const id of found) {
    model.confirmed.add(id);
    model.seenForGood.add(id);
  }
}

const step = (name: string, act: (model: Model, real: Real) => Promise<void>) =>
  new Step(name, act);

const crash = (kind: CrashKind) =>
  step(`crash: ${kind}`, async (model, real) => {
    real.disk = real.disk.crash(kind);
    await restarted(model, real);
  });

const sizes = fc.constantFrom(0, 10, 1000, 300_000);

const publish = fc
  .tuple(fc.integer({ min: 1, max: 8 }), sizes, fc.integer({ min: 0, max: 3 }))
  .map(([count, size, kind]) =>
    step(`publish ${count} of ${size} bytes${kind > 0 ? ', to last' : ''}`, async (model, real) =>
      published(model, real, count, size, kind > 0),
    ),
  );

const take = fc
  .integer({ min: 1, max: 6 })
  .map((count) => step(`take ${count}`, (model, real) => taken(model, real, count)));

const settle = fc
  .tuple(fc.nat(), fc.boolean())
  .map(([pick, isAck]) =>
    step(`${isAck ? 'ack' : 'requeue'} ${pick}`, async (model, real) =>
      settled(model, real, pick, isAck),
    ),
  );

const purge = step('purge', async (model, real) => {
  real.queue.purge();
  for (const id of model.ready.splice(0)) model.settled.add(id);
});

const turn = step('a turn, and some of the disk', async (_, real) => {
  await idle();
  real.disk.step(0.5);
});

const sync = step('sync', async (model, real) => {
  await real.sync();
  synced(model);
});

const stop = step('stop', async (model, real) => {
  let isClosed = false;
  const closed = real.broker.close().then(() => {
    isClosed = true;
  });
  while (!isClosed) {
    await idle();
    real.disk.step(1);
  }
  await closed;
  synced(model);
  await restarted(model, real);
});

/** What happens often weighs more. */
const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: publish, weight: 6 },
  { arbitrary: take, weight: 2 },
  { arbitrary: settle, weight: 2 },
  { arbitrary: fc.constantFrom(sync, turn), weight: 5 },
  { arbitrary: fc.constantFrom(purge, crash('power'), crash('kill'), stop), weight: 2 },
);

test('it keeps what is confirmed, invents nothing, and keeps the order, whatever happens', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.commands([command], { maxCommands: 40, size: 'max' }),
      async (seed, steps) => {
        const real = new Real(seed);
        await real.sync();
        await fc.asyncModelRun(() => ({ model: newModel(), real }), steps);
      },
    ),
    { numRuns: RUNS },
  );
});
