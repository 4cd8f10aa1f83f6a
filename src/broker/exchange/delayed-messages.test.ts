import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { contentOf, shown } from '../../../test/support/content.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { ModelBroker } from '../../../test/support/model-broker.ts';
import { type PlainTable, table } from '../../../test/support/wire-methods.ts';
import { DuePositions } from '../../store/due-positions.ts';
import { enqueueRouted } from '../enqueue.ts';
import { selectedOf } from '../sender-selected.ts';
import { type DelayedMessages, MAX_LISTED, type WaitingMessage } from './delayed-messages.ts';

const DIRECT = { 'x-delayed-type': 'direct' };

/** A delayed exchange `later` and a queue `q` bound to it with the key `k`. */
function laterAndQueue(model: ModelBroker, args: PlainTable = DIRECT): DelayedMessages {
  const { delayed } = model.exchange('later', 'x-delayed-message', { arguments: args });
  model.queue('q');
  model.bind('later', 'q', 'k');
  return delayed!;
}

function publish(
  model: ModelBroker,
  body: string,
  delayMs?: number,
  more: PlainTable = {},
): boolean {
  const headers = delayMs === undefined ? more : { ...more, 'x-delay': delayMs };
  return model.publish({ exchange: 'later', routingKey: 'k', body, properties: { headers } });
}

const list = (delayed: DelayedMessages, offset = 0, limit = 100) =>
  new Promise<readonly WaitingMessage[]>((done) => delayed.list(offset, limit, done));

describe('a message with a delay', () => {
  test('one far down the list is not looked for', async () => {
    const model = new ModelBroker();
    const delayed = laterAndQueue(model);
    for (let i = 0; i < 2; i++) publish(model, `${i}`, 5000);
    const asked = vi.spyOn(DuePositions.prototype, 'list');
    onTestFinished(() => asked.mockRestore());
    expect(await list(delayed, 1e15)).toEqual([]);
    expect(asked).toHaveBeenCalledWith(MAX_LISTED, 0);
    expect(await list(delayed, 1)).toHaveLength(1);
  });

  test('goes on when it is due, not before', async () => {
    const model = new ModelBroker();
    const delayed = laterAndQueue(model);
    expect(publish(model, 'x', 5000)).toBe(true);
    expect(delayed.count).toBe(1);
    await model.advance(4999);
    expect(await model.texts('q')).toEqual([]);
    await model.advance(1);
    expect(delayed.count).toBe(0);
    expect(await model.texts('q')).toEqual(['x']);
  });

  test('keeps its exchange, key and properties, and has the delay negated', async () => {
    const model = new ModelBroker();
    laterAndQueue(model);
    publish(model, 'x', 5000, { a: 'b' });
    await model.advance(5000);
    await model.drain('q', (content) => {
      expect([content.exchange, content.routingKey]).toEqual(['later', 'k']);
      expect(shown(content.properties.headers)).toEqual({ a: 'S:b', 'x-delay': 'I:-5000' });
      expect(content.properties.deliveryMode).toBe(2);
    });
  });

  test.each([undefined, 0, -1])('of %s goes on at once, as it is', async (delayMs) => {
    const model = new ModelBroker();
    laterAndQueue(model);
    publish(model, 'x', delayMs);
    expect(await model.texts('q')).toEqual(['x']);
  });

  test('goes where the bindings lead when it is due', async () => {
    const model = new ModelBroker();
    laterAndQueue(model);
    publish(model, 'x', 1000);
    model.queue('new');
    model.bind('later', 'new', 'k');
    model.vhost.deleteQueue(model.vhost.queue('q')!);
    await model.advance(1000);
    expect(await model.texts('new')).toEqual(['x']);
  });

  test('counts as taken though nothing is bound, and is gone when nothing is then', async () => {
    const model = new ModelBroker();
    const { delayed } = model.exchange('later', 'x-delayed-message', { arguments: DIRECT });
    expect(publish(model, 'x', 1000)).toBe(true);
    await model.advance(1000);
    expect(delayed!.count).toBe(0);
  });

  test('is held back where it comes by a binding from another exchange, too', async () => {
    const model = new ModelBroker();
    laterAndQueue(model);
    model.exchange('first', 'fanout');
    model.queue('now');
    model.bind('first', 'later');
    model.bind('first', 'now');
    const headers = { 'x-delay': 1000 };
    model.publish({ exchange: 'first', routingKey: 'k', body: 'x', properties: { headers } });
    expect([await model.texts('now'), await model.texts('q')]).toEqual([['x'], []]);
    await model.advance(1000);
    expect([await model.texts('now'), await model.texts('q')]).toEqual([[], ['x']]);
  });

  test('BCC leads on when it is due, and is not seen', async () => {
    const model = new ModelBroker();
    laterAndQueue(model);
    model.queue('copy');
    model.bind('later', 'copy', 'b');
    publish(model, 'x', 1000, { BCC: ['b'] });
    await model.advance(1000);
    await model.drain('copy', (content) => {
      expect(shown(content.properties.headers)).toEqual({ 'x-delay': 'I:-1000' });
    });
    expect(await model.texts('q')).toEqual(['x']);
  });

  test('of longer than a timer lasts', async () => {
    const model = new ModelBroker();
    laterAndQueue(model);
    const yearMs = 365 * 24 * 3_600_000;
    publish(model, 'x', yearMs);
    await model.advance(yearMs - 1);
    expect(await model.texts('q')).toEqual([]);
    await model.advance(1);
    expect(await model.texts('q')).toEqual(['x']);
  });
});

test('of messages due at the same time the first comes first; no turn sends on all of many', async () => {
  const model = new ModelBroker();
  const delayed = laterAndQueue(model);
  for (let n = 0; n < 1000; n++) publish(model, `${n}`, 1000);
  model.clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  const left = delayed.count;
  expect(left).toBeGreaterThan(0);
  await model.settled();
  expect(delayed.count).toBe(0);
  expect(await model.texts('q')).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
});

test('the type behind decides where messages go', async () => {
  const model = new ModelBroker();
  laterAndQueue(model, { 'x-delayed-type': 'topic' });
  model.queue('all');
  model.bind('later', 'all', '#');
  publish(model, 'x', 10);
  await model.advance(10);
  expect([await model.texts('q'), await model.texts('all')]).toEqual([['x'], ['x']]);
});

describe('what waits can be looked at', () => {
  test('in the order in which it is due, part by part', async () => {
    const model = new ModelBroker();
    const delayed = laterAndQueue(model);
    const now = model.clock.now();
    for (const delayMs of [3000, 1000, 2000, 1000]) publish(model, `after ${delayMs}`, delayMs);
    const [first, ...others] = await list(delayed);
    expect(first).toMatchObject({
      id: 1,
      dueAtMs: now + 1000,
      exchange: 'later',
      routingKey: 'k',
      properties: { deliveryMode: 2 },
    });
    expect(Buffer.from(first!.body).toString()).toBe('after 1000');
    expect(others.map(({ id }) => id)).toEqual([3, 2, 0]);
    expect((await list(delayed, 1, 2)).map(({ id }) => id)).toEqual([3, 2]);
    expect(await list(delayed, 4)).toEqual([]);
    expect([...model.vhost.delayedMessages()]).toEqual([delayed]);
  });

  test('and cancelled one by one', async () => {
    const model = new ModelBroker(new MemoryFiles());
    const delayed = laterAndQueue(model);
    for (const body of ['a', 'b', 'c']) publish(model, body, 1000);
    expect(delayed.cancel(1)).toBe(true);
    expect(delayed.cancel(1)).toBe(false);
    expect(delayed.cancel(7)).toBe(false);
    expect(delayed.count).toBe(2);
    const again = await model.restarted();
    await again.advance(1000);
    expect(await again.texts('q')).toEqual(['a', 'c']);
    await again.broker.close();
  });
});

describe('over a restart', () => {
  test('what waits is due when it was due before', async () => {
    const model = new ModelBroker(new MemoryFiles());
    laterAndQueue(model);
    publish(model, 'late', 5000);
    publish(model, 'early', 2000);
    publish(model, 'overdue', 1000);
    await model.settled();
    const again = await model.restarted(1500);
    const { delayed } = again.vhost.requireExchange('later');
    expect(delayed!.count).toBe(3);
    await again.advance(0);
    expect(await again.texts('q')).toEqual(['overdue']);
    await again.advance(499);
    expect(await again.texts('q')).toEqual([]);
    await again.advance(1);
    expect(await again.texts('q')).toEqual(['early']);
    await again.advance(3000);
    expect(await again.texts('q')).toEqual(['late']);
    await again.broker.close();
  });

  test('a transient message waits on as well', async () => {
    const model = new ModelBroker(new MemoryFiles());
    laterAndQueue(model);
    const properties = { headers: { 'x-delay': 1000 }, deliveryMode: 1 };
    model.publish({ exchange: 'later', routingKey: 'k', body: 'x', properties });
    const again = await model.restarted();
    await again.advance(1000);
    expect(await again.texts('q')).toEqual(['x']);
    await again.broker.close();
  });

  test('what has gone on does not come again, and numbers go on', async () => {
    const model = new ModelBroker(new MemoryFiles());
    laterAndQueue(model);
    publish(model, 'a', 1000);
    publish(model, 'b', 2000);
    await model.advance(1000);
    expect(await model.texts('q')).toEqual(['a']);
    const again = await model.restarted();
    publish(again, 'c', 1000);
    const { delayed } = again.vhost.requireExchange('later');
    expect((await list(delayed!)).map(({ id }) => id)).toEqual([1, 2]);
    await again.advance(1000);
    expect(await again.texts('q')).toEqual(['b', 'c']);
    await again.broker.close();
  });

  test('a crash loses nothing that was written', async () => {
    const model = new ModelBroker(new MemoryFiles());
    laterAndQueue(model);
    for (let n = 0; n < 50; n++) publish(model, `${n}`, 1000 + n);
    await model.settled();
    const again = model.crashed();
    await again.advance(2000);
    expect(await again.texts('q')).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
    await again.broker.close();
    await model.broker.close();
  });

  test('an exchange that is not durable takes what waits along', async () => {
    const model = new ModelBroker(new MemoryFiles());
    model.exchange('later', 'x-delayed-message', { arguments: DIRECT, durable: false });
    publish(model, 'x', 1000);
    const again = await model.restarted();
    expect([...again.vhost.delayedMessages()]).toEqual([]);
    await again.broker.close();
  });
});

test('deleting the exchange drops what waits, for good', async () => {
  const model = new ModelBroker(new MemoryFiles());
  laterAndQueue(model);
  publish(model, 'x', 1000);
  model.vhost.deleteExchange('later', false);
  laterAndQueue(model);
  const again = await model.restarted();
  await again.advance(2000);
  expect(await again.texts('q')).toEqual([]);
  expect([...again.vhost.delayedMessages()].map(({ count }) => count)).toEqual([0]);
  await again.broker.close();
});

test('that the exchange is deleted is recorded before what waits is let go', async () => {
  const model = new ModelBroker(new MemoryFiles());
  const delayed = laterAndQueue(model);
  await model.settled();
  expect(model.broker.store.isDirty).toBe(false);
  let isRecorded = false;
  const released = vi.spyOn(delayed, 'delete').mockImplementation(() => {
    isRecorded = model.broker.store.isDirty;
  });
  model.vhost.deleteExchange('later', false);
  expect(released).toHaveBeenCalledOnce();
  expect(isRecorded).toBe(true);
  await model.broker.close();
});

test('deleting the vhost gives back what its exchanges held', async () => {
  const model = new ModelBroker();
  const { store, vhosts } = model.broker;
  const before = store.holders.size;
  const vhost = vhosts.add('v');
  const common = { durable: true, autoDelete: false, internal: false };
  const args = table({ ...DIRECT, 'x-message-deduplication': true });
  vhost.declareExchange({
    ...common,
    name: 'later',
    type: 'x-delayed-message',
    arguments: args,
  });
  const exchange = vhost.requireExchange('later');
  const headers = { 'x-delay': 1000, 'x-deduplication-header': 'k' };
  const selected = selectedOf(contentOf({ exchange: 'later', body: 'x', properties: { headers } }));
  const routed = vhost.router.route(selected.content, exchange, ['']);
  enqueueRouted(store, selected, routed, vhost.turn);
  expect(exchange.delayed?.count).toBe(1);
  vhosts.delete('v');
  expect(exchange.delayed?.count).toBe(0);
  expect(vhost.deduplication(exchange)).toBeUndefined();
  expect(store.holders.size).toBe(before);
});

test('an exchange that goes because nothing is bound to it drops what waits, too', async () => {
  const model = new ModelBroker();
  const options = { arguments: DIRECT, autoDelete: true };
  const { delayed } = model.exchange('later', 'x-delayed-message', options);
  model.queue('q');
  model.bind('later', 'q', 'k');
  publish(model, 'x', 1000);
  model.vhost.deleteQueue(model.vhost.queue('q')!);
  expect(delayed!.count).toBe(0);
});

test.each<[PlainTable, string]>([
  [{}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
  [{ 'x-delayed-type': 1 }, "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
  [
    { 'x-delayed-type': 'x-delayed-message' },
    "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
  ],
  [{ 'x-delayed-type': 'nonsense' }, "unknown exchange type 'nonsense'"],
  [
    { 'x-delayed-type': 'x-consistent-hash', 'hash-property': 'app_id' },
    'Unsupported property: app_id',
  ],
])('declared with %o it is refused', (args, text) => {
  const model = new ModelBroker();
  expect(() => model.exchange('later', 'x-delayed-message', { arguments: args })).toThrow(
    expect.objectContaining({ code: 406, message: `PRECONDITION_FAILED - ${text}` }),
  );
});

test('whatever is published, cancelled and restarted: each comes once, when it is due', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ delayMs: fc.integer({ min: -1, max: 5000 }) }) },
    { weight: 3, arbitrary: fc.record({ passMs: fc.nat(2000) }) },
    { weight: 1, arbitrary: fc.record({ cancel: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ restartMs: fc.nat(3000) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let model = new ModelBroker(new MemoryFiles());
      laterAndQueue(model);
      let waiting: { text: string; id: number; dueAtMs: number }[] = [];
      const expected: string[] = [];
      let count = 0;
      let id = 0;
      const pass = () => {
        const due = waiting.filter(({ dueAtMs }) => dueAtMs <= model.clock.now());
        due.sort((a, b) => a.dueAtMs - b.dueAtMs || a.id - b.id);
        expected.push(...due.map(({ text }) => text));
        waiting = waiting.filter((one) => !due.includes(one));
      };
      for (const one of steps) {
        if ('delayMs' in one) {
          const text = `${count++}`;
          publish(model, text, one.delayMs);
          if (one.delayMs <= 0) expected.push(text);
          else waiting.push({ text, id: id++, dueAtMs: model.clock.now() + one.delayMs });
          await model.settled();
        } else if ('passMs' in one) {
          await model.advance(one.passMs);
          pass();
        } else if ('cancel' in one) {
          const { delayed } = model.vhost.requireExchange('later');
          const isThere = waiting.some((each) => each.id === one.cancel);
          expect(delayed!.cancel(one.cancel)).toBe(isThere);
          waiting = waiting.filter((each) => each.id !== one.cancel);
        } else {
          model = await model.restarted(one.restartMs);
          await model.advance(0);
          pass();
        }
      }
      await model.advance(10_000);
      pass();
      expect(await model.texts('q')).toEqual(expected);
      await model.broker.close();
    }),
    { numRuns: 40 },
  );
});
