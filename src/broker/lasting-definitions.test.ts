// What operators have set up is there after a restart, from the journal as it grew and from one that was written anew.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idle } from '../../test/support/log-harness.ts';
import { logIn } from '../../test/support/login.ts';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { DataDirectory } from '../store/data-directory.ts';
import { Broker } from './broker.ts';
import { OperatorError } from './operator-error.ts';

let unique = 0;

function place(): { files: MemoryFiles; path: string } {
  unique += 1;
  return { files: new MemoryFiles(), path: `/lasting-${unique}` };
}

function start(files: MemoryFiles, path: string): Broker {
  return new Broker(
    { clock: systemClock, random: systemRandom, log: silentLog },
    { memoryLimitBytes: 2 ** 30, maxMessageBytes: 2 ** 20 },
    new DataDirectory(files, path, { own: 1, identity: () => undefined }),
  );
}

function declare(broker: Broker, vhost: string, name: string) {
  const flags = { durable: true, exclusive: false, autoDelete: false };
  const properties = { ...flags, name, arguments: FieldTable.empty };
  return broker.vhosts.require(vhost).declareQueue(properties, {}, false);
}

const everything = { configure: '.*', write: '.*', read: '.*' };
const policyOf = (broker: Broker, vhost: string, queue: string) => {
  const found = broker.vhosts.require(vhost);
  return found.policies.definitionFor(found.queue(queue)!);
};

/** Everything there is, in no order. */
function said(broker: Broker): unknown {
  return sorted({
    users: [...broker.users.values()].map((user) => ({
      ...user.entry,
      permissions: [...user.permissions].map(([vhost, { patterns }]) => [vhost, patterns]),
      topics: [...user.topicPermissions].map(([vhost, byExchange]) => [
        vhost,
        [...byExchange].map(([exchange, { patterns }]) => [exchange, patterns]),
      ]),
    })),
    vhosts: [...broker.vhosts.values()].map((vhost) => [
      vhost.name,
      vhost.metadata,
      vhost.limits,
      [...vhost.queues].map(({ name, effective }) => [name, effective.entries]),
      [...vhost.policies.list('policy')].map(({ properties }) => properties),
      [...vhost.policies.list('operatorPolicy')].map(({ properties }) => properties),
      [...vhost.parameters.values()],
    ]),
    globalParameters: [...broker.globalParameters()],
  });
}

/** The same whatever the order of lists. */
function sorted(value: unknown): unknown {
  const plain = JSON.parse(
    JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? Number(it) : it)),
  ) as unknown;
  return JSON.parse(JSON.stringify(plain), (_, it) =>
    Array.isArray(it)
      ? it.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : it,
  );
}

function setUp(broker: Broker): void {
  const { users, vhosts } = broker;
  const v = vhosts.add('v', { description: 'mine', tags: ['t'], defaultQueueType: 'classic' });
  vhosts.add('gone');
  declare(broker, 'gone', 'lost');
  declare(broker, 'v', 'jobs');
  v.setLimits({ 'max-queues': 7 });
  v.policies.set('policy', { name: 'p', pattern: '^j', definition: { 'max-length': 5 } });
  v.policies.set('policy', { name: 'gone', pattern: '^j', definition: { 'max-length': 1 } });
  v.policies.set('operatorPolicy', { name: 'o', pattern: '', definition: { expires: 1000 } });
  v.policies.clear('policy', 'gone');
  v.parameters.set({ component: 'shovel', name: 's', value: { a: 1 } });
  users.add('ann', broker.hashPassword('secret'), ['monitoring', 'mine']);
  users.add('bob', { hash: 'GDqHEUdkNlGTSbmZfwsyvvSmdZc=', algorithm: 'md5' });
  users.add('gone', broker.hashPassword('secret'));
  users.setPermission('ann', 'v', { configure: '', write: '^w', read: '.*' });
  users.setPermission('ann', 'gone', everything);
  users.setPermission('bob', 'v', everything);
  users.clearPermission('bob', 'v');
  users.setTopicPermission('ann', 'v', 'amq.topic', { write: '^{username}', read: '' });
  users.setLimits('ann', { 'max-connections': 3 });
  users.delete('gone');
  vhosts.delete('gone');
  broker.setGlobalParameter('cluster_name', 'one');
  broker.setGlobalParameter('gone', 1);
  broker.clearGlobalParameter('gone');
}

function expectSetUp(broker: Broker): void {
  const ann = broker.users.require('ann');
  expect(logIn(broker, 'ann', 'secret', '10.0.0.1')).toEqual({ user: ann });
  expect('user' in logIn(broker, 'bob', 'secret', '10.0.0.1')).toBe(true);
  expect(ann.may('write', 'queue', 'w', 'v')).toBe(true);
  expect(ann.may('configure', 'queue', 'w', 'v')).toBe(false);
  expect(policyOf(broker, 'v', 'jobs')).toEqual({ expires: 1000, 'max-length': 5 });
  expect([...broker.vhosts.values()].map(({ name }) => name)).toEqual(['/', 'v']);
  expect([...broker.users.values()].map(({ name }) => name)).toEqual(['guest', 'ann', 'bob']);
}

test('after a crash, after a stop, and once more', async () => {
  const { files, path } = place();
  const first = start(files, path);
  setUp(first);
  expectSetUp(first);
  const expected = said(first);
  await first.synced();
  const crashed = files.copy();
  await first.close();
  for (const left of [crashed, files]) {
    // The first start reads what was appended, the second what the first has written anew.
    for (let i = 0; i < 2; i++) {
      const next = start(left, path);
      expectSetUp(next);
      expect(said(next)).toEqual(expected);
      await next.close();
    }
  }
});

test('nothing is promised before it is on disk', async () => {
  const { files, path } = place();
  const broker = start(files, path);
  await broker.synced();
  broker.users.add('ann', broker.hashPassword('secret'));
  expect(start(files.copy(), path).users.get('ann')).toBeUndefined();
  await broker.synced();
  expect(start(files.copy(), path).users.get('ann')?.name).toBe('ann');
});

test('the user guest is made in a new directory only: one that was deleted stays away', async () => {
  const { files, path } = place();
  const first = start(files, path);
  first.users.add('admin', first.hashPassword('secret'), ['administrator']);
  first.users.delete('guest');
  await first.close();
  const next = start(files, path);
  expect([...next.users.values()].map(({ name }) => name)).toEqual(['admin']);
  next.vhosts.add('other');
  next.vhosts.delete('/');
  await next.close();
  const last = start(files, path);
  expect([...last.vhosts.values()].map(({ name }) => name)).toEqual(['other']);
});

test('guest with another password keeps it', async () => {
  const { files, path } = place();
  const first = start(files, path);
  first.users.setPassword('guest', first.hashPassword('other'));
  await first.close();
  const next = start(files, path);
  expect('refusal' in logIn(next, 'guest', 'guest', '127.0.0.1')).toBe(true);
  expect('user' in logIn(next, 'guest', 'other', '127.0.0.1')).toBe(true);
});

test('a journal of a version that knew no users: queues are there, and so are guest and /', async () => {
  const { files, path } = place();
  const first = start(files, path);
  declare(first, '/', 'old');
  await first.close();
  const journal = `${path}/definitions.journal`;
  const old = (files.readText(journal) ?? '')
    .split('\n')
    .filter((line) => line.includes('"queue"'));
  expect(old.length).toBe(1);
  files.replaceText(journal, `${old[0]}\n`);
  const next = start(files, path);
  expect(next.vhosts.require('/').queue('old')?.name).toBe('old');
  expect('user' in logIn(next, 'guest', 'guest', '127.0.0.1')).toBe(true);
});

test('a vhost that was deleted may be added again, with queues of the same names', async () => {
  const { files, path } = place();
  const first = start(files, path);
  first.vhosts.add('v');
  const before = declare(first, 'v', 'q').logId;
  first.vhosts.delete('v');
  first.vhosts.add('v');
  const after = declare(first, 'v', 'q').logId;
  expect(after).toBeGreaterThan(before);
  for (let i = 0; i < 5; i++) await idle();
  const next = start(files.copy(), path);
  expect(next.vhosts.require('v').queue('q')?.logId).toBe(after);
});

test('whatever operators do, the next broker is what this one was', async () => {
  const vhost = fc.constantFrom('/', 'v', 'w');
  const name = fc.constantFrom('a', 'b');
  const kind = fc.constantFrom('policy' as const, 'operatorPolicy' as const);
  const number = fc.nat(3);
  const pattern = fc.constantFrom('', '^a', 'b$');
  type Change = (broker: Broker) => void;
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.tuple(vhost, name).map(
      ([v, it]): Change =>
        (b) =>
          void b.vhosts.add(v, { tags: [it] }),
    ),
    vhost.map(
      (v): Change =>
        (b) =>
          b.vhosts.delete(v),
    ),
    fc.tuple(vhost, name).map(
      ([v, it]): Change =>
        (b) =>
          void declare(b, v, it),
    ),
    fc.tuple(vhost, number).map(
      ([v, n]): Change =>
        (b) =>
          b.vhosts.require(v).setLimits({ 'max-queues': n }),
    ),
    fc.tuple(vhost, kind, name, pattern, number).map(
      ([v, k, it, p, n]): Change =>
        (b) =>
          b.vhosts.require(v).policies.set(k, {
            name: it,
            pattern: p,
            priority: n,
            definition: { 'max-length': n },
          }),
    ),
    fc.tuple(vhost, kind, name).map(
      ([v, k, it]): Change =>
        (b) =>
          b.vhosts.require(v).policies.clear(k, it),
    ),
    fc.tuple(vhost, name, number).map(
      ([v, it, value]): Change =>
        (b) =>
          b.vhosts.require(v).parameters.set({ component: 'shovel', name: it, value }),
    ),
    fc.tuple(vhost, name).map(
      ([v, it]): Change =>
        (b) =>
          b.vhosts.require(v).parameters.clear('shovel', it),
    ),
    name.map(
      (it): Change =>
        (b) =>
          void b.users.add(it, b.hashPassword(it)),
    ),
    fc.constantFrom('a', 'b', 'guest').map(
      (it): Change =>
        (b) =>
          b.users.delete(it),
    ),
    fc.tuple(name, name).map(
      ([it, tag]): Change =>
        (b) =>
          b.users.setTags(it, [tag]),
    ),
    name.map(
      (it): Change =>
        (b) =>
          b.users.clearPassword(it),
    ),
    fc.tuple(name, number).map(
      ([it, n]): Change =>
        (b) =>
          b.users.setLimits(it, { 'max-channels': n }),
    ),
    name.map(
      (it): Change =>
        (b) =>
          b.users.clearLimit(it, 'all'),
    ),
    fc.tuple(name, vhost, pattern).map(
      ([it, v, p]): Change =>
        (b) =>
          b.users.setPermission(it, v, { ...everything, write: p }),
    ),
    fc.tuple(name, vhost).map(
      ([it, v]): Change =>
        (b) =>
          b.users.clearPermission(it, v),
    ),
    fc.tuple(name, vhost, name, pattern).map(
      ([it, v, x, p]): Change =>
        (b) =>
          b.users.setTopicPermission(it, v, x, { write: p, read: '' }),
    ),
    fc.tuple(name, vhost).map(
      ([it, v]): Change =>
        (b) =>
          b.users.clearTopicPermission(it, v),
    ),
    fc.tuple(name, number).map(
      ([it, n]): Change =>
        (b) =>
          b.setGlobalParameter(it, n),
    ),
    name.map(
      (it): Change =>
        (b) =>
          b.clearGlobalParameter(it),
    ),
  );
  let refused = 0;
  let done = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 20, maxLength: 60, size: 'max' }),
      async (changes) => {
        const { files, path } = place();
        const broker = start(files, path);
        // Something that stays, so that a broker without users and vhosts is not taken for a new one.
        for (const it of ['stays', 'a', 'b']) broker.users.add(it, broker.hashPassword('secret'));
        for (const it of ['v', 'w']) broker.vhosts.add(it);
        for (const apply of changes) {
          try {
            apply(broker);
            done += 1;
          } catch (error) {
            const isLimit = (error as Error).message.includes('queue limit in vhost');
            if (!(error instanceof OperatorError) && !isLimit) throw error;
            refused += 1;
          }
        }
        const expected = said(broker);
        await broker.synced();
        const next = start(files.copy(), path);
        expect(said(next)).toEqual(expected);
        await next.close();
        await broker.close();
      },
    ),
    { numRuns: 60 },
  );
  // Most changes are possible, so the brokers were not empty.
  expect(done).toBeGreaterThan(refused);
});
