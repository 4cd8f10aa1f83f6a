// A queue of the broker against one that is a plain array: whatever is published, consumed, returned, fetched and purged in
// whatever order, both hold the same messages, in the same order, and in the end the store's memory is back.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storeMessage, viewMessage } from '../../src/broker/message.ts';
import type { Consumer } from '../../src/broker/queue/consumer.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { Turn } from '../../src/broker/turn.ts';
import { VHost } from '../../src/broker/vhost.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { blockOf } from '../../src/protocol/block.ts';
import { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MessageStore } from '../../src/store/message-store.ts';
import { SEGMENT_BYTES } from '../../src/store/segment-table.ts';

// --- the model

interface ModelMessage {
  readonly id: number;
  readonly redelivered: boolean;
}

interface ModelConsumer {
  readonly tag: number;
  readonly noAck: boolean;
  /** 0 = no limit. */
  readonly prefetch: number;
  readonly priority: number;
}

interface ModelUnacked {
  readonly id: number;
  /** Undefined for a get. */
  readonly tag: number | undefined;
  /** Its queue has been deleted. */
  orphaned: boolean;
}

interface Model {
  ready: ModelMessage[];
  unacked: ModelUnacked[];
  /** In the order they came. */
  consumers: ModelConsumer[];
  readonly singleActive: boolean;
}

const heldBy = ({ unacked }: Model, { tag }: ModelConsumer) =>
  unacked.filter((message) => message.tag === tag).length;

function canTake(model: Model, consumer: ModelConsumer): boolean {
  if (model.singleActive && consumer !== model.consumers[0]) return false;
  return consumer.noAck || consumer.prefetch === 0 || heldBy(model, consumer) < consumer.prefetch;
}

function putBack(model: Model, { id, orphaned }: ModelUnacked): void {
  if (orphaned) return;
  model.ready = [...model.ready, { id, redelivered: true }].sort((a, b) => a.id - b.id);
}

// --- the broker

interface Delivery {
  readonly id: number;
  readonly redelivered: boolean;
  readonly consumer: FakeConsumer | undefined;
  readonly queue: Queue;
  readonly sequence: number;
  readonly slot: number;
  readonly offset: number;
  readonly bodyBytes: number;
}

class FakeConsumer implements Consumer {
  readonly tag: string;
  readonly queue: Queue;
  readonly exclusive = false;
  readonly noAck: boolean;
  readonly priority: number;
  isParked = false;
  isLeaving = false;
  isCancelled = false;
  unackedCount = 0;
  readonly #prefetch: number;
  readonly #real: Real;

  constructor(real: Real, { tag, noAck, prefetch, priority }: ModelConsumer) {
    this.#real = real;
    this.tag = String(tag);
    this.queue = real.queue;
    this.noAck = noAck;
    this.priority = priority;
    this.#prefetch = prefetch;
  }

  canTake(): boolean {
    return this.noAck || this.#prefetch === 0 || this.unackedCount < this.#prefetch;
  }
  deliver(sequence: number, slot: number, offset: number, redelivered: boolean): number {
    if (!this.noAck) this.unackedCount += 1;
    return this.#real.took(this, this.noAck, sequence, slot, offset, redelivered);
  }
  settled(): void {
    this.unackedCount -= 1;
    if (this.isParked && this.canTake()) this.queue.consumerReady(this);
  }
  cancelled(): void {
    this.isCancelled = true;
  }
}

class Real {
  readonly store = new MessageStore();
  readonly vhost: VHost;
  queue: Queue;
  readonly consumers = new Map<number, FakeConsumer>();
  /** What was handed over since this was emptied last. */
  deliveries: Delivery[] = [];
  /** Delivered and not settled, by id. */
  readonly held = new Map<number, Delivery>();
  /** Of the body of every message there ever was. */
  readonly bytes = new Map<number, number>();
  #deferred: (() => void)[] = [];
  #lastId = 0;
  readonly #arguments: FieldTable;

  constructor(singleActive: boolean) {
    this.#arguments = new FieldTable(
      singleActive ? [['x-single-active-consumer', { type: 't', value: true }]] : [],
    );
    const clock: Clock = {
      now: () => 0,
      after: () => ({ cancel: () => {} }),
      defer: (run) => void this.#deferred.push(run),
    };
    const services = {
      clock,
      turn: new Turn(clock),
      store: this.store,
      random: systemRandom,
      log: silentLog,
      record: () => {},
      nextLogId: () => 0,
    };
    this.vhost = new VHost('/', services);
    this.queue = this.declare();
  }

  declare(): Queue {
    const flags = { durable: false, exclusive: false, autoDelete: false };
    return this.vhost.declareQueue(
      { name: 'q', arguments: this.#arguments, ...flags },
      this,
      false,
    );
  }

  publish(sizeBytes: number): number {
    this.#lastId += 1;
    const content = new Content();
    const bytes = new Uint8Array(4 + 4 + sizeBytes);
    // Exchange and routing key are empty, as are the properties; the body begins with the message's id.
    content.block = blockOf(bytes);
    content.block.view.setUint32(4, this.#lastId);
    content.routeEnd = 2;
    content.propertiesAt = 2;
    content.propertiesEnd = 4;
    content.bodyAt = 4;
    content.bodyEnd = bytes.length;
    const { slot, recordAt } = storeMessage(this.store, content, [this.queue], { nowMs: 0 });
    this.queue.publish(slot, recordAt, content.bodySizeBytes, false);
    this.bytes.set(this.#lastId, content.bodySizeBytes);
    return this.#lastId;
  }

  took(
    consumer: FakeConsumer | undefined,
    noAck: boolean,
    sequence: number,
    slot: number,
    offset: number,
    redelivered: boolean,
  ): number {
    const content = new Content();
    viewMessage(this.store.segment(slot), offset, content);
    const id = content.block.view.getUint32(content.bodyAt);
    const bodyBytes = content.bodySizeBytes;
    const at = { sequence, slot, offset, bodyBytes };
    const delivery = { id, redelivered, consumer, queue: this.queue, ...at };
    this.deliveries.push(delivery);
    if (noAck) this.queue.settleDelivered(sequence, slot);
    else this.held.set(id, delivery);
    return bodyBytes;
  }

  /** Takes a delivery away from whoever holds it, as the server's Unacked does. */
  settle(id: number, how: 'ack' | 'requeue'): void {
    const { queue, consumer, sequence, slot, offset, bodyBytes } = this.held.get(id)!;
    this.held.delete(id);
    if (how === 'ack') queue.settle(sequence, slot);
    else queue.requeue(sequence, slot, offset, bodyBytes, false);
    consumer?.settled();
  }

  /** Ends turns until nothing is left to do. */
  endTurns(): void {
    for (let turns = 0; this.#deferred.length > 0; turns++) {
      expect(turns).toBeLessThan(10);
      const runs = this.#deferred;
      this.#deferred = [];
      for (const run of runs) run();
    }
  }

  takeDeliveries(): Delivery[] {
    const taken = this.deliveries;
    this.deliveries = [];
    return taken;
  }
}

// --- what can happen

abstract class Step implements fc.Command<Model, Real> {
  check(_model: Readonly<Model>): boolean {
    return true;
  }
  abstract act(model: Model, real: Real): void;
  abstract toString(): string;

  run(model: Model, real: Real): void {
    this.act(model, real);
    const { queue } = real;
    expect({
      ready: queue.readyCount,
      readyBytes: queue.readyBytes,
      unacked: queue.unackedCount,
      consumers: [...queue.consumers].map(({ tag }) => tag),
      held: [...real.held.keys()].sort((a, b) => a - b),
    }).toEqual({
      ready: model.ready.length,
      readyBytes: model.ready.reduce((sum, { id }) => sum + real.bytes.get(id)!, 0),
      unacked: model.unacked.filter(({ orphaned }) => !orphaned).length,
      consumers: model.consumers.map(({ tag }) => String(tag)),
      held: model.unacked.map(({ id }) => id).sort((a, b) => a - b),
    });
  }
}

class Publish extends Step {
  readonly count: number;
  readonly sizeBytes: number;
  constructor(count: number, sizeBytes: number) {
    super();
    this.count = count;
    this.sizeBytes = sizeBytes;
  }
  act(model: Model, real: Real): void {
    for (let i = 0; i < this.count; i++) {
      model.ready.push({ id: real.publish(this.sizeBytes), redelivered: false });
    }
  }
  toString = () => `publish ${this.count} of ${this.sizeBytes} bytes`;
}

class Consume extends Step {
  readonly options: Omit<ModelConsumer, 'tag'>;
  constructor(options: Omit<ModelConsumer, 'tag'>) {
    super();
    this.options = options;
  }
  act(model: Model, real: Real): void {
    const consumer = { ...this.options, tag: real.consumers.size };
    const fake = new FakeConsumer(real, consumer);
    real.consumers.set(consumer.tag, fake);
    model.consumers.push(consumer);
    real.queue.addConsumer(fake);
  }
  toString = () => `consume ${JSON.stringify(this.options)}`;
}

class Cancel extends Step {
  readonly pick: number;
  constructor(pick: number) {
    super();
    this.pick = pick;
  }
  override check = ({ consumers }: Model) => consumers.length > 0;
  act(model: Model, real: Real): void {
    const [{ tag }] = model.consumers.splice(this.pick % model.consumers.length, 1) as [
      ModelConsumer,
    ];
    real.queue.removeConsumer(real.consumers.get(tag)!);
  }
  toString = () => `cancel ${this.pick}`;
}

/** Messages go to whoever may have them, until there are none or nobody has room. */
class EndTurn extends Step {
  act(model: Model, real: Real): void {
    real.endTurns();
    for (const { id, redelivered, consumer } of real.takeDeliveries()) {
      expect({ id, redelivered }).toEqual(model.ready.shift());
      const able = model.consumers.filter((one) => canTake(model, one));
      const taker = able.find(({ tag }) => String(tag) === consumer?.tag);
      if (!taker) throw new Error(`consumer ${consumer?.tag} may not have message ${id}`);
      expect(taker.priority).toBe(Math.max(...able.map(({ priority }) => priority)));
      if (!taker.noAck) model.unacked.push({ id, tag: taker.tag, orphaned: false });
    }
    if (model.ready.length > 0) {
      expect(model.consumers.filter((one) => canTake(model, one))).toEqual([]);
    }
  }
  toString = () => 'end the turn';
}

class Settle extends Step {
  readonly how: 'ack' | 'requeue';
  readonly pick: number;
  readonly count: number;
  constructor(how: 'ack' | 'requeue', pick: number, count: number) {
    super();
    this.how = how;
    this.pick = pick;
    this.count = count;
  }
  override check = ({ unacked }: Model) => unacked.length > 0;
  act(model: Model, real: Real): void {
    const from = this.pick % model.unacked.length;
    for (const message of model.unacked.splice(from, this.count)) {
      if (this.how === 'requeue') putBack(model, message);
      real.settle(message.id, this.how);
    }
  }
  toString = () => `${this.how} ${this.count} from ${this.pick}`;
}

class Get extends Step {
  readonly noAck: boolean;
  constructor(noAck: boolean) {
    super();
    this.noAck = noAck;
  }
  act(model: Model, real: Real): void {
    const expected = model.ready.shift();
    const found = real.queue.get(this.noAck, (sequence, slot, offset, redelivered) =>
      real.took(undefined, this.noAck, sequence, slot, offset, redelivered),
    );
    expect(found).toBe(expected !== undefined);
    const got = real.takeDeliveries().map(({ id, redelivered }) => ({ id, redelivered }));
    expect(got).toEqual(expected ? [expected] : []);
    if (expected && !this.noAck) {
      model.unacked.push({ id: expected.id, tag: undefined, orphaned: false });
    }
  }
  toString = () => `get${this.noAck ? ' without ack' : ''}`;
}

class Purge extends Step {
  act(model: Model, real: Real): void {
    expect(real.queue.purge()).toBe(model.ready.length);
    model.ready = [];
  }
  toString = () => 'purge';
}

/** The queue goes; what is unacknowledged can still be settled, and never comes back. */
class DeleteAndDeclare extends Step {
  act(model: Model, real: Real): void {
    expect(real.vhost.deleteQueue(real.queue)).toBe(model.ready.length);
    const cancelled = model.consumers.filter(({ tag }) => real.consumers.get(tag)!.isCancelled);
    expect(cancelled).toEqual(model.consumers);
    model.ready = [];
    model.consumers = [];
    for (const message of model.unacked) message.orphaned = true;
    real.queue = real.declare();
  }
  toString = () => 'delete and declare again';
}

const counts = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 4, arbitrary: fc.integer({ min: 28, max: 40 }) },
  // Past the border of the queue's first large block.
  { weight: 1, arbitrary: fc.constant(4200) },
);
const sizes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 4, max: 40 }) },
  { weight: 1, arbitrary: fc.constant(SEGMENT_BYTES / 5) },
);
const nat = fc.nat({ max: 1000 });

const steps = [
  fc.tuple(counts, sizes).map(([count, size]) => new Publish(count > 100 ? 3 : count, size)),
  counts.map((count) => new Publish(count, 8)),
  fc
    .record({
      noAck: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
      prefetch: fc.integer({ min: 0, max: 3 }).map((n) => n * n),
      priority: fc.integer({ min: 0, max: 5 }).map((n) => Math.floor(n / 5)),
    })
    .map((options) => new Consume(options)),
  nat.map((pick) => new Cancel(pick)),
  fc.constant(new EndTurn()),
  fc.constant(new EndTurn()),
  fc.tuple(nat, counts).map(([pick, count]) => new Settle('ack', pick, count)),
  fc.tuple(nat, counts).map(([pick, count]) => new Settle('requeue', pick, count)),
  fc.boolean().map((noAck) => new Get(noAck)),
  fc.integer({ min: 0, max: 9 }).map((n) => (n === 0 ? new Purge() : new EndTurn())),
  fc.integer({ min: 0, max: 9 }).map((n) => (n === 0 ? new DeleteAndDeclare() : new EndTurn())),
];

test.each([
  ['a queue', false],
  ['a queue with a single active consumer', true],
])('%s is an array', (_, singleActive) => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) => {
      const real = new Real(singleActive);
      const usedBytes = real.store.usedBytes;
      const model: Model = { ready: [], unacked: [], consumers: [], singleActive };
      fc.modelRun(() => ({ model, real }), commands);

      for (const { tag } of model.consumers) real.queue.removeConsumer(real.consumers.get(tag)!);
      for (const { id } of model.unacked) real.settle(id, 'ack');
      expect(real.queue.purge()).toBe(model.ready.length);
      real.endTurns();
      expect(real.takeDeliveries()).toEqual([]);
      expect([real.queue.readyCount, real.queue.unackedCount]).toEqual([0, 0]);
      expect(real.store.usedBytes).toBe(usedBytes);
    }),
    { numRuns: 150 },
  );
});
