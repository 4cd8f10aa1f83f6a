// Random commands against a queue with priorities, times to live, limits and dead letters, and against plain arrays that say
// what should be in it. Messages are taken by basic.get; consumers are in queue.model.test.ts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Enqueued, enqueue } from '../../src/broker/enqueue.ts';
import { sizeOfMessage, viewMessage } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queue/queue.ts';
import { Turn } from '../../src/broker/turn.ts';
import { VHost } from '../../src/broker/vhost.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { Content } from '../../src/protocol/content.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { MessageStore } from '../../src/store/message-store.ts';
import { contentOf } from '../support/content.ts';

/** A clock whose turns end when the test says so. */
class TurnClock extends ManualClock {
  #deferred: (() => void)[] = [];

  override defer(run: () => void): void {
    this.#deferred.push(run);
  }

  endTurns(): void {
    for (let turns = 0; this.#deferred.length > 0; turns++) {
      expect(turns).toBeLessThan(20);
      for (const run of this.#deferred.splice(0)) run();
    }
  }
}

interface Settings {
  readonly maxPriority: number | undefined;
  readonly ttlMs: number | undefined;
  readonly maxLength: number | undefined;
  readonly maxBytes: number | undefined;
  readonly overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
}

interface Message {
  readonly id: number;
  readonly bytes: number;
  readonly level: number;
  readonly endsAtMs: number;
}

const INFINITE = Number.POSITIVE_INFINITY;

/** What should be in a queue. */
class Model {
  readonly settings: Settings;
  /** Highest level first, in order of publishing among themselves. */
  ready: Message[] = [];
  readonly unacked: Message[] = [];
  /** Why each died, in order. */
  readonly dead: string[] = [];

  constructor(settings: Settings) {
    this.settings = settings;
  }

  get bytes(): number {
    return this.ready.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  hasRoomFor(bytes: number): boolean {
    const { maxLength = INFINITE, maxBytes = INFINITE } = this.settings;
    return this.ready.length < maxLength && this.bytes + bytes <= maxBytes;
  }

  put(message: Message): void {
    this.ready.push(message);
    this.ready.sort((a, b) => b.level - a.level || a.id - b.id);
  }

  expire(nowMs: number): void {
    const due = this.ready.filter(({ endsAtMs }) => endsAtMs <= nowMs);
    this.ready = this.ready.filter(({ endsAtMs }) => endsAtMs > nowMs);
    for (const { id } of due) this.dead.push(`${id} expired`);
  }

  trim(): void {
    const { maxLength = INFINITE, maxBytes = INFINITE, overflow } = this.settings;
    if (overflow !== 'drop-head') return;
    while (this.ready.length > maxLength || this.bytes > maxBytes) {
      this.dead.push(`${this.ready.shift()!.id} maxlen`);
    }
  }
}

class Real {
  readonly clock = new TurnClock(1_000_000);
  readonly store = new MessageStore(undefined, sizeOfMessage);
  readonly vhost: VHost;
  readonly queue: Queue;
  readonly dead: Queue;
  readonly held = new Map<
    number,
    { sequence: number; slot: number; offset: number; bytes: number }
  >();
  readonly #turn = new Turn(this.clock);

  constructor({ maxPriority, ttlMs, maxLength, maxBytes, overflow }: Settings) {
    this.vhost = new VHost('/', {
      clock: this.clock,
      turn: this.#turn,
      store: this.store,
      random: systemRandom,
      log: silentLog,
      record: () => {},
      nextLogId: () => 0,
    });
    const int = (value: number): FieldValue => ({ type: 'l', value: BigInt(value) });
    const text = (value: string): FieldValue => ({ type: 'S', value });
    const entries: [string, FieldValue][] = [
      ['x-overflow', text(overflow)],
      ['x-dead-letter-exchange', text('')],
      ['x-dead-letter-routing-key', text('dead')],
    ];
    if (maxPriority !== undefined) entries.push(['x-max-priority', int(maxPriority)]);
    if (ttlMs !== undefined) entries.push(['x-message-ttl', int(ttlMs)]);
    if (maxLength !== undefined) entries.push(['x-max-length', int(maxLength)]);
    if (maxBytes !== undefined) entries.push(['x-max-length-bytes', int(maxBytes)]);
    this.queue = this.#declare('q', new FieldTable(entries));
    this.dead = this.#declare('dead', FieldTable.empty);
  }

  #declare(name: string, args: FieldTable): Queue {
    const flags = { durable: false, exclusive: false, autoDelete: false };
    return this.vhost.declareQueue({ name, arguments: args, ...flags }, this, false);
  }

  publish(id: number, padding: number, properties: object): boolean {
    const content = contentOf({ properties, body: `${id} ${'.'.repeat(padding)}` });
    return (enqueue(this.store, content, [this.queue], this.#turn) & Enqueued.REFUSED) === 0;
  }

  get(queue: Queue): { id: number; reason: string | undefined; sequence: number } | undefined {
    const content = new Content();
    let found: { id: number; reason: string | undefined; sequence: number } | undefined;
    expect(queue.obstacle).toBeUndefined();
    queue.get(false, (sequence, slot, offset) => {
      viewMessage(this.store.segment(slot), offset, content);
      const id = Number.parseInt(Buffer.from(content.body).toString(), 10);
      const reason = content.properties.headers?.get('x-first-death-reason')?.value;
      found = { id, reason: reason === undefined ? undefined : String(reason), sequence };
      const bytes = content.bodySizeBytes;
      if (queue === this.queue) this.held.set(id, { sequence, slot, offset, bytes });
      else queue.settle(sequence, slot);
      return bytes;
    });
    return found;
  }
}

type Step = (model: Model, real: Real, id: number) => void;

const bytesOf = (id: number, padding: number) => String(id).length + 1 + padding;

const publish = fc
  .record({
    padding: fc.integer({ min: 0, max: 30 }),
    priority: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    expiration: fc.option(fc.constantFrom(0, 5, 30, 30, 200), { nil: undefined }),
  })
  .map(
    ({ padding, priority, expiration }): Step =>
      (model, real, id) => {
        const { maxPriority = 0, ttlMs = INFINITE, overflow } = model.settings;
        const bytes = bytesOf(id, padding);
        const taken = overflow === 'drop-head' || model.hasRoomFor(bytes);
        const properties = {
          ...(priority === undefined ? {} : { priority }),
          ...(expiration === undefined ? {} : { expiration: String(expiration) }),
        };
        expect(real.publish(id, padding, properties)).toBe(taken);
        const endsAtMs = real.clock.now() + Math.min(ttlMs, expiration ?? INFINITE);
        if (taken) model.put({ id, bytes, level: Math.min(priority ?? 0, maxPriority), endsAtMs });
        else if (overflow === 'reject-publish-dlx') model.dead.push(`${id} maxlen`);
        model.expire(real.clock.now());
        model.trim();
      },
  );

const get: Step = (model, real) => {
  const expected = model.ready.shift();
  expect(real.get(real.queue)?.id).toBe(expected?.id);
  if (expected) model.unacked.push(expected);
};

const settle = fc
  .record({ how: fc.constantFrom('ack', 'requeue', 'reject'), pick: fc.nat(50) })
  .map(
    ({ how, pick }): Step =>
      (model, real) => {
        if (model.unacked.length === 0) return;
        const [message] = model.unacked.splice(pick % model.unacked.length, 1) as [Message];
        const { sequence, slot, offset, bytes } = real.held.get(message.id)!;
        real.held.delete(message.id);
        if (how === 'ack') {
          real.queue.settle(sequence, slot);
        } else if (how === 'reject') {
          real.queue.reject(sequence, slot, offset);
          model.dead.push(`${message.id} rejected`);
        } else {
          real.queue.requeue(sequence, slot, offset, bytes, false);
          model.put(message);
          model.expire(real.clock.now());
          model.trim();
        }
      },
  );

const pass = fc.integer({ min: 1, max: 40 }).map(
  (ms): Step =>
    (model, real) => {
      real.clock.advance(ms);
      model.expire(real.clock.now());
    },
);

const purge: Step = (model, real) => {
  expect(real.queue.purge()).toBe(model.ready.length);
  model.ready = [];
};

const step = fc.oneof(
  { weight: 12, arbitrary: publish },
  { weight: 4, arbitrary: fc.constant(get) },
  { weight: 4, arbitrary: settle },
  { weight: 3, arbitrary: pass },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }).map((n) => (n === 0 ? purge : get)) },
);

const settings: fc.Arbitrary<Settings> = fc.record({
  maxPriority: fc.constantFrom(undefined, 0, 3),
  ttlMs: fc.constantFrom(undefined, undefined, 0, 50),
  maxLength: fc.constantFrom(undefined, undefined, 0, 1, 5, 20),
  maxBytes: fc.constantFrom(undefined, undefined, 50, 300),
  overflow: fc.constantFrom('drop-head', 'drop-head', 'reject-publish', 'reject-publish-dlx'),
});

test('a queue with everything is a few arrays', () => {
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 150, size: 'max' }), (given, steps) => {
      const model = new Model(given);
      const real = new Real(given);
      const usedBytes = real.store.usedBytes;
      steps.forEach((act, index) => {
        act(model, real, index);
        real.clock.endTurns();
        expect({
          ready: real.queue.readyCount,
          bytes: real.queue.readyBytes,
          unacked: real.queue.unackedCount,
          dead: real.dead.readyCount,
        }).toEqual({
          ready: model.ready.length,
          bytes: model.bytes,
          unacked: model.unacked.length,
          dead: model.dead.length,
        });
      });
      const dead: string[] = [];
      for (let one = real.get(real.dead); one; one = real.get(real.dead)) {
        dead.push(`${one.id} ${one.reason}`);
      }
      expect(dead.toSorted()).toEqual(model.dead.toSorted());
      const order: number[] = [];
      for (let one = real.get(real.queue); one; one = real.get(real.queue)) order.push(one.id);
      expect(order).toEqual(model.ready.map(({ id }) => id));
      // Nothing is kept of what has gone.
      for (const { sequence, slot } of real.held.values()) real.queue.settle(sequence, slot);
      real.vhost.deleteQueue(real.queue);
      real.vhost.deleteQueue(real.dead);
      expect(real.store.usedBytes).toBeLessThanOrEqual(usedBytes);
    }),
    { numRuns: 300 },
  );
});
