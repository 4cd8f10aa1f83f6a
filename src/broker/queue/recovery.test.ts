// What of a queue's features outlives the broker: deadlines, levels, counts, limits, and dead letters on their way.
import { describe, expect, test } from 'vitest';
import { contentOf, type PlainContent } from '../../../test/support/content.ts';
import { idle } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { type PlainTable, table } from '../../../test/support/wire-methods.ts';
import { silentLog } from '../../platform/log.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { Content } from '../../protocol/content.ts';
import { DataDirectory } from '../../store/data-directory.ts';
import { Broker } from '../broker.ts';
import { enqueue } from '../enqueue.ts';
import { viewMessage } from '../message.ts';
import type { VHost } from '../vhost.ts';
import type { Queue } from './queue.ts';

let unique = 0;

interface Taken {
  readonly sequence: number;
  readonly slot: number;
  readonly offset: number;
  readonly bytes: number;
  readonly text: string;
}

/** A broker on files that are kept when it stops, or crashes. */
class Life {
  readonly clock: ManualClock;
  readonly files: MemoryFiles;
  readonly #path: string;
  readonly #broker: Broker;

  constructor(
    files = new MemoryFiles(),
    path = `/recovery-${unique++}`,
    clock = new ManualClock(1_700_000_000_000),
  ) {
    this.clock = clock;
    this.files = files;
    this.#path = path;
    const services = { clock, random: systemRandom, log: silentLog };
    const directory = new DataDirectory(files, path, { own: 1, identity: () => undefined });
    const options = { memoryLimitBytes: 2 ** 30, maxMessageBytes: 2 ** 20 };
    this.#broker = new Broker(services, options, directory);
  }

  /** Lets what is under way be done. */
  async settle(): Promise<void> {
    for (let i = 0; i < 8; i++) await idle();
  }

  async pass(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  async restart(): Promise<Life> {
    await this.#broker.close();
    return new Life(this.files, this.#path, this.clock);
  }

  /** What a start finds after a crash now. */
  crash(): Life {
    return new Life(this.files.copy(), this.#path, this.clock);
  }

  get vhost(): VHost {
    return this.#broker.vhost('/')!;
  }

  declare(name: string, args: PlainTable = {}): Queue {
    const flags = { durable: true, exclusive: false, autoDelete: false };
    const properties = { name, ...flags, arguments: table(args) };
    return this.vhost.declareQueue(properties, this, false);
  }

  queue(name: string): Queue {
    return this.#broker.vhost('/')!.queue(name)!;
  }

  publish(queue: Queue, body: string, properties: PlainContent['properties'] = {}): void {
    const content = contentOf({ body, properties: { deliveryMode: 2, ...properties } });
    enqueue(this.#broker.store, content, [queue], this.#broker.turn);
  }

  async take(queue: Queue): Promise<Taken | undefined> {
    for (let wait = queue.obstacle; wait; wait = queue.obstacle) await new Promise<void>(wait);
    let taken: Taken | undefined;
    queue.get(false, (sequence, slot, offset, redelivered) => {
      const content = new Content();
      viewMessage(this.#broker.store.segment(slot), offset, content);
      const text = Buffer.from(content.body).toString() + (redelivered ? ' again' : '');
      const bytes = content.bodySizeBytes;
      taken = { sequence, slot, offset, bytes, text };
      return bytes;
    });
    return taken;
  }

  async drain(queue: Queue): Promise<string[]> {
    const texts: string[] = [];
    for (let taken = await this.take(queue); taken; taken = await this.take(queue)) {
      queue.settle(taken.sequence, taken.slot);
      texts.push(taken.text);
    }
    return texts;
  }
}

const deadTo = (name: string) => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': name,
});

describe('deadlines', () => {
  test('are the same after a restart', async () => {
    const first = new Life();
    const queue = first.declare('q', { 'x-message-ttl': 1000 });
    first.publish(queue, 'by the queue');
    first.publish(queue, 'by itself', { expiration: '500' });
    await first.pass(400);
    const next = await first.restart();
    const again = next.queue('q');
    expect([again.readyCount, again.readyBytes]).toEqual([2, 21]);
    await next.pass(99);
    expect(again.readyCount).toBe(2);
    await next.pass(1);
    expect([again.readyCount, again.readyBytes]).toEqual([1, 12]);
    await next.pass(499);
    expect(again.readyCount).toBe(1);
    await next.pass(1);
    expect([again.readyCount, again.readyBytes]).toEqual([0, 0]);
  });

  test('that have passed meanwhile: the messages are dead letters, and stay that', async () => {
    const first = new Life();
    first.declare('dead');
    const queue = first.declare('q', deadTo('dead'));
    first.publish(queue, 'a', { expiration: '500' });
    first.publish(queue, 'b');
    const next = await first.restart();
    next.clock.advance(501);
    await next.settle();
    expect([next.queue('q').readyCount, next.queue('dead').readyCount]).toEqual([1, 1]);
    const last = await next.restart();
    expect(await last.drain(last.queue('dead'))).toEqual(['a']);
    expect(await last.drain(last.queue('q'))).toEqual(['b']);
  });

  test('of messages that were never told when they came count from the start', async () => {
    const first = new Life();
    const queue = first.declare('q');
    first.publish(queue, 'a');
    const next = await first.restart();
    next.queue('q').apply(table({ 'x-message-ttl': 100 }));
    await next.pass(99);
    expect(next.queue('q').readyCount).toBe(1);
    await next.pass(1);
    expect(next.queue('q').readyCount).toBe(0);
  });
});

test('a time to live that changes holds for what is there', async () => {
  const life = new Life();
  const queue = life.declare('q', { 'x-message-ttl': 1000 });
  for (const body of ['given back', 'a', 'b']) life.publish(queue, body);
  life.publish(queue, 'own', { expiration: '5000' });
  await life.settle();
  const taken = (await life.take(queue))!;
  queue.requeue(taken.sequence, taken.slot, taken.offset, taken.bytes, false);
  queue.apply(table({}));
  await life.pass(4999);
  expect(queue.readyCount).toBe(4);
  await life.pass(1);
  expect(queue.readyCount).toBe(3);
  queue.apply(table({ 'x-message-ttl': 6000 }));
  await life.pass(999);
  expect(queue.readyCount).toBe(3);
  await life.pass(1);
  expect(queue.readyCount).toBe(0);
});

describe('levels', () => {
  test('keep their messages apart, and know which were delivered', async () => {
    const first = new Life();
    const queue = first.declare('q', { 'x-max-priority': 9 });
    for (const [body, priority] of [
      ['2a', 2],
      ['9a', 9],
      ['2b', 2],
      ['9b', 9],
      ['-', 0],
    ] as const) {
      first.publish(queue, body, { priority });
    }
    const taken = (await first.take(queue))!;
    queue.requeue(taken.sequence, taken.slot, taken.offset, taken.bytes, false);
    const next = await first.restart();
    expect(next.queue('q').readyCount).toBe(5);
    next.publish(next.queue('q'), '2c', { priority: 2 });
    next.publish(next.queue('q'), '9c', { priority: 9 });
    const last = await next.restart();
    const texts = await last.drain(last.queue('q'));
    expect(texts).toEqual(['9a again', '9b', '9c', '2a', '2b', '2c', '-']);
  });

  test('never give a place twice, though all of a level was taken', async () => {
    const first = new Life();
    const queue = first.declare('q', { 'x-max-priority': 9 });
    for (const body of ['a', 'b']) first.publish(queue, body, { priority: 5 });
    expect(await first.drain(queue)).toEqual(['a', 'b']);
    const next = await first.restart();
    next.publish(next.queue('q'), 'c', { priority: 5 });
    const last = await next.restart();
    expect(await last.drain(last.queue('q'))).toEqual(['c']);
  });
});

describe('a quorum queue', () => {
  test('keeps transient messages', async () => {
    const first = new Life();
    const queue = first.declare('q', { 'x-queue-type': 'quorum' });
    first.publish(queue, 'transient', { deliveryMode: 1 });
    const next = await first.restart();
    expect(await next.drain(next.queue('q'))).toEqual(['transient']);
  });

  test('knows how often deliveries have failed, and how often there were any', async () => {
    const first = new Life();
    const queue = first.declare('q', { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 });
    first.publish(queue, 'a');
    first.publish(queue, 'b');
    await first.settle();
    for (let i = 0; i < 2; i++) {
      const { sequence, slot, offset, bytes } = (await first.take(queue))!;
      queue.requeue(sequence, slot, offset, bytes, true);
    }
    const returned = (await first.take(queue))!;
    queue.requeue(returned.sequence, returned.slot, returned.offset, returned.bytes, false);
    await first.pass(25);
    for (const life of [first.crash(), await first.restart()]) {
      const again = life.queue('q');
      const counts = again.returns!.counts;
      const { sequence, slot, offset, bytes, text } = (await life.take(again))!;
      expect([text, counts.failuresOf(sequence)]).toEqual(['a again', 2]);
      expect(counts.acquisitionsOf(sequence)).toBe(3);
      again.requeue(sequence, slot, offset, bytes, true);
      const last = (await life.take(again))!;
      expect(counts.failuresOf(last.sequence)).toBe(3);
      expect(counts.acquisitionsOf(last.sequence)).toBe(4);
      again.requeue(last.sequence, last.slot, last.offset, last.bytes, true);
      expect((await life.take(again))?.text).toMatch(/^b/);
    }
  });
});

describe('limits', () => {
  test('drop from the head what is not in memory', async () => {
    const first = new Life();
    first.declare('dead');
    const queue = first.declare('q', {
      'x-max-length': 3,
      'x-max-length-bytes': 8,
      ...deadTo('dead'),
    });
    for (const body of ['aa', 'bb', 'cc']) first.publish(queue, body);
    const next = await first.restart();
    const again = next.queue('q');
    next.publish(again, 'dd');
    await next.settle();
    expect([again.readyCount, again.readyBytes]).toEqual([3, 6]);
    next.publish(again, 'eeeeee');
    await next.settle();
    expect([again.readyCount, again.readyBytes]).toEqual([2, 8]);
    expect(await next.drain(next.queue('dead'))).toEqual(['aa', 'bb', 'cc']);
    expect(await next.drain(again)).toEqual(['dd', 'eeeeee']);
  });

  test('that come later, or become smaller, take effect on what is there', async () => {
    const life = new Life();
    const queue = life.declare('q');
    for (const body of ['a', 'b', 'c', 'd']) life.publish(queue, body);
    queue.apply(table({ 'x-max-length': 3 }));
    await life.settle();
    expect(queue.readyCount).toBe(3);
    queue.apply(table({ 'x-max-length-bytes': 2 }));
    await life.settle();
    expect(await life.drain(queue)).toEqual(['c', 'd']);
    queue.apply(table({}));
    for (const body of ['a', 'b', 'c', 'd']) life.publish(queue, body);
    expect(queue.readyCount).toBe(4);
  });
});

test('a dead letter is in one queue or the other, whenever the broker crashes', async () => {
  const life = new Life();
  life.declare('dead');
  const queue = life.declare('q', deadTo('dead'));
  for (const body of ['a', 'b', 'c']) life.publish(queue, body);
  await life.settle();
  for (let i = 0; i < 3; i++) {
    const { sequence, slot, offset } = (await life.take(queue))!;
    await life.settle();
    queue.reject(sequence, slot, offset);
  }
  for (let turn = 0; turn < 12; turn++) {
    const after = life.crash();
    const [left, dead] = [
      await after.drain(after.queue('q')),
      await after.drain(after.queue('dead')),
    ];
    const found = [...left, ...dead].map((text) => text[0]);
    expect(new Set(found)).toEqual(new Set(['a', 'b', 'c']));
    if (turn === 11) expect(dead).toHaveLength(3);
    await idle();
    life.clock.advance(5);
  }
  const stopped = await life.restart();
  expect(await stopped.drain(stopped.queue('q'))).toEqual([]);
  expect(await stopped.drain(stopped.queue('dead'))).toEqual(['a', 'b', 'c']);
});

describe('at-least-once dead letters', () => {
  const strategy = {
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-dead-letter-strategy': 'at-least-once',
    ...deadTo('dead'),
  };

  test('wait until somebody takes them', async () => {
    const life = new Life();
    const queue = life.declare('q', strategy);
    life.publish(queue, 'm', { expiration: '10' });
    await life.pass(10);
    expect(queue.readyCount).toBe(0);
    const dead = life.declare('dead');
    await life.pass(10_000);
    expect(await life.drain(dead)).toEqual(['m']);
    const next = await life.restart();
    expect([next.queue('q').readyCount, next.queue('dead').readyCount]).toEqual([0, 0]);
  });

  test('wait until every queue has taken them, once', async () => {
    const life = new Life();
    const { vhost } = life;
    const exchange = { name: 'dlx', type: 'fanout', internal: false, durable: true };
    vhost.declareExchange({ ...exchange, autoDelete: false, arguments: table({}) });
    const willing = life.declare('willing');
    const full = life.declare('full', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    life.publish(full, 'first');
    for (const to of [willing, full]) {
      vhost.bind(vhost.requireExchange('dlx'), to, '', table({}));
    }
    const queue = life.declare('q', { ...strategy, 'x-dead-letter-exchange': 'dlx' });
    life.publish(queue, 'm', { expiration: '10' });
    await life.pass(10);
    expect(await life.drain(full)).toEqual(['first']);
    await life.pass(10_000);
    expect(await life.drain(full)).toEqual(['m']);
    expect(await life.drain(willing)).toEqual(['m']);
    await life.pass(20_000);
    expect([willing.readyCount, full.readyCount]).toEqual([0, 0]);
  });

  test('are still there after a restart', async () => {
    const life = new Life();
    const queue = life.declare('q', strategy);
    life.publish(queue, 'm', { expiration: '10' });
    await life.pass(10);
    const next = await life.restart();
    const dead = next.declare('dead');
    await next.pass(20_000);
    expect(await next.drain(dead)).toEqual(['m']);
  });

  test('are dropped otherwise', async () => {
    const life = new Life();
    const queue = life.declare('q', { ...strategy, 'x-dead-letter-strategy': 'at-most-once' });
    life.publish(queue, 'm', { expiration: '10' });
    await life.pass(10);
    const dead = life.declare('dead');
    await life.pass(10_000);
    expect(await life.drain(dead)).toEqual([]);
  });
});
