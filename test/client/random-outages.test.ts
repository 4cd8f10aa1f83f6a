// What the client promises, under any sequence of faults: the real broker and the real client on one clock, with links that break,
// stand still and lose confirms. A failure prints its seed and the shortest sequence that shows it.
import fc from 'fast-check';
import {
  AMQPError,
  Connection,
  fixed,
  type Message,
  type Producer,
  type PublishResult,
  Queue,
} from 'leveret';
import { MemoryBroker } from 'leveret/testing';
import { expect, test } from 'vitest';
import type { ManualClock } from '../../src/platform/manual-clock.ts';

type Step =
  | { readonly kind: 'publish'; readonly producer: number; readonly count: number }
  | { readonly kind: 'disconnect'; readonly clean: boolean }
  | { readonly kind: 'wait'; readonly seconds: number }
  | {
      readonly kind: 'stall' | 'block';
      readonly seconds: number;
      /** What happens meanwhile. */
      readonly publishes: number;
      readonly breaks: boolean;
    }
  | { readonly kind: 'lose-confirms'; readonly count: number; readonly breaks: boolean }
  | { readonly kind: 'cancel' };

const seconds = fc.constantFrom(0.1, 1, 5, 20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      producer: fc.nat(1),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('disconnect' as const), clean: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('stall' as const, 'block' as const),
      seconds,
      publishes: fc.nat(5),
      breaks: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('lose-confirms' as const),
      count: fc.integer({ min: 1, max: 5 }),
      breaks: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
);

interface Sent {
  readonly id: string;
  readonly producer: number;
  outcome?: { readonly result: PublishResult } | { readonly error: unknown };
}

interface Call {
  readonly argument: number;
  outcome?: { readonly answer: number } | { readonly error: unknown };
}

interface Body {
  readonly id: string;
}

/** `OUTAGE_RUNS=5000 npx vitest run test/client/random-outages.test.ts` looks longer. */
const RUNS = Number(process.env.OUTAGE_RUNS ?? 50);
const TIMEOUT_MS = 120_000 + RUNS * 100;

/** Long enough for every timeout, wait between attempts, and heartbeat that may be under way. */
const SETTLING_SECONDS = 120;
/** A retry whose confirm is lost costs the time-out of a publish and another round, and as many as 50 may be lost. */
const RETRIES_SETTLING_SECONDS = 3600;

class World {
  readonly broker = new MemoryBroker({ clock: 'manual' });
  readonly queue = new Queue('q');
  readonly sent: Sent[] = [];
  readonly calls: Call[] = [];
  /** What handlers were given, in order. */
  readonly handled: Body[] = [];
  readonly #publishing = new Connection(this.broker, { heartbeat: 10 });
  readonly #consuming = new Connection(this.broker, { heartbeat: 10 });
  readonly #producers: Producer<Body>[];

  constructor() {
    const options = { routingKey: 'q', expiration: null };
    this.#producers = [0, 1].map(() => this.#publishing.producer<Body>(options));
  }

  async start(consumes: boolean): Promise<void> {
    await this.queue.declare(this.#publishing);
    if (!consumes) return;
    await this.#consuming.consume(this.queue, ({ body }) => {
      this.handled.push(body as Body);
    });
  }

  async serve(): Promise<void> {
    await this.#consuming.consume('double', (message) => message.reply(Number(message.body) * 2));
  }

  call(argument: number, idempotent: boolean): void {
    const call: Call = { argument };
    this.calls.push(call);
    this.#publishing.call<number>('double', argument, { timeout: 30, idempotent }).then(
      (answer) => {
        call.outcome = { answer };
      },
      (error: unknown) => {
        call.outcome = { error };
      },
    );
  }

  /** Every third message fails whenever it comes, every other one the first time. */
  isHopeless(id: string): boolean {
    return Number(id.split('-')[1]) % 3 === 0;
  }

  async consumeFailing(): Promise<void> {
    const retry = { maxRetries: 2, backoff: fixed('3s'), deadLetter: 'q.dead' };
    const handler = (message: Message) => {
      const body = message.body as Body;
      if (this.isHopeless(body.id) || message.attempt === 1) throw new Error('not now');
      this.handled.push(body);
    };
    await this.#consuming.consume(this.queue, handler, { retry, prefetch: 5 });
  }

  get dead(): Body[] {
    const dead = this.broker.messages<Body>('q.dead');
    for (const { headers } of dead) expect(headers['x-exception-message']).toBe('not now');
    return dead.map(({ body }) => body);
  }

  async take(next: Step): Promise<void> {
    const { broker } = this;
    switch (next.kind) {
      case 'publish':
        for (let i = 0; i < next.count; i++) this.#publish(next.producer);
        return;
      case 'disconnect':
        broker.disconnect({ clean: next.clean });
        return;
      case 'lose-confirms':
        broker.dropNextConfirm(next.count);
        if (next.breaks) broker.disconnect({ clean: false });
        return;
      case 'cancel':
        broker.cancelConsumers('q');
        return;
      case 'wait':
        await broker.advance(next.seconds);
        return;
      default: {
        const fault = next.kind === 'stall' ? broker.stall() : broker.block();
        for (let i = 0; i < next.publishes; i++) this.#publish(i % 2);
        await broker.advance(next.seconds);
        if (next.breaks) broker.disconnect({ clean: false });
        fault[Symbol.dispose]();
      }
    }
  }

  #publish(producer: number): void {
    const sent: Sent = { id: `${producer}-${this.sent.length}`, producer };
    this.sent.push(sent);
    this.#producers[producer]!.publish({ id: sent.id }).then(
      (result) => {
        sent.outcome = { result };
      },
      (error: unknown) => {
        sent.outcome = { error };
      },
    );
  }

  /** The faults are over. A confirm that is still to be lost may have nothing to do with a link that breaks. */
  async settle(seconds = SETTLING_SECONDS): Promise<void> {
    await this.broker.advance(seconds);
  }

  get waiting(): Body[] {
    return this.broker.messages<Body>('q').map(({ body }) => body);
  }

  async end(): Promise<void> {
    const closed = Promise.all([this.#publishing.close(), this.#consuming.close()]);
    await this.broker.advance(30);
    await closed;
    await this.broker.close();
    const { nextAlarmMs } = this.broker.clock as ManualClock;
    expect(nextAlarmMs, 'a timer was left behind').toBeUndefined();
  }
}

async function withWorld(consumes: boolean, run: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  try {
    await world.start(consumes);
    await run(world);
  } finally {
    await world.end();
  }
}

/** The first appearance of each, in order. */
const firsts = (ids: readonly string[]) => [...new Set(ids)];

test(
  'every publish settles; what resolved is there, in order, and once where it was sent once',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), (steps) =>
        withWorld(false, async (world) => {
          for (const next of steps) await world.take(next);
          await world.settle();
          const ids = world.waiting.map(({ id }) => id);
          for (const { id, outcome } of world.sent) {
            expect(outcome, `${id} is not settled`).toBeDefined();
            const copies = ids.filter((other) => other === id).length;
            if (outcome && 'result' in outcome) {
              expect(copies, `${id} was confirmed`).toBeGreaterThan(0);
              if (outcome.result.attempts === 1) expect(copies, `${id} was sent once`).toBe(1);
            } else if (outcome) {
              expect(outcome.error).toBeInstanceOf(AMQPError);
              const { delivery } = outcome.error as AMQPError;
              expect(['not-sent', 'unknown']).toContain(delivery);
              if (delivery === 'not-sent') expect(copies, `${id} was not sent`).toBe(0);
            }
          }
          for (const producer of [0, 1]) {
            const own = world.sent.filter((sent) => sent.producer === producer).map(({ id }) => id);
            const there = firsts(ids).filter((id) => id.startsWith(`${producer}-`));
            expect(there).toEqual(own.filter((id) => there.includes(id)));
          }
        }),
      ),
      { numRuns: RUNS },
    );
  },
  TIMEOUT_MS,
);

test(
  'consumers come back: everything that resolved is handled, and nothing stays behind',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) =>
        withWorld(true, async (world) => {
          for (const next of steps) await world.take(next);
          await world.settle();
          await world.broker.idle();
          expect(world.waiting).toEqual([]);
          const handled = new Set(world.handled.map(({ id }) => id));
          for (const { id, outcome } of world.sent) {
            expect(outcome, `${id} is not settled`).toBeDefined();
            if (outcome && 'result' in outcome)
              expect(handled.has(id), `${id} was confirmed`).toBe(true);
          }
        }),
      ),
      { numRuns: RUNS },
    );
  },
  TIMEOUT_MS,
);

test(
  'every call settles: with its own answer, or with an error that says why',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), (steps) =>
        withWorld(false, async (world) => {
          await world.serve();
          for (const next of steps) {
            if (next.kind === 'publish') world.call(next.count, next.producer === 0);
            else await world.take(next);
          }
          await world.settle();
          for (const { argument, outcome } of world.calls) {
            expect(outcome, `the call of ${argument} is not settled`).toBeDefined();
            if (outcome && 'answer' in outcome) expect(outcome.answer).toBe(argument * 2);
            else expect(outcome?.error).toBeInstanceOf(AMQPError);
          }
          world.call(1000, true);
          await world.settle();
          expect(world.calls.at(-1)?.outcome, 'when all is well again').toEqual({ answer: 2000 });
        }),
      ),
      { numRuns: RUNS },
    );
  },
  TIMEOUT_MS,
);

test(
  'retries: what resolved is handled in the end, or among the dead letters with its reason',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), (steps) =>
        withWorld(false, async (world) => {
          await world.consumeFailing();
          for (const next of steps) await world.take(next);
          await world.settle(RETRIES_SETTLING_SECONDS);
          await world.broker.idle();
          expect(world.waiting).toEqual([]);
          const handled = new Set(world.handled.map(({ id }) => id));
          const dead = new Set(world.dead.map(({ id }) => id));
          for (const { id, outcome } of world.sent) {
            expect(outcome, `${id} is not settled`).toBeDefined();
            if (!outcome || 'error' in outcome) continue;
            expect(world.isHopeless(id) ? dead.has(id) : handled.has(id), id).toBe(true);
          }
        }),
      ),
      { numRuns: RUNS },
    );
  },
  TIMEOUT_MS,
);

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'a consumer that was cancelled comes back though the connection breaks %i turns later',
  async (turns) => {
    await withWorld(true, async (world) => {
      await world.take({ kind: 'cancel' });
      for (let turn = 0; turn < turns; turn++) await new Promise((done) => setImmediate(done));
      await world.take({ kind: 'disconnect', clean: false });
      await world.settle();
      await world.take({ kind: 'publish', producer: 0, count: 1 });
      await world.broker.idle();
      expect(world.handled).toHaveLength(1);
    });
  },
);
