// Who may do what: tags are gates, permissions decide about resources.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
const users = ['plain', 'management', 'policymaker', 'monitoring', 'administrator'] as const;
type Tag = (typeof users)[number];

beforeAll(async () => {
  api = await findApiTarget();
  for (const name of users) {
    await api.put(`users/t.${name}`, { password: name, tags: name === 'plain' ? [] : [name] });
    if (name === 'monitoring') continue;
    const pattern = '^mine';
    await api.put(`permissions/%2F/t.${name}`, {
      configure: pattern,
      write: pattern,
      read: pattern,
    });
  }
  await api.put('queues/%2F/theirs');
}, 60_000);
afterAll(async () => {
  for (const name of users) await api.delete(`users/t.${name}`);
  await api.delete('queues/%2F/theirs');
  await api.close();
});

const as = (tag: Tag) => [`t.${tag}`, tag] as const;
const refused = (reason: string) => ({ status: 401, body: { error: 'not_authorised', reason } });

describe('gates', () => {
  // What each path needs; everybody with more may, too.
  const opens: [string, Tag[], string][] = [
    ['whoami', ['management', 'policymaker', 'monitoring', 'administrator'], 'Not management user'],
    [
      'overview',
      ['management', 'policymaker', 'monitoring', 'administrator'],
      'Not management user',
    ],
    ['parameters', ['policymaker', 'administrator'], 'User not authorised to access object'],
    ['nodes', ['monitoring', 'administrator'], 'Not monitor user'],
    ['users', ['administrator'], 'Not administrator user'],
    ['permissions', ['administrator'], 'Not administrator user'],
    ['definitions', ['administrator'], 'Not administrator user'],
  ];
  const cases = opens.flatMap(([path, allowed, reason]) =>
    users.map((tag) => ({ path, tag, reason: allowed.includes(tag) ? undefined : reason })),
  );
  test.each(cases)('GET $path by $tag: $reason', async ({ path, tag, reason }) => {
    const answer = await api.get(path, { user: as(tag) });
    if (reason === undefined) expect(answer.status).toBe(200);
    else
      expect(answer).toMatchObject(
        tag === 'plain' ? refused('Not management user') : refused(reason),
      );
  });
});

describe('permissions', () => {
  const user = as('management');
  test('decide over names', async () => {
    expect(await api.ask('PUT', 'queues/%2F/mine.1', { user, body: {} })).toMatchObject({
      status: 201,
    });
    expect(await api.ask('PUT', 'queues/%2F/other', { user, body: {} })).toMatchObject(
      refused('Access refused.'),
    );
    expect(await api.ask('DELETE', 'queues/%2F/theirs', { user })).toMatchObject(
      refused('Access refused.'),
    );
    expect(await api.get('queues/%2F/theirs')).toMatchObject({ status: 200 });
    expect(await api.ask('DELETE', 'queues/%2F/mine.1', { user })).toMatchObject({ status: 204 });
  });

  test('fetching messages wants read', async () => {
    const body = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' };
    const right = api.byBroker({ leveret: 'read access', rabbitmq: 'access' });
    expect(await api.ask('POST', 'queues/%2F/theirs/get', { user, body })).toMatchObject(
      refused(
        `ACCESS_REFUSED - ${right} to queue 'theirs' in vhost '/' refused for user 't.management'`,
      ),
    );
  });

  test('for topics decide over routing keys', async () => {
    const all = { configure: '', write: '', read: '' };
    const mine = ['t.topics', 'topics'] as const;
    await api.put('users/t.topics', { password: 'topics', tags: ['management'] });
    await api.put('permissions/%2F/t.topics', { ...all, write: '.*', read: '.*' });
    const topic = { exchange: 'amq.topic', write: '^mine', read: '^mine' };
    await api.put('topic-permissions/%2F/t.topics', topic);
    const ask = (path: string, body: object) => api.ask('POST', path, { user: mine, body });
    const publish = (routing_key: string, headers: object = {}) =>
      ask('exchanges/%2F/amq.topic/publish', {
        routing_key,
        properties: { headers },
        payload: '',
        payload_encoding: 'string',
      });
    const bind = (routing_key: string) => ask('bindings/%2F/e/amq.topic/q/theirs', { routing_key });
    expect(await publish('mine.1')).toMatchObject({ status: 200 });
    expect(await publish('other')).toMatchObject({
      status: api.byBroker({ leveret: 401, rabbitmq: 400 }),
      body: { reason: expect.stringMatching(/ACCESS_REFUSED - .*access to topic 'other'/) },
    });
    expect(await publish('mine.1', { CC: ['other'] })).toMatchObject({
      status: api.byBroker({ leveret: 401, rabbitmq: 200 }),
    });
    expect(await bind('mine.1')).toMatchObject({ status: 201 });
    expect(await bind('other')).toMatchObject({ status: 401 });
    await api.delete('bindings/%2F/e/amq.topic/q/theirs/mine.1');
    await api.delete('users/t.topics');
  });

  test('who may not enter a vhost sees nothing of it', async () => {
    expect(await api.get('queues/%2F', { user: as('monitoring') })).toMatchObject(
      refused('User not authorised to access virtual host'),
    );
    expect(await api.get('queues', { user: as('monitoring') })).toMatchObject({ body: [] });
  });

  test('those who do not monitor see their own connections only', async () => {
    const connection = await api.connect('guest’s');
    await api.eventually('connections', (all: unknown[]) => all.length === 1);
    expect(await api.get('connections', { user })).toMatchObject({ body: [] });
    expect(await api.get('connections', { user: as('monitoring') })).toMatchObject({
      body: [{ user: 'guest' }],
    });
    await connection.close();
  });
});

describe('login', () => {
  test('a wrong password, and none', async () => {
    const wrong = await api.get('whoami', { user: ['guest', 'wrong'] });
    expect(wrong).toMatchObject({
      status: 401,
      body: { error: 'not_authorized', reason: 'Login failed' },
    });
    expect(wrong.headers.get('www-authenticate')).toBe('Basic realm="RabbitMQ Management"');
    const none = await api.get('whoami', { user: null });
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toBe('Basic realm="RabbitMQ Management"');
  });

  test('nobody learns before the login what there is', async () => {
    expect(await api.get('queues/%2F/theirs', { user: null })).toMatchObject({ status: 401 });
    expect(await api.get('queues/%2F/none', { user: null })).toMatchObject({ status: 401 });
  });
});
