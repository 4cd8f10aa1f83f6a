import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { ModelBroker } from '../../../test/support/model-broker.ts';
import type { PlainTable } from '../../../test/support/wire-methods.ts';
import type { MessageFilter } from './message-filter.ts';
import { type EmptiedQueue, extract, type Peeked, type PeekRequest, peek } from './peek.ts';
import type { Queue } from './queue.ts';

function publish(model: ModelBroker, body: string, headers: PlainTable = {}, priority = 0): void {
  model.publish({ routingKey: 'q', body, properties: { headers, priority } });
}

function look(model: ModelBroker, request: PeekRequest): Promise<Peeked> {
  return new Promise((done) => peek(model.vhost.queue('q')!, model.vhost.store, request, done));
}

const bodies = ({ messages }: Peeked) => messages.map(({ body }) => Buffer.from(body).toString());

/** Takes one message out; passes false when it is not ready, or not there. */
function discard(
  queue: EmptiedQueue,
  { vhost }: ModelBroker,
  sequence: number,
  done: (isGone: boolean) => void,
): void {
  extract(
    queue,
    vhost.store,
    sequence,
    () => true,
    (extraction) => done(extraction === 'taken'),
  );
}

/** Takes so many messages and gives them back, so that they were delivered once. */
function touch(queue: Queue, model: ModelBroker, count: number): void {
  const taken: [number, number, number][] = [];
  for (let i = 0; i < count; i++) {
    queue.get(false, (sequence, slot, offset) => {
      taken.push([sequence, slot, offset]);
      return model.vhost.store.segment(slot).view.getUint32(offset);
    });
  }
  for (const [sequence, slot, offset] of taken) {
    const bodyBytes = model.vhost.store.segment(slot).view.getUint32(offset);
    queue.requeue(sequence, slot, offset, bodyBytes, false);
  }
}

describe('a look at a queue', () => {
  test('shows what messages are, and leaves them as they were', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    publish(model, 'one', { a: 1 });
    publish(model, 'two');
    const peeked = await look(model, { limit: 10 });
    expect(peeked).toMatchObject({
      scanned: 2,
      cursor: undefined,
      messages: [
        {
          sequence: 0,
          redelivered: false,
          exchange: '',
          routingKey: 'q',
          properties: { deliveryMode: 2 },
          bodySizeBytes: 3,
        },
        { sequence: 1 },
      ],
    });
    expect(bodies(peeked)).toEqual(['one', 'two']);
    expect([queue.readyCount, queue.unackedCount]).toEqual([2, 0]);
    queue.get(true, (_sequence, slot, _offset, redelivered) => {
      expect(redelivered).toBe(false);
      queue.settleDelivered(0, slot);
      return 3;
    });
  });

  test('of an empty one shows nothing', async () => {
    const model = new ModelBroker();
    model.queue('q');
    expect(await look(model, { limit: 10 })).toEqual({
      messages: [],
      scanned: 0,
      cursor: undefined,
    });
  });

  test('shows what came back first, marked, and what is unacknowledged not at all', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    for (const body of ['0', '1', '2', '3']) publish(model, body);
    queue.get(false, () => 1);
    touch(queue, model, 2);
    const peeked = await look(model, { limit: 10 });
    expect(bodies(peeked)).toEqual(['1', '2', '3']);
    expect(peeked.messages.map(({ redelivered }) => redelivered)).toEqual([true, true, false]);
  });

  test('shows higher priorities first', async () => {
    const model = new ModelBroker();
    model.queue('q', { arguments: { 'x-max-priority': 5 } });
    for (const [body, priority] of [
      ['low', 0],
      ['high', 5],
      ['middle', 3],
      ['high too', 9],
    ] as const) {
      publish(model, body, {}, priority);
    }
    expect(bodies(await look(model, { limit: 10 }))).toEqual(['high', 'high too', 'middle', 'low']);
    expect(bodies(await look(model, { limit: 2, offset: 1 }))).toEqual(['high too', 'middle']);
  });

  test('goes on where it ended, whatever has come or gone', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    for (let n = 0; n < 6; n++) publish(model, `${n}`);
    const first = await look(model, { limit: 2 });
    expect(first.cursor).toBeDefined();
    const rest = { limit: 10, cursor: first.cursor! };
    expect(bodies(await look(model, rest))).toEqual(['2', '3', '4', '5']);
    await new Promise<boolean>((done) => discard(queue, model, 2, done));
    publish(model, 'new');
    expect(bodies(await look(model, rest))).toEqual(['3', '4', '5', 'new']);
    expect(bodies(await look(model, { limit: 10, cursor: 'nonsense' }))).toEqual([]);
    for (const cursor of [`${'9'.repeat(15)}r0`, `${'9'.repeat(400)}f0`, `0f${'9'.repeat(400)}`]) {
      expect(await look(model, { limit: 10, cursor })).toMatchObject({ messages: [], scanned: 0 });
    }
  });

  test('begins behind as many as it is told', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    for (let n = 0; n < 6; n++) publish(model, `${n}`);
    touch(queue, model, 2);
    expect(bodies(await look(model, { limit: 2, offset: 1 }))).toEqual(['1', '2']);
    expect(bodies(await look(model, { limit: 2, offset: 3 }))).toEqual(['3', '4']);
    expect(bodies(await look(model, { limit: 2, offset: 6 }))).toEqual([]);
    expect(bodies(await look(model, { limit: 2, offset: 100 }))).toEqual([]);
  });

  test('shows no more of a body than is wanted', async () => {
    const model = new ModelBroker();
    model.queue('q');
    publish(model, 'a long story');
    const peeked = await look(model, { limit: 1, maxBodyBytes: 6 });
    expect(bodies(peeked)).toEqual(['a long']);
    expect(peeked.messages[0]!.bodySizeBytes).toBe(12);
  });

  test('does a bounded amount of work', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    for (let n = 0; n < 2500; n++) publish(model, n === 2400 ? 'needle' : 'hay');
    touch(queue, model, 1200);
    const filter = { body: { text: 'needle' } };
    const found: string[] = [];
    const scanned: number[] = [];
    let cursor: string | undefined;
    do {
      const peeked = await look(model, {
        limit: 10,
        filter,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...bodies(peeked));
      scanned.push(peeked.scanned);
      cursor = peeked.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(['needle']);
    expect(scanned).toEqual([1000, 1000, 500]);
  });

  test('reads what is not in memory, and no more than a few segments at once', async () => {
    const model = new ModelBroker(new MemoryFiles());
    model.queue('q');
    const half = 'x'.repeat(500_000);
    for (let n = 0; n < 50; n++) publish(model, `${n} ${half}`);
    const again = await model.restarted();
    const first = await look(again, { limit: 100, maxBodyBytes: 3 });
    expect(first.scanned).toBeGreaterThan(5);
    expect(first.scanned).toBeLessThan(50);
    const seen = first.messages.length;
    const second = await look(again, { limit: 100, maxBodyBytes: 3, cursor: first.cursor! });
    expect(second.messages[0]!.sequence).toBe(seen);
    expect(again.vhost.queue('q')!.readyCount).toBe(50);
    await again.broker.close();
  });

  test('ends when the queue goes while it reads', async () => {
    const model = new ModelBroker(new MemoryFiles());
    model.queue('q');
    publish(model, 'x');
    const again = await model.restarted();
    const looking = look(again, { limit: 10 });
    again.vhost.deleteQueue(again.vhost.queue('q')!);
    expect(await looking).toEqual({ messages: [], scanned: 0, cursor: undefined });
    await again.broker.close();
  });
});

describe('a filter', () => {
  const model = new ModelBroker();
  model.queue('q');
  publish(model, 'Hello World', { kind: 'greeting', n: 5, yes: true });
  publish(model, 'hello there', { kind: 'greeting', n: '5' });
  publish(model, 'grüße', { kind: 'gruß', f: 1.5 });
  publish(model, '', {});

  test.each<[string, MessageFilter, string[]]>([
    ['nothing', {}, ['Hello World', 'hello there', 'grüße', '']],
    ['a header that is there', { headers: [{ name: 'n' }] }, ['Hello World', 'hello there']],
    ['a header of a value', { headers: [{ name: 'kind', value: 'gruß' }] }, ['grüße']],
    ['a number', { headers: [{ name: 'n', value: '5' }] }, ['Hello World', 'hello there']],
    ['a truth', { headers: [{ name: 'yes', value: 'true' }] }, ['Hello World']],
    ['a fraction', { headers: [{ name: 'f', value: '1.5' }] }, ['grüße']],
    [
      'two headers',
      { headers: [{ name: 'kind', value: 'greeting' }, { name: 'yes' }] },
      ['Hello World'],
    ],
    ['another value', { headers: [{ name: 'kind', value: 'Greeting' }] }, []],
    ['a text in the body', { body: { text: 'hello' } }, ['hello there']],
    ['in any case', { body: { text: 'HELLO', ignoresCase: true } }, ['Hello World', 'hello there']],
    ['beyond ASCII', { body: { text: 'üß' } }, ['grüße']],
    ['beyond ASCII in any case', { body: { text: 'GRÜ', ignoresCase: true } }, ['grüße']],
    ['both', { headers: [{ name: 'n' }], body: { text: 'World' } }, ['Hello World']],
  ])('by %s', async (_, filter, expected) => {
    expect(bodies(await look(model, { limit: 10, filter }))).toEqual(expected);
  });
});

describe('one message', () => {
  const discarded = (model: ModelBroker, sequence: number) =>
    new Promise<boolean>((done) => discard(model.vhost.queue('q')!, model, sequence, done));

  test('can be dropped, wherever it is, and is no dead letter', async () => {
    const model = new ModelBroker();
    model.queue('dead');
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    const queue = model.queue('q', { arguments: args });
    for (const body of ['0', '11', '222', '3333']) publish(model, body);
    touch(queue, model, 2);
    expect(queue.readyBytes).toBe(10);
    expect(await discarded(model, 1)).toBe(true);
    expect(await discarded(model, 2)).toBe(true);
    expect(await discarded(model, 2)).toBe(false);
    expect(await discarded(model, 9)).toBe(false);
    expect([queue.readyCount, queue.readyBytes]).toEqual([2, 5]);
    expect(await model.texts('q')).toEqual(['0', '3333']);
    await model.settled();
    expect(await model.texts('dead')).toEqual([]);
  });

  test('is not dropped while somebody has it', async () => {
    const model = new ModelBroker();
    const queue = model.queue('q');
    publish(model, 'x');
    queue.get(false, () => 1);
    expect(await discarded(model, 0)).toBe(false);
  });

  test('that is on disk is dropped for good', async () => {
    const model = new ModelBroker(new MemoryFiles());
    model.queue('q');
    for (const body of ['0', '1', '2']) publish(model, body);
    const again = await model.restarted();
    expect(await discarded(again, 1)).toBe(true);
    expect(again.vhost.queue('q')!.readyBytes).toBe(2);
    const third = await again.restarted();
    expect(await third.texts('q')).toEqual(['0', '2']);
    await third.broker.close();
  });
});

test('page by page it is what a consumer would get, whatever has happened before', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ priority: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ touch: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ drop: fc.nat(10) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 7 }),
      async (steps, limit) => {
        const model = new ModelBroker();
        const queue = model.queue('q', { arguments: { 'x-max-priority': 3 } });
        let count = 0;
        for (const one of steps) {
          if ('priority' in one) publish(model, `${count++}`, {}, one.priority);
          else if ('touch' in one) touch(queue, model, Math.min(one.touch, queue.readyCount));
          else discard(queue, model, one.drop, () => {});
        }
        const pages: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await look(model, { limit, ...(cursor === undefined ? {} : { cursor }) });
          pages.push(...bodies(page));
          cursor = page.cursor;
        } while (cursor !== undefined);
        const offset = Math.floor(pages.length / 2);
        const half = bodies(await look(model, { limit: 100, offset }));
        expect(half).toEqual(pages.slice(offset));
        expect(await model.texts('q')).toEqual(pages);
      },
    ),
    { numRuns: 100 },
  );
});
