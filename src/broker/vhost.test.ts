import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { systemRandom } from '../platform/random.ts';
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { encodeProperties } from '../protocol/properties.ts';
import { MessageStore } from '../store/message-store.ts';
import type { ExchangeProperties } from './exchange/exchange.ts';
import type { Consumer } from './queue/consumer.ts';
import type { Queue } from './queue/queue.ts';
import type { QueueProperties } from './queue/queue-host.ts';
import { Turn } from './turn.ts';
import { VHost } from './vhost.ts';

type Fields = Record<string, FieldValue>;

const table = (fields: Fields) => new FieldTable(Object.entries(fields));
const text = (value: string): FieldValue => ({ type: 'S', value });
const int = (value: number): FieldValue => ({ type: 'I', value });
const none = FieldTable.empty;

const me = { name: 'my connection' };
const stranger = { name: 'another connection' };

let vhost: VHost;
let warnings: string[];

beforeEach(() => {
  warnings = [];
  vhost = new VHost('/', {
    clock: new ManualClock(),
    turn: new Turn(new ManualClock()),
    store: new MessageStore(),
    record: () => {},
    nextLogId: () => 0,
    random: systemRandom,
    log: { ...silentLog, write: (level, message) => warnings.push(`${level}: ${message}`) },
  });
});

function declareExchange(name: string, type = 'direct', more: Partial<ExchangeProperties> = {}) {
  const properties = { durable: false, autoDelete: false, internal: false, arguments: none };
  vhost.declareExchange({ ...properties, ...more, name, type });
  return vhost.requireExchange(name);
}

function declareQueue(
  name: string,
  more: Partial<QueueProperties> = {},
  owner: object = me,
): Queue {
  const properties = { durable: false, exclusive: false, autoDelete: false, arguments: none };
  return vhost.declareQueue({ ...properties, ...more, name }, owner, false);
}

function bind(source: string, key: string, to: Queue | string, fields: Fields = {}): void {
  const destination = typeof to === 'string' ? vhost.requireExchange(to) : to;
  vhost.bind(vhost.requireExchange(source), destination, key, table(fields));
}

function unbind(source: string, key: string, to: Queue | string, fields: Fields = {}): void {
  const destination = typeof to === 'string' ? vhost.requireExchange(to) : to;
  vhost.unbind(vhost.requireExchange(source), destination, key, table(fields));
}

/** A message as it lies in the read buffer. */
function messageTo(exchange: string, routingKey: string, headers?: FieldTable): Content {
  const writer = new ByteWriter();
  const content = new Content();
  writer.shortstr(exchange);
  writer.shortstr(routingKey);
  content.routeEnd = writer.length;
  content.propertiesAt = writer.length;
  encodeProperties(headers ? { headers } : {}, writer);
  content.propertiesEnd = writer.length;
  content.bodyAt = writer.length;
  content.bodyEnd = writer.length;
  content.block = blockOf(writer.bytes);
  return content;
}

/** Names of the queues a message reaches, the way a publish goes: remembered, or found and remembered. */
function route(exchange: string, key: string, headers: Fields = {}): string[] {
  const content = messageTo(exchange, key, table(headers));
  const found =
    vhost.router.remembered(content) ?? vhost.router.find(content, vhost.requireExchange(exchange));
  const queues = found.queues ?? vhost.router.route(content, found.exchange, [key]).queues;
  expect(new Set(queues).size).toBe(queues.length);
  return queues.map(({ name }) => name).sort();
}

const refusal = (code: number, explanation: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(` - ${explanation}`) });

const consumerOf = (queue: Queue) =>
  ({
    tag: 'c',
    queue,
    priority: 0,
    canTake: () => false,
    cancelled: () => {},
  }) as unknown as Consumer;

describe('exchanges', () => {
  test('those of the start are there', () => {
    const types = ['', 'direct', 'fanout', 'topic', 'headers', 'match', 'rabbitmq.trace'].map(
      (name) => vhost.exchange(name && `amq.${name}`),
    );
    expect(types.map((it) => `${it?.name} ${it?.type} ${it?.durable} ${it?.internal}`)).toEqual([
      ' direct true false',
      'amq.direct direct true false',
      'amq.fanout fanout true false',
      'amq.topic topic true false',
      'amq.headers headers true false',
      'amq.match headers true false',
      'amq.rabbitmq.trace topic true true',
    ]);
  });

  test('one is declared once; the same again is fine', () => {
    const exchange = declareExchange('x', 'topic', { autoDelete: true });
    expect(declareExchange('x', 'topic', { autoDelete: true })).toBe(exchange);
  });

  const X = "for exchange 'x' in vhost '/'";
  const changes: [Partial<ExchangeProperties>, string][] = [
    [{ type: 'fanout' }, `inequivalent arg 'type' ${X}: received 'fanout' but current is 'direct'`],
    [{ durable: true }, `inequivalent arg 'durable' ${X}: received 'true' but current is 'false'`],
    [
      { autoDelete: true },
      `inequivalent arg 'auto_delete' ${X}: received 'true' but current is 'false'`,
    ],
    [
      { internal: true },
      `inequivalent arg 'internal' ${X}: received 'true' but current is 'false'`,
    ],
    [
      { arguments: table({ 'alternate-exchange': text('y') }) },
      `inequivalent arg 'alternate-exchange' ${X}: received the value 'y' of type 'longstr' but current is none`,
    ],
    [
      // Only a new exchange's arguments are looked at by themselves.
      { arguments: table({ 'alternate-exchange': int(1) }) },
      `inequivalent arg 'alternate-exchange' ${X}: received the value '1' of type 'signedint' but current is none`,
    ],
    [{ type: 'odd' }, "unknown exchange type 'odd'"],
  ];
  test.each(changes)('one cannot be declared again as %o', (change, explanation) => {
    declareExchange('x');
    expect(() => declareExchange('x', change.type ?? 'direct', change)).toThrow(
      refusal(406, explanation),
    );
  });

  test('other arguments may differ', () => {
    declareExchange('x', 'direct', { arguments: table({ a: int(1) }) });
    expect(() => declareExchange('x', 'direct', { arguments: table({ a: int(2) }) })).not.toThrow();
  });

  test('names and arguments that cannot be', () => {
    expect(() => declareExchange('x', 'odd')).toThrow(refusal(406, "unknown exchange type 'odd'"));
    expect(() => declareExchange('amq.new')).toThrow(
      refusal(403, "exchange name 'amq.new' contains reserved prefix 'amq.*'"),
    );
    expect(() =>
      declareExchange('x', 'direct', { arguments: table({ 'alternate-exchange': int(1) }) }),
    ).toThrow(
      refusal(
        406,
        "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
      ),
    );
    expect(vhost.exchange('x')).toBeUndefined();
    expect(() => declareExchange('amq.topic', 'topic', { durable: true })).not.toThrow();
    expect(() => vhost.requireExchange('x')).toThrow(refusal(404, "no exchange 'x' in vhost '/'"));
  });

  test('deleting takes the bindings on both sides along', () => {
    declareExchange('x', 'fanout');
    const queue = declareQueue('q');
    bind('x', '', queue);
    bind('amq.fanout', '', 'x');
    vhost.deleteExchange('x', false);
    vhost.deleteExchange('x', false);
    expect(vhost.exchange('x')).toBeUndefined();
    expect(queue.incoming.size).toBe(0);
    expect(vhost.requireExchange('amq.fanout').isUsed).toBe(false);
    expect(route('amq.fanout', '')).toEqual([]);
  });

  test('what cannot be deleted', () => {
    declareExchange('x');
    bind('x', 'k', declareQueue('q'));
    expect(() => vhost.deleteExchange('x', true)).toThrow(
      refusal(406, "exchange 'x' in vhost '/' in use"),
    );
    expect(() => vhost.deleteExchange('amq.topic', false)).toThrow(
      refusal(403, "deletion of system exchange 'amq.topic' in vhost '/' not allowed"),
    );
    unbind('x', 'k', vhost.queue('q')!);
    // Bindings to it are no use of it.
    bind('amq.topic', 'k', 'x');
    vhost.deleteExchange('x', true);
    expect(vhost.exchange('x')).toBeUndefined();
  });

  describe('auto-delete', () => {
    beforeEach(() => void declareExchange('x', 'fanout', { autoDelete: true }));

    test('one that never had a binding stays', () => {
      unbind('x', '', declareQueue('q'));
      expect(vhost.exchange('x')).toBeDefined();
    });

    test('one goes with its last binding', () => {
      const queue = declareQueue('q');
      bind('x', 'a', queue);
      bind('x', 'b', queue);
      unbind('x', 'a', queue);
      expect(vhost.exchange('x')).toBeDefined();
      unbind('x', 'b', queue);
      expect(vhost.exchange('x')).toBeUndefined();
    });

    test('one goes with the last queue that was bound to it', () => {
      const queue = declareQueue('q');
      bind('x', '', queue);
      vhost.deleteQueue(queue);
      expect(vhost.exchange('x')).toBeUndefined();
    });

    test('a chain of them goes, a circle too', () => {
      declareExchange('y', 'fanout', { autoDelete: true });
      const queue = declareQueue('q');
      bind('x', '', 'y');
      bind('y', '', 'x');
      bind('y', '', queue);
      unbind('x', '', 'y');
      expect([vhost.exchange('x'), vhost.exchange('y')?.name]).toEqual([undefined, 'y']);
      vhost.deleteQueue(queue);
      expect(vhost.exchange('y')).toBeUndefined();
    });

    test('bindings to it do not keep it', () => {
      bind('amq.fanout', '', 'x');
      const queue = declareQueue('q');
      bind('x', '', queue);
      unbind('x', '', queue);
      expect(vhost.exchange('x')).toBeUndefined();
      expect(vhost.requireExchange('amq.fanout').isUsed).toBe(false);
    });
  });
});

describe('bindings', () => {
  test('one and the same is one', () => {
    const queue = declareQueue('q');
    bind('amq.direct', 'k', queue, { a: int(1), b: int(2) });
    bind('amq.direct', 'k', queue, { b: int(2), a: int(1) });
    expect(queue.incoming.size).toBe(1);
    unbind('amq.direct', 'k', queue, { b: int(2), a: int(1) });
    expect([queue.incoming.size, route('amq.direct', 'k')]).toEqual([0, []]);
  });

  test('other arguments are another binding', () => {
    const queue = declareQueue('q');
    bind('amq.direct', 'k', queue, { a: int(1) });
    bind('amq.direct', 'k', queue, { a: { type: 'l', value: 1n } });
    unbind('amq.direct', 'k', queue, { a: int(1) });
    unbind('amq.direct', 'k', queue);
    expect([queue.incoming.size, route('amq.direct', 'k')]).toEqual([1, ['q']]);
  });

  test('one that its exchange refuses is not there', () => {
    const queue = declareQueue('q');
    expect(() => bind('amq.headers', '', queue, { 'x-match': text('odd') })).toThrow(
      refusal(406, 'Invalid x-match'),
    );
    expect(queue.incoming.size).toBe(0);
    expect(vhost.requireExchange('amq.headers').isUsed).toBe(false);
  });
});

describe('queues', () => {
  test('one is declared once; the same again is fine', () => {
    const more = { durable: true, autoDelete: true, arguments: table({ 'x-max-length': int(5) }) };
    const queue = declareQueue('q', more);
    expect(
      declareQueue('q', {
        ...more,
        arguments: table({ 'x-max-length': { type: 'l', value: 5n } }),
      }),
    ).toBe(queue);
    expect(
      declareQueue('q', {
        ...more,
        arguments: table({ 'x-max-length': int(5), 'x-queue-type': text('classic') }),
      }),
    ).toBe(queue);
    expect(declareQueue('q', more, stranger)).toBe(queue);
  });

  const Q = "for queue 'q' in vhost '/'";
  const changes: [Partial<QueueProperties>, string][] = [
    [{ durable: true }, `inequivalent arg 'durable' ${Q}: received 'true' but current is 'false'`],
    [
      { autoDelete: true },
      `inequivalent arg 'auto_delete' ${Q}: received 'true' but current is 'false'`,
    ],
    [
      { arguments: table({ 'x-max-length': int(6) }) },
      `inequivalent arg 'x-max-length' ${Q}: received '6' but current is '5'`,
    ],
    [
      { arguments: none },
      `inequivalent arg 'x-max-length' ${Q}: received none but current is the value '5' of type 'signedint'`,
    ],
    [
      // Only a new queue's arguments are looked at by themselves.
      { arguments: table({ 'x-max-length': int(-1) }) },
      `inequivalent arg 'x-max-length' ${Q}: received '-1' but current is '5'`,
    ],
  ];
  test.each(changes)('one cannot be declared again as %o', (change, explanation) => {
    const original = { arguments: table({ 'x-max-length': int(5) }) };
    declareQueue('q', original);
    expect(() => declareQueue('q', { ...original, ...change })).toThrow(refusal(406, explanation));
  });

  test('names and arguments that cannot be', () => {
    expect(() => declareQueue('amq.q')).toThrow(
      refusal(403, "queue name 'amq.q' contains reserved prefix 'amq.*'"),
    );
    expect(() => declareQueue('q', { arguments: table({ 'x-expires': int(0) }) })).toThrow(
      refusal(406, "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}"),
    );
    expect(vhost.queue('q')).toBeUndefined();
    expect(() => vhost.requireQueue('q', me)).toThrow(refusal(404, "no queue 'q' in vhost '/'"));
  });

  test('a name of ours is amq.gen- and 128 bits, another one each time', () => {
    const [one, other] = [vhost.generateQueueName(), vhost.generateQueueName()];
    expect(one).toMatch(/^amq\.gen-[\w-]{22}$/);
    expect(one).not.toBe(other);
    const properties = { name: one, durable: false, exclusive: true, autoDelete: false };
    expect(vhost.declareQueue({ ...properties, arguments: none }, me, true).name).toBe(one);
    // Whoever knows the name may declare the queue again.
    expect(declareQueue(one, { exclusive: true }).name).toBe(one);
  });

  describe('exclusive', () => {
    const LOCKED =
      "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.";

    test('one is its connection’s alone, and not durable', () => {
      const queue = declareQueue('q', { exclusive: true, durable: true });
      expect([queue.exclusive, queue.durable]).toEqual([true, false]);
      expect(declareQueue('q', { exclusive: true, durable: true })).toBe(queue);
      expect(vhost.requireQueue('q', me)).toBe(queue);
      expect(() => vhost.requireQueue('q', stranger)).toThrow(refusal(405, LOCKED));
      expect(() => declareQueue('q', { exclusive: true }, stranger)).toThrow(refusal(405, LOCKED));
    });

    test('the lock comes before anything else that differs', () => {
      declareQueue('q', { exclusive: true });
      const odd = { autoDelete: true, arguments: table({ 'x-expires': int(0) }) };
      expect(() => declareQueue('q', { ...odd, exclusive: true }, stranger)).toThrow(
        refusal(405, LOCKED),
      );
      expect(() => declareQueue('q', odd)).toThrow(refusal(405, LOCKED));
    });

    test('what is not exclusive cannot become so', () => {
      declareQueue('q');
      expect(() => declareQueue('q', { exclusive: true })).toThrow(refusal(405, LOCKED));
    });

    test('those of a connection go with it, and no others', () => {
      const [mine, gone, theirs] = [
        declareQueue('mine', { exclusive: true }),
        declareQueue('gone', { exclusive: true }),
        declareQueue('theirs', { exclusive: true }, stranger),
      ];
      declareQueue('shared');
      vhost.deleteQueue(gone);
      declareQueue('gone');
      vhost.deleteQueuesOf(me);
      vhost.deleteQueuesOf(me);
      expect([mine, theirs].map(({ isDeleted }) => isDeleted)).toEqual([true, false]);
      expect(['mine', 'gone', 'theirs', 'shared'].map((name) => vhost.queue(name)?.name)).toEqual([
        undefined,
        'gone',
        'theirs',
        'shared',
      ]);
    });
  });

  test('deleting with conditions', () => {
    const queue = declareQueue('q');
    const { slot, recordAt } = vhost.store.allocate(1, 2);
    queue.publish(slot, recordAt, 0, false);
    queue.publish(slot, recordAt, 0, false);
    expect(() => vhost.deleteQueue(queue, false, true)).toThrow(
      refusal(406, "queue 'q' in vhost '/' not empty"),
    );
    const consumer = consumerOf(queue);
    queue.addConsumer(consumer);
    expect(() => vhost.deleteQueue(queue, true, false)).toThrow(
      refusal(406, "queue 'q' in vhost '/' in use"),
    );
    queue.removeConsumer(consumer);
    expect(vhost.deleteQueue(queue, true, false)).toBe(2);
    expect([vhost.queue('q'), queue.isDeleted]).toEqual([undefined, true]);
    expect(vhost.store.segment(slot).references).toBe(0);
  });

  test('an auto-delete queue goes with its last consumer, never before it had one', () => {
    const queue = declareQueue('q', { autoDelete: true });
    queue.removeConsumer(consumerOf(queue));
    const [one, other] = [consumerOf(queue), consumerOf(queue)];
    queue.addConsumer(one);
    queue.addConsumer(other);
    queue.removeConsumer(one);
    expect(vhost.queue('q')).toBe(queue);
    queue.removeConsumer(other);
    expect(vhost.queue('q')).toBeUndefined();
  });

  test('a queue that has gone leaves its successor of the same name alone', () => {
    const old = declareQueue('q', { autoDelete: true });
    const consumer = consumerOf(old);
    old.addConsumer(consumer);
    vhost.deleteQueue(old);
    const successor = declareQueue('q');
    old.removeConsumer(consumer);
    vhost.deleteUnused(old);
    expect(vhost.queue('q')).toBe(successor);
  });
});

describe('routing', () => {
  test('the default exchange knows every queue by its name', () => {
    expect(route('', 'q')).toEqual([]);
    const queue = declareQueue('q');
    expect([route('', 'q'), route('', 'Q')]).toEqual([['q'], []]);
    vhost.deleteQueue(queue);
    expect(route('', 'q')).toEqual([]);
  });

  test('a queue gets one copy, whatever the number of ways', () => {
    const queue = declareQueue('q');
    declareExchange('x', 'fanout');
    bind('amq.topic', 'a.*', queue);
    bind('amq.topic', '#', queue);
    bind('amq.topic', 'a.b', 'x');
    bind('amq.topic', '*.b', 'x');
    bind('x', '', queue);
    expect(route('amq.topic', 'a.b')).toEqual(['q']);
  });

  test('exchanges pass on to exchanges, each by its own rules', () => {
    declareExchange('eu', 'topic');
    declareExchange('all', 'fanout');
    bind('amq.direct', 'order.eu', 'eu');
    bind('eu', 'order.#', 'all');
    bind('all', '', declareQueue('q'));
    bind('eu', 'bill.#', declareQueue('never'));
    expect(route('amq.direct', 'order.eu')).toEqual(['q']);
    expect(route('amq.direct', 'order.us')).toEqual([]);
  });

  test('a circle of exchanges ends', () => {
    for (const name of ['a', 'b', 'c']) declareExchange(name, 'fanout');
    bind('a', '', 'a');
    bind('a', '', 'b');
    bind('b', '', 'c');
    bind('c', '', 'a');
    bind('b', '', declareQueue('q'));
    for (const name of ['a', 'b', 'c']) expect(route(name, '')).toEqual(['q']);
  });

  describe('an alternate exchange', () => {
    const to = (name: string) => ({ arguments: table({ 'alternate-exchange': text(name) }) });

    test('takes what matches no binding, and only that', () => {
      declareExchange('x', 'direct', to('rest'));
      declareExchange('rest', 'fanout');
      bind('x', 'k', declareQueue('q'));
      bind('rest', '', declareQueue('lost and found'));
      expect([route('x', 'k'), route('x', 'other')]).toEqual([['q'], ['lost and found']]);
    });

    test('is not asked when an exchange was matched that leads nowhere', () => {
      declareExchange('x', 'direct', to('rest'));
      declareExchange('rest', 'fanout');
      declareExchange('nowhere', 'fanout');
      bind('x', 'k', 'nowhere');
      bind('rest', '', declareQueue('q'));
      expect(route('x', 'k')).toEqual([]);
    });

    test('may have one itself, in a circle even', () => {
      declareExchange('a', 'direct', to('b'));
      declareExchange('b', 'direct', to('c'));
      declareExchange('c', 'direct', to('a'));
      expect(route('a', 'k')).toEqual([]);
      bind('c', 'k', declareQueue('q'));
      expect(route('a', 'k')).toEqual(['q']);
    });

    test('belongs to an exchange that was reached through another too', () => {
      declareExchange('x', 'direct', to('rest'));
      declareExchange('rest', 'fanout');
      bind('amq.fanout', '', 'x');
      bind('rest', '', declareQueue('q'));
      expect(route('amq.fanout', 'k')).toEqual(['q']);
    });

    test('may be missing, come later and go', () => {
      declareExchange('x', 'direct', to('rest'));
      expect([route('x', 'k'), route('x', 'k')]).toEqual([[], []]);
      declareExchange('rest', 'fanout');
      bind('rest', '', declareQueue('q'));
      expect([route('x', 'k'), route('x', 'k')]).toEqual([['q'], ['q']]);
      vhost.deleteExchange('rest', false);
      expect(route('x', 'k')).toEqual([]);
    });

    test('may be the default exchange', () => {
      declareExchange('x', 'direct', to(''));
      declareQueue('q');
      expect(route('x', 'q')).toEqual(['q']);
    });
  });

  test('where headers have a say, no route is remembered by key', () => {
    declareExchange('x', 'fanout');
    bind('x', '', 'amq.headers');
    bind('amq.headers', '', declareQueue('q'), { a: int(1) });
    expect(route('x', 'k')).toEqual([]);
    expect(route('x', 'k', { a: int(1) })).toEqual(['q']);
    expect(route('x', 'k', { a: int(2) })).toEqual([]);
  });

  test('several keys reach what any of them reaches, once', () => {
    bind('amq.direct', 'a', declareQueue('1'));
    bind('amq.direct', 'b', vhost.queue('1')!);
    bind('amq.direct', 'c', declareQueue('2'));
    const content = messageTo('amq.direct', 'a');
    const { queues } = vhost.router.route(content, vhost.requireExchange('amq.direct'), [
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(queues.map(({ name }) => name).sort()).toEqual(['1', '2']);
  });
});

/** What a test may do to the topology, as data. */
const names = fc.constantFrom('a', 'b', 'c', 'd');
const keys = fc.constantFrom('', 'k', 'k.l', '*', '#');
const argument = fc.constantFrom<Fields>({}, { h: int(1) }, { h: int(2), 'x-match': text('any') });
const change = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('exchange' as const),
      name: names,
      type: fc.constantFrom('direct', 'fanout', 'topic', 'headers'),
      alternate: fc.option(names),
      autoDelete: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('queue' as const), name: names }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('bind' as const, 'unbind' as const),
      source: names,
      toQueue: fc.boolean(),
      to: names,
      key: keys,
      argument,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('delete exchange' as const, 'delete queue' as const),
      name: names,
    }),
  },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(step: Change): void {
  switch (step.kind) {
    case 'exchange': {
      if (vhost.exchange(step.name)) return;
      const fields = step.alternate ? { 'alternate-exchange': text(step.alternate) } : {};
      declareExchange(step.name, step.type, {
        autoDelete: step.autoDelete,
        arguments: table(fields),
      });
      return;
    }
    case 'queue':
      declareQueue(step.name);
      return;
    case 'delete exchange':
      vhost.deleteExchange(step.name, false);
      return;
    case 'delete queue': {
      const queue = vhost.queue(step.name);
      if (queue) vhost.deleteQueue(queue);
      return;
    }
    default: {
      const source = vhost.exchange(step.source);
      const to = step.toQueue ? vhost.queue(step.to) : vhost.exchange(step.to);
      if (!source || !to) return;
      if (step.kind === 'bind') vhost.bind(source, to, step.key, table(step.argument));
      else vhost.unbind(source, to, step.key, table(step.argument));
    }
  }
}

test('a remembered route is what a fresh walk finds, after any change of the topology', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      vhost = new VHost('/', {
        clock: new ManualClock(),
        turn: new Turn(new ManualClock()),
        store: new MessageStore(),
        record: () => {},
        nextLogId: () => 0,
        random: systemRandom,
        log: silentLog,
      });
      const messages = ['', 'a', 'b', 'c', 'd'].flatMap((exchange) =>
        ['', 'a', 'k', 'k.l', 'k.m'].flatMap((key) =>
          [none, table({ h: int(1) })].map((headers) => ({
            exchange,
            key,
            content: messageTo(exchange, key, headers),
          })),
        ),
      );
      for (const step of steps) {
        apply(step);
        for (const { exchange: name, key, content } of messages) {
          const exchange = vhost.exchange(name);
          const remembered = vhost.router.remembered(content);
          if (!exchange) {
            if (remembered) throw new Error(`route of ${name}, which is gone`);
            continue;
          }
          const fresh = new Set(vhost.router.route(content, exchange, [key]).queues);
          for (const found of [remembered, vhost.router.find(content, exchange)]) {
            if (!found?.queues) continue;
            const isSame =
              found.exchange === exchange &&
              found.queues.length === fresh.size &&
              found.queues.every((queue) => fresh.has(queue));
            if (!isSame) throw new Error(`route of ${name}/${key} after ${JSON.stringify(step)}`);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});
