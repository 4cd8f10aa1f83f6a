// Repeated messages, from the arguments of an exchange or a queue to what a crash leaves.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { type Declared, ModelBroker } from '../../test/support/model-broker.ts';
import { type PlainTable, type PlainValue, table } from '../../test/support/wire-methods.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { DeduplicationWindow } from './deduplication-window.ts';

const ON = { 'x-message-deduplication': true };

/** An exchange `x` that drops repeated messages, and a queue `q`. */
function onExchange(model: ModelBroker, args: PlainTable = {}, more: Declared = {}) {
  const exchange = model.exchange('x', 'fanout', { ...more, arguments: { ...ON, ...args } });
  model.queue('q');
  model.bind('x', 'q');
  return model.vhost.deduplication(exchange)!;
}

function publish(
  model: ModelBroker,
  body: string,
  key?: PlainValue,
  more: PlainTable = {},
): boolean {
  const headers = key === undefined ? more : { ...more, 'x-deduplication-header': key };
  return model.publish({ exchange: 'x', body, properties: { headers } });
}

const windowOf = (model: ModelBroker, name: string): DeduplicationWindow =>
  model.vhost.deduplication(model.vhost.queue(name) ?? model.vhost.requireExchange(name))!;

describe('an exchange', () => {
  test('drops what comes again, counts it, and says that it was taken', async () => {
    const model = new ModelBroker();
    const window = onExchange(model);
    expect(publish(model, 'first', 'k')).toBe(true);
    expect(publish(model, 'again', 'k')).toBe(true);
    expect(publish(model, 'other', 'l')).toBe(true);
    expect(await model.texts('q')).toEqual(['first', 'other']);
    expect(window.dedupCount).toBe(1);
  });

  test('knows a message after it was consumed', async () => {
    const model = new ModelBroker();
    onExchange(model);
    publish(model, 'first', 'k');
    await model.texts('q');
    publish(model, 'again', 'k');
    expect(await model.texts('q')).toEqual([]);
  });

  test('lets pass what has no key', async () => {
    const model = new ModelBroker();
    onExchange(model);
    publish(model, '1');
    publish(model, '2', undefined, { other: 1 });
    publish(model, '3', null);
    publish(model, '4', null);
    expect(await model.texts('q')).toEqual(['1', '2', '3', '4']);
  });

  test.each<[string, PlainValue, PlainValue, boolean]>([
    ['a text and the same', 'a', 'a', true],
    ['integers of other width', 1, { type: 'l', value: 1n }, true],
    ['a number and its digits', 1, '1', false],
    ['true and false', true, false, false],
    ['tables', table({ a: 1 }), table({ a: 1 }), true],
    ['long texts', 'x'.repeat(1000), 'x'.repeat(1000), true],
    ['long texts that differ at the end', `${'x'.repeat(1000)}1`, `${'x'.repeat(1000)}2`, false],
    ['bytes', Uint8Array.of(255, 1), Uint8Array.of(255, 1), true],
    ['other bytes', Uint8Array.of(255, 1), Uint8Array.of(255, 2), false],
  ])('%s', async (_, one, two, isSame) => {
    const model = new ModelBroker(new MemoryFiles());
    onExchange(model);
    publish(model, '1', one);
    const again = await model.restarted();
    publish(again, '2', two);
    expect(await again.texts('q')).toEqual(isSame ? ['1'] : ['1', '2']);
    await again.broker.close();
  });

  test('does not remember what nothing took', async () => {
    const model = new ModelBroker();
    model.exchange('x', 'direct', { arguments: ON });
    expect(publish(model, '1', 'k')).toBe(false);
    model.queue('q');
    model.bind('x', 'q', 'key');
    expect(publish(model, '2', 'k')).toBe(true);
    expect(await model.texts('q')).toEqual(['2']);
  });

  test('does not remember what a queue refused', async () => {
    const model = new ModelBroker();
    onExchange(model);
    const args = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    model.queue('small', { arguments: args });
    model.bind('x', 'small');
    publish(model, '1', 'k1');
    publish(model, '2', 'k2');
    expect(await model.texts('small')).toEqual(['1']);
    publish(model, '2 again', 'k2');
    expect(await model.texts('small')).toEqual(['2 again']);
  });

  test('takes dead letters as they come', async () => {
    const model = new ModelBroker();
    onExchange(model);
    publish(model, 'a', 'k');
    publish(model, 'a', 'k', { 'x-death': [] });
    expect(await model.texts('q')).toEqual(['a', 'a']);
  });

  test('in the middle of the way drops it there only', async () => {
    const model = new ModelBroker();
    onExchange(model);
    model.exchange('first', 'fanout');
    model.queue('all');
    model.bind('first', 'x');
    model.bind('first', 'all');
    for (const body of ['1', '2']) {
      const headers = { 'x-deduplication-header': 'k' };
      model.publish({ exchange: 'first', body, properties: { headers } });
    }
    expect([await model.texts('all'), await model.texts('q')]).toEqual([['1', '2'], ['1']]);
  });
});

describe('a queue', () => {
  test('drops what comes again, whichever way; others get it', async () => {
    const model = new ModelBroker();
    model.exchange('x', 'fanout');
    const queue = model.queue('once', { arguments: ON });
    model.queue('q');
    model.bind('x', 'once');
    model.bind('x', 'q');
    publish(model, '1', 'k');
    publish(model, '2', 'k');
    const headers = { 'x-deduplication-header': 'k' };
    expect(model.publish({ routingKey: 'once', body: '3', properties: { headers } })).toBe(true);
    expect([await model.texts('once'), await model.texts('q')]).toEqual([['1'], ['1', '2']]);
    expect(model.vhost.deduplication(queue)!.dedupCount).toBe(2);
  });

  test('counts once what comes by several ways', async () => {
    const model = new ModelBroker();
    model.exchange('x', 'fanout');
    model.exchange('y', 'fanout');
    const queue = model.queue('once', { arguments: ON });
    model.bind('x', 'once');
    model.bind('x', 'y');
    model.bind('y', 'once');
    publish(model, '1', 'k');
    publish(model, '2', 'k');
    expect(await model.texts('once')).toEqual(['1']);
    expect(model.vhost.deduplication(queue)!.dedupCount).toBe(1);
  });

  test('that is not asked to drops nothing', async () => {
    const model = new ModelBroker();
    model.exchange('x', 'fanout');
    const off = { 'x-message-deduplication': false, 'x-cache-size': 5 };
    expect(model.vhost.deduplication(model.queue('q', { arguments: off }))).toBeUndefined();
  });
});

describe('the window', () => {
  test('forgets the oldest key when there are more than its size', async () => {
    const model = new ModelBroker();
    const window = onExchange(model, { 'x-cache-size': 3 });
    for (const key of ['1', '2', '3', '1', '4', '1', '4', '3']) publish(model, key, key);
    expect(await model.texts('q')).toEqual(['1', '2', '3', '4', '1']);
    expect(window.size).toBe(3);
  });

  test('has 128 keys when nobody says', () => {
    const model = new ModelBroker();
    const window = onExchange(model);
    for (let n = 0; n < 200; n++) publish(model, `${n}`, n);
    expect(window.size).toBe(128);
  });

  test('forgets a key when its time is over, counted from when it came first', async () => {
    const model = new ModelBroker();
    onExchange(model, { 'x-cache-ttl': 1000 });
    publish(model, '1', 'k');
    await model.advance(999);
    publish(model, '2', 'k');
    expect(await model.texts('q')).toEqual(['1']);
    await model.advance(1);
    publish(model, '3', 'k');
    expect(await model.texts('q')).toEqual(['3']);
  });

  test('gives memory back', () => {
    const model = new ModelBroker();
    const before = model.broker.store.usedBytes;
    onExchange(model, { 'x-cache-size': 1000 });
    for (let n = 0; n < 2000; n++) publish(model, '', `${n}`);
    model.vhost.deleteExchange('x', false);
    model.vhost.queue('q')!.purge();
    expect(model.broker.store.usedBytes - before).toBeLessThan(2 ** 21);
  });
});

describe('over a restart', () => {
  test('a durable exchange knows what came before, and how old it is', async () => {
    const model = new ModelBroker(new MemoryFiles());
    onExchange(model, { 'x-cache-ttl': 10_000 });
    publish(model, '1', 'k');
    await model.advance(4000);
    publish(model, '2', 'l');
    const again = await model.restarted(5000);
    publish(again, 'again', 'k');
    expect(windowOf(again, 'x').dedupCount).toBe(1);
    await again.advance(1000);
    publish(again, 'k anew', 'k');
    publish(again, 'again', 'l');
    expect(await again.texts('q')).toEqual(['1', '2', 'k anew']);
    await again.broker.close();
  });

  test('a durable queue, too; and the order in which keys are forgotten stays', async () => {
    const model = new ModelBroker(new MemoryFiles());
    model.exchange('x', 'fanout');
    model.queue('q', { arguments: { ...ON, 'x-cache-size': 2 } });
    model.bind('x', 'q');
    for (const key of ['1', '2', '3']) publish(model, key, key);
    const again = await model.restarted();
    for (const key of ['2', '1', '3', '2']) publish(again, key, key);
    expect(await again.texts('q')).toEqual(['1', '2', '3', '1', '2']);
    expect(windowOf(again, 'q').size).toBe(2);
    await again.broker.close();
  });

  test('a transient message is known, too', async () => {
    const model = new ModelBroker(new MemoryFiles());
    onExchange(model);
    const properties = { deliveryMode: 1, headers: { 'x-deduplication-header': 'k' } };
    model.publish({ exchange: 'x', body: '1', properties });
    const again = await model.restarted();
    model.publish({ exchange: 'x', body: '2', properties });
    expect(await again.texts('q')).toEqual([]);
    await again.broker.close();
  });

  test('an exchange that is not durable keeps nothing on disk', async () => {
    const model = new ModelBroker(new MemoryFiles());
    expect(onExchange(model, {}, { durable: false }).logId).toBe(0);
    await model.broker.close();
  });

  test('one that is deleted and made again has forgotten everything', async () => {
    const model = new ModelBroker(new MemoryFiles());
    onExchange(model);
    publish(model, '1', 'k');
    model.vhost.deleteExchange('x', false);
    onExchange(model);
    publish(model, '2', 'k');
    const again = await model.restarted();
    expect(windowOf(again, 'x').size).toBe(1);
    expect(await again.texts('q')).toEqual(['1', '2']);
    await again.broker.close();
  });

  test('a key and its message are in one segment, and so in one chunk, wherever a segment ends', async () => {
    const model = new ModelBroker(new MemoryFiles());
    const window = onExchange(model, { 'x-cache-size': 100_000 });
    // So many that some segment ends between a message and what would be its key.
    for (let n = 0; n < 60_000; n++) publish(model, 'x'.repeat((n * 37) % 90), n);
    const slots = { queue: [] as number[], keys: [] as number[] };
    for (const holder of model.broker.store.holders) {
      holder.visitPositions({
        moving: { has: () => true } as unknown as ReadonlySet<number>,
        slot: 0,
        offset: 0,
        visit: (queue, sequence, slot) => {
          const list = queue?.logId === window.logId ? slots.keys : slots.queue;
          list[sequence] = slot;
          return false;
        },
      });
    }
    expect(new Set(slots.queue).size).toBeGreaterThan(2);
    expect(slots.keys).toEqual(slots.queue);
    await model.settled();
    await model.broker.close();
  });
});

test('with a delay: a message is known from when it came, and goes on when it is due', async () => {
  const model = new ModelBroker(new MemoryFiles());
  const args = { ...ON, 'x-delayed-type': 'fanout' };
  model.exchange('x', 'x-delayed-message', { arguments: args });
  model.queue('q');
  model.bind('x', 'q');
  publish(model, '1', 'k', { 'x-delay': 1000 });
  publish(model, '2', 'k', { 'x-delay': 500 });
  publish(model, '3', 'k');
  const again = await model.restarted();
  await again.advance(1000);
  expect(await again.texts('q')).toEqual(['1']);
  expect(windowOf(again, 'x').dedupCount).toBe(0);
  publish(again, '4', 'k');
  expect(await again.texts('q')).toEqual([]);
  await again.broker.close();
});

test.each<[PlainTable, string]>([
  [{ 'x-message-deduplication': 'yes' }, '{unacceptable_type,longstr}'],
  [{ 'x-cache-size': 0 }, '{value_zero,0}'],
  [{ 'x-cache-size': 10_000_001 }, '{value_too_large,10000001}'],
  [{ 'x-cache-ttl': -1 }, '{value_negative,-1}'],
  [{ 'x-cache-ttl': 'x' }, '"expected integer, got longstr"'],
])('declared with %o it is refused', (args, problem) => {
  const model = new ModelBroker();
  const [name] = Object.keys(args);
  for (const [kind, declare] of [
    ['exchange', () => model.exchange('x', 'fanout', { arguments: args })],
    ['queue', () => model.queue('x', { arguments: args })],
  ] as const) {
    expect(declare).toThrow(
      expect.objectContaining({
        code: 406,
        message: `PRECONDITION_FAILED - invalid arg '${name}' for ${kind} 'x' in vhost '/': ${problem}`,
      }),
    );
  }
});

test('whatever comes, in whatever order, over restarts: what a plain list of keys says', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ key: fc.nat(6) }) },
    { weight: 2, arbitrary: fc.record({ passMs: fc.nat(400) }) },
    { weight: 1, arbitrary: fc.record({ restartMs: fc.nat(400) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 1000 }),
      async (steps, size, ttlMs) => {
        let model = new ModelBroker(new MemoryFiles());
        onExchange(model, { 'x-cache-size': size, 'x-cache-ttl': ttlMs });
        let known: { key: number; atMs: number }[] = [];
        const expected: string[] = [];
        let count = 0;
        for (const one of steps) {
          if ('passMs' in one) await model.advance(one.passMs);
          else if ('restartMs' in one) model = await model.restarted(one.restartMs);
          else {
            const nowMs = model.clock.now();
            const body = `${count++}`;
            publish(model, body, one.key);
            await model.settled();
            if (known.some(({ key, atMs }) => key === one.key && nowMs < atMs + ttlMs)) continue;
            expected.push(body);
            known = known.filter(({ key }) => key !== one.key);
            known = [...known.filter(({ atMs }) => nowMs < atMs + ttlMs)].slice(
              1 - size || known.length,
            );
            known.push({ key: one.key, atMs: nowMs });
          }
        }
        expect(await model.texts('q')).toEqual(expected);
        await model.broker.close();
      },
    ),
    { numRuns: 40 },
  );
});

test('headers that repeat a name are read as elsewhere: the first counts', async () => {
  const model = new ModelBroker();
  onExchange(model);
  const twice = new FieldTable([
    ['x-deduplication-header', { type: 'S', value: 'a' }],
    ['x-deduplication-header', { type: 'S', value: 'b' }],
  ]);
  for (const body of ['1', '2'])
    model.publish({ exchange: 'x', body, properties: { headers: twice } });
  publish(model, '3', 'b');
  expect(await model.texts('q')).toEqual(['1', '3']);
});
