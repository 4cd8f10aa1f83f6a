// Policies at work in a vhost: they take effect when they, a queue or an exchange come, change or go.
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { MessageStore } from '../../store/message-store.ts';
import type { Definition } from '../definitions.ts';
import { integerOf, textOf } from '../equivalence.ts';
import type { JsonObject } from '../json.ts';
import type { Queue } from '../queue/queue.ts';
import { Turn } from '../turn.ts';
import { VHost } from '../vhost.ts';

const none = FieldTable.empty;
const me = {};

let vhost: VHost;
let recorded: Definition[];
let warnings: string[];

function newVHost(): VHost {
  recorded = [];
  warnings = [];
  const clock = new ManualClock();
  return new VHost('/', {
    turn: new Turn(clock),
    clock,
    store: new MessageStore(),
    record: (definition) => void recorded.push(definition),
    nextLogId: () => 0,
    random: systemRandom,
    log: { write: (_level, text) => void warnings.push(text) },
  });
}

beforeEach(() => {
  vhost = newVHost();
});

function declare(name: string, queueArguments = none, exclusive = false): Queue {
  const flags = { durable: false, autoDelete: false };
  const properties = { ...flags, name, exclusive, arguments: queueArguments };
  return vhost.declareQueue(properties, me, name.startsWith('amq.'));
}

function declareExchange(name: string, exchangeArguments = none) {
  const flags = { durable: false, autoDelete: false, internal: false };
  vhost.declareExchange({ ...flags, name, type: 'fanout', arguments: exchangeArguments });
  return vhost.requireExchange(name);
}

const set = (name: string, pattern: string, definition: JsonObject, priority = 0) =>
  vhost.policies.set('policy', { name, pattern, definition, priority });
const limit = (name: string, pattern: string, definition: JsonObject) =>
  vhost.policies.set('operatorPolicy', { name, pattern, definition });
const maxLength = (queue: Queue) => integerOf(queue.effective.get('x-max-length'));

test('a policy is there for queues before and after it, exclusive and server-named ones too', () => {
  const before = declare('jobs');
  set('p', 'jobs|gen', { 'max-length': 5 });
  const after = [
    declare('jobs.later'),
    declare('jobs.mine', none, true),
    declare(vhost.generateQueueName()),
  ];
  expect([before, ...after].map(maxLength)).toEqual([5n, 5n, 5n, 5n]);
  expect(maxLength(declare('other'))).toBeUndefined();
});

test('a policy that changes or goes takes effect at once', () => {
  const queue = declare('jobs', new FieldTable([['x-max-length', { type: 'I', value: 8 }]]));
  set('p', '^jobs', { 'max-length': 5 });
  expect(maxLength(queue)).toBe(5n);
  set('p', '^jobs', { 'max-length': 20 });
  expect(maxLength(queue)).toBe(8n);
  limit('o', '.*', { 'max-length': 3 });
  expect(maxLength(queue)).toBe(3n);
  set('p', '^other', { 'max-length': 1 });
  expect(maxLength(queue)).toBe(3n);
  vhost.policies.clear('operatorPolicy', 'o');
  expect(queue.effective).toEqual(queue.arguments);
});

test('of two policies one counts, alone', () => {
  const queue = declare('jobs');
  set('low', '.*', { 'max-length': 5, 'message-ttl': 7 }, 1);
  set('high', '^jobs', { 'max-length': 9 }, 2);
  expect(queue.effective.entries.map(([name]) => name)).toEqual(['x-max-length']);
  const { policy, operatorPolicy } = vhost.policies.appliedTo(queue);
  expect([policy?.name, operatorPolicy?.name]).toEqual(['high', undefined]);
  expect(vhost.policies.definitionFor(queue)).toEqual({ 'max-length': 9 });
  vhost.policies.clear('policy', 'high');
  expect(vhost.policies.definitionFor(queue)).toEqual({ 'max-length': 5, 'message-ttl': 7 });
});

test('a queue is told only what is new', () => {
  const queue = declare('jobs');
  const applied: FieldTable[] = [];
  const apply = queue.apply.bind(queue);
  queue.apply = (effective) => {
    applied.push(effective);
    apply(effective);
  };
  set('p', '^jobs', { 'max-length': 5 });
  set('other', '^other', { 'max-length': 5 });
  vhost.policies.clear('policy', 'other');
  expect(applied.length).toBe(1);
  set('p', '^jobs', { 'max-length': 6 });
  expect(applied.length).toBe(2);
});

test('a policy gives an exchange its alternate, but for one that names its own, and for the default one', () => {
  const [plain, own] = [
    declareExchange('plain'),
    declareExchange('own', new FieldTable([['alternate-exchange', { type: 'S', value: 'mine' }]])),
  ];
  set('ae', '.*', { 'alternate-exchange': 'amq.fanout' });
  const alternates = () =>
    [plain, own, vhost.requireExchange('amq.direct'), vhost.requireExchange('')].map(
      ({ alternate }) => alternate,
    );
  expect(alternates()).toEqual(['amq.fanout', 'mine', 'amq.fanout', undefined]);
  expect(declareExchange('later').alternate).toBe('amq.fanout');
  vhost.policies.clear('policy', 'ae');
  expect(alternates()).toEqual([undefined, 'mine', undefined, undefined]);
});

test('what is refused changes nothing; clearing what is not there is refused', () => {
  const queue = declare('jobs');
  set('p', '.*', { 'max-length': 5 });
  recorded = [];
  expect(() => set('p', '.*', { 'max-length': -1 })).toThrow('-1 is not a valid maximum length');
  expect(() => set('p', '(', { 'max-length': 1 })).toThrow('regular expression');
  expect(() => vhost.policies.clear('policy', 'nope')).toThrow('Parameter does not exist');
  expect(() => vhost.policies.clear('operatorPolicy', 'p')).toThrow('Parameter does not exist');
  expect([maxLength(queue), recorded]).toEqual([5n, []]);
});

test('keys of mirrored queues are accepted, and said to be without effect', () => {
  set('ha', '.*', { 'ha-mode': 'all', 'max-length': 5 });
  expect(maxLength(declare('jobs'))).toBe(5n);
  expect(warnings).toEqual(["policy 'ha' in vhost '/': ha-mode accepted, but without effect"]);
});

test('every change is recorded, and what was recorded makes the same vhost', () => {
  declare('jobs');
  set('p', '^jobs', { 'max-length': 5 }, 3);
  set('q', '^q', { 'max-length': 6 });
  limit('o', '.*', { 'message-ttl': 6 });
  vhost.policies.clear('policy', 'q');
  vhost.parameters.set({ component: 'shovel', name: 's', value: { a: [1, null] } });
  vhost.parameters.set({ component: 'shovel', name: 't', value: 1 });
  vhost.parameters.clear('shovel', 't');
  const entries = JSON.parse(JSON.stringify(recorded)) as Definition[];
  const expected = [...vhost.definitions()];
  vhost = newVHost();
  for (const entry of entries) vhost.restore(entry as Parameters<VHost['restore']>[0]);
  vhost.restored();
  expect([...vhost.definitions()]).toEqual(expected);
  expect(recorded).toEqual([]);
  expect(vhost.policies.definitionFor(declare('jobs'))).toEqual({
    'max-length': 5,
    'message-ttl': 6,
  });
});

test('parameters of other components', () => {
  const setParameter = (component: string, value: JsonObject) =>
    vhost.parameters.set({ component, name: 'x', value });
  expect(() => setParameter('foo', {})).toThrow('Validation failed\n\ncomponent foo not found\n');
  expect(() => setParameter('policy', {})).toThrow('policies may not be set using this method');
  expect(() => vhost.parameters.clear('shovel', 'x')).toThrow('Parameter does not exist');
  setParameter('vhost-limits', { 'max-queues': 7 });
  expect(vhost.limits).toEqual({ maxQueues: 7 });
  setParameter('operator_policy', {
    pattern: '^x',
    'apply-to': 'queues',
    priority: 2,
    definition: { 'max-length': 4 },
  });
  expect(maxLength(declare('x'))).toBe(4n);
  expect([...vhost.parameters.values()]).toEqual([]);
  vhost.parameters.clear('operator_policy', 'x');
  vhost.parameters.clear('vhost-limits', 'limits');
  expect([maxLength(vhost.queue('x')!), vhost.limits]).toEqual([undefined, {}]);
});

/** What a queue must go by, from scratch: sort, filter, fold. */
interface Naive {
  readonly kind: 'policy' | 'operatorPolicy';
  readonly name: string;
  readonly pattern: string;
  readonly priority: number;
  readonly applyTo: string;
  readonly definition: { readonly 'max-length'?: number; readonly overflow?: string };
}

function expected(queue: string, own: number | undefined, all: readonly Naive[]) {
  const best = (kind: Naive['kind']) =>
    all
      .filter((it) => it.kind === kind && it.applyTo !== 'exchanges')
      .filter(({ pattern }) => new RegExp(pattern).test(queue))
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .toSorted((a, b) => b.priority - a.priority)[0]?.definition;
  const [user, operator] = [best('policy'), best('operatorPolicy')];
  const lengths = [own, user?.['max-length'], operator?.['max-length']];
  const given = lengths.filter((it) => it !== undefined);
  return {
    maxLength: given.length > 0 ? Math.min(...given) : undefined,
    overflow: operator?.overflow ?? user?.overflow,
  };
}

test('whatever comes and goes, queues go by what the rules say', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const definition = fc
    .record(
      { 'max-length': fc.nat(20), overflow: fc.constantFrom('drop-head', 'reject-publish') },
      { requiredKeys: [] },
    )
    .filter((it) => Object.keys(it).length > 0);
  const setting = fc.record({
    kind: fc.constantFrom<Naive['kind']>('policy', 'operatorPolicy'),
    name,
    pattern: fc.constantFrom('', '^q', '1$', '^q1|q2$', '^(?!q1)', 'x'),
    priority: fc.integer({ min: -1, max: 2 }),
    applyTo: fc.constantFrom('all', 'queues', 'classic_queues', 'exchanges'),
    definition,
  });
  const step = fc.oneof(
    setting.map((policy) => ({ set: policy })),
    fc
      .record({ kind: fc.constantFrom<Naive['kind']>('policy', 'operatorPolicy'), name })
      .map((clear) => ({ clear })),
    fc
      .record({
        name: fc.constantFrom('q1', 'q2', 'x'),
        own: fc.option(fc.nat(20), { nil: undefined }),
      })
      .map((queue) => ({ queue })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      vhost = newVHost();
      let policies: Naive[] = [];
      const owns = new Map<string, number | undefined>();
      const others = (it: { kind: string; name: string }) =>
        policies.filter(({ kind, name: other }) => kind !== it.kind || other !== it.name);
      for (const it of steps) {
        if ('set' in it) {
          vhost.policies.set(it.set.kind, it.set);
          policies = [...others(it.set), it.set];
        } else if ('clear' in it) {
          if (others(it.clear).length < policies.length) {
            vhost.policies.clear(it.clear.kind, it.clear.name);
          }
          policies = others(it.clear);
        } else if (!owns.has(it.queue.name)) {
          const { name: queue, own } = it.queue;
          const length = new FieldTable([['x-max-length', { type: 'l', value: BigInt(own ?? 0) }]]);
          declare(queue, own === undefined ? none : length);
          owns.set(queue, own);
        }
        for (const queue of vhost.queues) {
          const length = maxLength(queue);
          expect({
            maxLength: length === undefined ? undefined : Number(length),
            overflow: textOf(queue.effective.get('x-overflow')),
          }).toEqual(expected(queue.name, owns.get(queue.name), policies));
        }
      }
    }),
  );
});
