// Users and vhosts coming, changing and going: who may do what, who is thrown out, what is refused.
import { beforeEach, describe, expect, test } from 'vitest';
import { logIn } from '../../test/support/login.ts';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { systemRandom } from '../platform/random.ts';
import type { AmqpError } from '../protocol/amqp-error.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { Broker } from './broker.ts';
import type { OpenConnection } from './connections.ts';
import { OperatorError } from './operator-error.ts';
import type { User } from './user.ts';
import type { VHost } from './vhost.ts';

let broker: Broker;

beforeEach(() => {
  broker = new Broker(
    { clock: new ManualClock(), random: systemRandom, log: silentLog },
    { memoryLimitBytes: 2 ** 30, maxMessageBytes: 1000 },
  );
});

/** A connection that goes as soon as it is told. */
class Guest implements OpenConnection {
  readonly user: User;
  readonly vhost: VHost;
  channelCount = 0;
  closedWith: string | undefined;
  timesChanged = 0;

  constructor(user: User, vhost = '/') {
    this.user = user;
    this.vhost = broker.vhosts.require(vhost);
    broker.connections.checkMayOpen(this.user, this.vhost);
    broker.connections.add(this);
  }

  close({ message }: AmqpError): void {
    this.closedWith = message;
    broker.connections.remove(this);
    this.vhost.deleteQueuesOf(this);
  }

  permissionsChanged(): void {
    this.timesChanged += 1;
  }
}

const everything = { configure: '.*', write: '.*', read: '.*' };
const knows = (name: string, password: string) =>
  'user' in logIn(broker, name, password, '10.0.0.1');

function addUser(name = 'ann'): User {
  const user = broker.users.add(name, broker.hashPassword('secret'), ['management']);
  broker.users.setPermission(name, '/', everything);
  return user;
}

function declare(vhost: string, name: string, exclusive?: object) {
  const properties = { name, durable: false, autoDelete: false, arguments: FieldTable.empty };
  return broker.vhosts
    .require(vhost)
    .declareQueue({ ...properties, exclusive: exclusive !== undefined }, exclusive ?? {}, false);
}

function refusal(run: () => void): [problem: string, text: string] {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return [(error as OperatorError).problem, (error as OperatorError).message];
  }
  return ['none', ''];
}

describe('users', () => {
  test('come with a password and tags; the password may change and go', () => {
    const user = addUser();
    const guest = new Guest(user);
    expect([...user.tags]).toEqual(['management']);
    expect([knows('ann', 'secret'), knows('ann', 'other')]).toEqual([true, false]);
    broker.users.setPassword('ann', broker.hashPassword('other'));
    expect([knows('ann', 'secret'), knows('ann', 'other')]).toEqual([false, true]);
    broker.users.clearPassword('ann');
    expect([knows('ann', 'other'), knows('ann', '')]).toEqual([false, false]);
    broker.users.setTags('ann', []);
    expect([...user.tags]).toEqual([]);
    expect(guest.closedWith).toBeUndefined();
  });

  test('a user that is deleted is thrown out, and others stay', () => {
    const [ann, bob] = [addUser('ann'), addUser('bob')];
    const [a, b] = [new Guest(ann), new Guest(bob)];
    broker.users.delete('ann');
    expect([a.closedWith, b.closedWith]).toEqual([
      "CONNECTION_FORCED - user 'ann' is deleted",
      undefined,
    ]);
    expect([...broker.connections.values()]).toEqual([b]);
    expect(knows('ann', 'secret')).toBe(false);
    // Somebody who has logged in and not opened a vhost yet.
    expect(ann.mayEnter('/')).toBe(false);
  });

  test.each<[string, () => void, [string, string]]>([
    ['a second one', () => addUser('guest'), ['exists', 'User "guest" already exists']],
    ['no name', () => addUser(''), ['invalid', 'user cannot be an empty string']],
    ['delete', () => broker.users.delete('no'), ['not-found', 'User "no" does not exist']],
    ['tags', () => broker.users.setTags('no', []), ['not-found', 'User "no" does not exist']],
    [
      'a vhost that is not there',
      () => broker.users.setPermission('guest', 'no', everything),
      ['not-found', "Virtual host 'no' does not exist"],
    ],
    [
      'a pattern that is none',
      () => broker.users.setPermission('guest', '/', { ...everything, write: '(' }),
      ['invalid', "invalid regular expression '(': missing ) at 1"],
    ],
    [
      'a topic pattern that is none',
      () => broker.users.setTopicPermission('guest', '/', 'amq.topic', { write: '[', read: '' }),
      ['invalid', "invalid regular expression '[': missing terminating ] for character class at 1"],
    ],
    [
      'an unknown limit',
      () => broker.users.setLimits('guest', { 'max-foo': 1 }),
      ['invalid', 'Unrecognised terms [{<<"max-foo">>,1}] in user-limits'],
    ],
    [
      'a limit that is no number',
      () => broker.users.setLimits('guest', { 'max-channels': 'x' }),
      ['invalid', 'max-channels should be a number, actually was <<"x">>'],
    ],
  ])('refused: %s', (_, run, expected) => expect(refusal(run)).toEqual(expected));
});

describe('permissions', () => {
  test('may change and go; connections of the user are told, and stay', () => {
    const user = addUser();
    const [guest, other] = [new Guest(user), new Guest(addUser('bob'))];
    broker.users.setPermission('ann', '/', { configure: '', write: '^w', read: '' });
    expect(user.may('write', 'queue', 'w1', '/')).toBe(true);
    expect(user.may('configure', 'queue', 'w1', '/')).toBe(false);
    broker.users.clearPermission('ann', '/');
    expect([user.mayEnter('/'), user.may('write', 'queue', 'w1', '/')]).toEqual([false, false]);
    expect([guest.timesChanged, guest.closedWith, other.timesChanged]).toEqual([2, undefined, 0]);
  });

  test('topic permissions are about routing keys of one topic exchange', () => {
    const user = addUser('a.n');
    const vhost = broker.vhosts.require('/');
    const topic = vhost.requireExchange('amq.topic');
    const may = (operation: 'write' | 'read', key: string, exchange = 'amq.topic') => {
      try {
        user.requireTopic(operation, vhost.requireExchange(exchange), key, '/');
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: 403 });
        return false;
      }
    };
    expect([user.hasTopicPermissions, may('write', 'x')]).toEqual([false, true]);
    broker.users.setTopicPermission('a.n', '/', 'amq.topic', {
      write: '^{username}\\.{vhost}$',
      read: '',
    });
    expect(user.hasTopicPermissions).toBe(true);
    expect(['a.n./', 'axn./', 'a.n.x'].map((key) => may('write', key))).toEqual([
      true,
      false,
      false,
    ]);
    expect([may('read', ''), may('read', 'x')]).toEqual([true, false]);
    expect(may('write', 'x', 'amq.direct')).toBe(true);
    expect(() => user.requireTopic('write', topic, 'k', '/')).toThrow(
      "ACCESS_REFUSED - write access to topic 'k' in exchange 'amq.topic' in vhost '/' refused for user 'a.n'",
    );
    broker.users.clearTopicPermission('a.n', '/');
    expect([user.hasTopicPermissions, may('write', 'x')]).toEqual([false, true]);
  });
});

describe('limits', () => {
  test('of a user: connections, and channels on all of them', () => {
    const user = addUser();
    const first = new Guest(user);
    broker.users.setLimits('ann', { 'max-connections': 2, 'max-channels': 3 });
    const second = new Guest(user);
    expect(() => new Guest(user)).toThrow(
      "NOT_ALLOWED - connection refused for user 'ann': user connection limit (2) is reached",
    );
    [first.channelCount, second.channelCount] = [1, 1];
    broker.connections.checkMayOpenChannel(user);
    second.channelCount = 2;
    expect(() => broker.connections.checkMayOpenChannel(user)).toThrow(
      "NOT_ALLOWED - number of channels opened for user 'ann' has reached the maximum allowed user limit of (3)",
    );
    new Guest(addUser('bob'));
    broker.users.clearLimit('ann', 'max-channels');
    broker.connections.checkMayOpenChannel(user);
    expect(user.limits).toEqual({ maxConnections: 2 });
    broker.users.clearLimit('ann', 'all');
    new Guest(user);
    broker.users.setLimits('ann', { 'max-connections': -1 });
    new Guest(user);
  });

  test('of a vhost: connections', () => {
    const user = addUser();
    broker.vhosts.add('v').setLimits({ 'max-connections': 1 });
    const guest = new Guest(user, 'v');
    new Guest(user);
    expect(() => new Guest(user, 'v')).toThrow(
      "NOT_ALLOWED - access to vhost 'v' refused for user 'ann': connection limit (1) is reached",
    );
    broker.connections.remove(guest);
    new Guest(user, 'v');
  });

  test('of a vhost: queues, exclusive ones too; those that are there may be declared again', () => {
    const vhost = broker.vhosts.add('v');
    declare('v', 'one');
    vhost.setLimits({ 'max-queues': 2 });
    declare('v', 'two', {});
    declare('v', 'one');
    expect(() => declare('v', 'three', {})).toThrow(
      "PRECONDITION_FAILED - cannot declare queue 'three': queue limit in vhost 'v' (2) is reached",
    );
    vhost.deleteQueue(vhost.queue('one')!);
    declare('v', 'three');
    vhost.setLimits({ 'max-queues': 0 });
    expect(() => declare('v', 'four')).toThrow(/\(0\) is reached/);
    vhost.setLimits({});
    declare('v', 'four');
  });

  test.each([
    [{ 'max-foo': 1 }, 'Validation failed\n\nUnrecognised terms [{<<"max-foo">>,1}] in limits\n'],
    [
      { 'max-queues': 'x' },
      'Validation failed\n\nmax-queues should be a number, actually was <<"x">>\n',
    ],
    [[], 'Validation failed\n\nlimits should be a JSON object\n'],
  ])('%j are none', (limits, text) => {
    expect(refusal(() => broker.vhosts.require('/').setLimits(limits))).toEqual(['invalid', text]);
  });
});

describe('vhosts', () => {
  test('come with what they say of themselves, and are changed by adding them again', () => {
    const vhost = broker.vhosts.add('v', { description: 'mine', tags: ['a'] });
    expect(broker.vhosts.add('v', { tags: ['b'] })).toBe(vhost);
    expect(vhost.metadata).toEqual({ description: 'mine', tags: ['b'] });
    expect(broker.vhosts.require('/').metadata.description).toBe('Default virtual host');
    expect(refusal(() => broker.vhosts.add(''))[0]).toBe('invalid');
  });

  test('a vhost that is deleted takes its connections, its queues and what users may do there', () => {
    const vhost = broker.vhosts.add('v');
    const user = addUser();
    broker.users.setPermission('ann', 'v', everything);
    broker.users.setTopicPermission('ann', 'v', 'amq.topic', { write: '', read: '' });
    const [there, elsewhere] = [new Guest(user, 'v'), new Guest(user)];
    const queues = [declare('v', 'plain'), declare('v', 'mine', there), declare('/', 'plain')];
    broker.vhosts.delete('v');
    expect([there.closedWith, elsewhere.closedWith]).toEqual([
      "CONNECTION_FORCED - vhost 'v' is deleted",
      undefined,
    ]);
    expect(queues.map(({ isDeleted }) => isDeleted)).toEqual([true, true, false]);
    expect([user.mayEnter('v'), user.hasTopicPermissions]).toEqual([false, false]);
    expect(broker.vhost('v')).toBeUndefined();
    const again = broker.vhosts.add('v');
    expect(again).not.toBe(vhost);
    expect([...again.queues]).toEqual([]);
    expect(refusal(() => broker.vhosts.delete('no'))).toEqual([
      'not-found',
      "Virtual host 'no' does not exist",
    ]);
  });

  test('one that is protected stays', () => {
    broker.vhosts.add('v', { isProtected: true });
    expect(refusal(() => broker.vhosts.delete('v'))[0]).toBe('protected');
    broker.vhosts.add('v', { isProtected: false });
    broker.vhosts.delete('v');
  });

  test('the default type is that of queues that name none and can be of it', () => {
    broker.vhosts.add('v', { defaultQueueType: 'classic' });
    const typeOf = (name: string) => declare('v', name).arguments.get('x-queue-type');
    expect(typeOf('q')).toEqual({ type: 'S', value: 'classic' });
    broker.vhosts.add('v', { defaultQueueType: 'quorum' });
    // Not durable, so it cannot be one.
    expect(typeOf('transient')).toBeUndefined();
  });
});

test('global parameters', () => {
  broker.setGlobalParameter('cluster_name', 'one');
  broker.setGlobalParameter('tags', { a: [1] });
  expect([...broker.globalParameters()]).toEqual([
    { name: 'cluster_name', value: 'one' },
    { name: 'tags', value: { a: [1] } },
  ]);
  broker.clearGlobalParameter('tags');
  expect([broker.globalParameter('tags'), broker.globalParameter('cluster_name')]).toEqual([
    undefined,
    'one',
  ]);
  expect(refusal(() => broker.clearGlobalParameter('tags'))).toEqual([
    'not-found',
    'Parameter does not exist',
  ]);
});
