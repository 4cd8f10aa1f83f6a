// Users, permissions, policies, parameters, limits and virtual hosts over the HTTP API.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
  await api.put('vhosts/adm');
}, 60_000);
afterAll(async () => {
  await api.delete('vhosts/adm');
  await api.close();
});

const notFound = { status: 404, body: { error: 'Object Not Found', reason: 'Not Found' } };
const refused = (reason: unknown) => ({ status: 400, body: { error: 'bad_request', reason } });
const HASH = 'IDDz3xzbgd7uyR2bMsHc3YuPk8tR5hi2Lo4SNR1iME+udDJo';

describe('users', () => {
  test('come, change and go', async () => {
    expect(await api.put('users/u1', { password: 'p', tags: 'management,x' })).toMatchObject({
      status: 201,
    });
    expect(await api.get('whoami', { user: ['u1', 'p'] })).toMatchObject({
      body: { name: 'u1', tags: ['management', 'x'] },
    });
    const body = {
      password_hash: HASH,
      hashing_algorithm: 'rabbit_password_hashing_sha512',
      tags: ['monitoring'],
    };
    expect(await api.put('users/u1', body)).toMatchObject({ status: 204 });
    expect(await api.get('users/u1')).toMatchObject({ body: { name: 'u1', ...body, limits: {} } });
    expect(await api.delete('users/u1')).toMatchObject({ status: 204 });
    expect(await api.get('users/u1')).toMatchObject(notFound);
    expect(await api.delete('users/u1')).toMatchObject(notFound);
  });

  test.each([
    [{ password: 'x' }, 'tags_not_present'],
    [{ password_hash: 'bad', tags: '' }, ['not_base64', 'bad']],
  ])('%j is refused', async (body, reason) => {
    expect(await api.put('users/u2', body)).toMatchObject(refused(reason));
    expect(await api.get('users/u2')).toMatchObject(notFound);
  });

  test('without a password nobody logs in', async () => {
    await api.put('users/u3', { password: '', tags: 'administrator' });
    expect(await api.get('whoami', { user: ['u3', ''] })).toMatchObject({ status: 401 });
    expect(await api.get('users/without-permissions')).toMatchObject({
      body: expect.arrayContaining([expect.objectContaining({ name: 'u3' })]),
    });
    expect(await api.post('users/bulk-delete', { users: ['u3'] })).toMatchObject({ status: 204 });
    expect(await api.get('users/u3')).toMatchObject(notFound);
  });
});

describe('permissions', () => {
  beforeAll(() => api.put('users/up', { password: 'p', tags: '' }));
  afterAll(() => api.delete('users/up'));
  const path = 'permissions/adm/up';

  test('come, change and go', async () => {
    const patterns = { configure: 'a', write: '', read: '.*' };
    expect(await api.put(path, { ...patterns, read: '' })).toMatchObject({ status: 201 });
    expect(await api.put(path, patterns)).toMatchObject({ status: 204 });
    expect(await api.get(path)).toMatchObject({ body: { user: 'up', vhost: 'adm', ...patterns } });
    expect(await api.get('users/up/permissions')).toMatchObject({ body: [{ vhost: 'adm' }] });
    expect(await api.delete(path)).toMatchObject({ status: 204 });
    expect(await api.delete(path)).toMatchObject(notFound);
  });

  test('all three patterns, and both ends', async () => {
    expect(await api.put(path, { configure: 'a' })).toMatchObject(
      refused('[{key_missing,write},{key_missing,read}]'),
    );
    const patterns = { configure: '', write: '', read: '' };
    expect(await api.put('permissions/adm/nobody', patterns)).toMatchObject(
      refused('vhost_or_user_not_found'),
    );
    expect(await api.put('permissions/nowhere/up', patterns)).toMatchObject(
      refused('vhost_or_user_not_found'),
    );
  });

  test('for topics', async () => {
    const topic = { exchange: 'amq.topic', write: '^a', read: '^b' };
    expect(await api.put('topic-permissions/adm/up', topic)).toMatchObject({ status: 201 });
    expect(await api.get('topic-permissions/adm/up')).toMatchObject({
      body: [{ user: 'up', vhost: 'adm', ...topic }],
    });
    expect(await api.delete('topic-permissions/adm/up/amq.topic')).toMatchObject({ status: 204 });
    expect(await api.delete('topic-permissions/adm/up')).toMatchObject(notFound);
  });
});

describe('policies', () => {
  const path = 'policies/adm/p1';
  const policy = {
    pattern: '^q',
    definition: { 'max-length': 5 },
    priority: 3,
    'apply-to': 'queues',
  };

  test('come, count for queues, and go', async () => {
    await api.put('queues/adm/q1');
    expect(await api.put(path, policy)).toMatchObject({ status: 201 });
    expect(await api.put(path, policy)).toMatchObject({ status: 204 });
    expect(await api.get(path)).toMatchObject({ body: { vhost: 'adm', name: 'p1', ...policy } });
    await api.eventually('queues/adm/q1', ({ policy: name }: { policy?: string }) => name === 'p1');
    expect(await api.get('queues/adm/q1')).toMatchObject({
      body: { policy: 'p1', effective_policy_definition: { 'max-length': 5 } },
    });
    expect(await api.delete(path)).toMatchObject({ status: 204 });
    expect(await api.get(path)).toMatchObject(notFound);
    expect(await api.delete(path)).toMatchObject(notFound);
  });

  // RabbitMQ 3.10 writes < and > as a page would.
  const reasonOf = (body: unknown) =>
    (body as { reason: string }).reason.replaceAll('&lt;', '<').replaceAll('&gt;', '>');

  test.each([
    [{ definition: {} }, '[{key_missing,pattern}]'],
    [
      { ...policy, definition: { nope: 5 } },
      'Validation failed\n\n[{<<"nope">>,5}] are not recognised policy settings\n',
    ],
    [
      { ...policy, pattern: '(' },
      'Validation failed\n\npattern should be regular expression but is invalid: {"missing )",1}\n',
    ],
    [
      { ...policy, priority: 'x' },
      'Validation failed\n\npriority should be a number, actually was <<"x">>\n',
    ],
  ])('%j is refused', async (body, reason) => {
    const answer = await api.put('policies/adm/bad', body);
    expect(answer.status).toBe(400);
    expect(reasonOf(answer.body)).toBe(reason);
    expect(await api.get('policies/adm/bad')).toMatchObject(notFound);
  });

  test('of the operator', async () => {
    expect(await api.put('operator-policies/adm/o1', policy)).toMatchObject({ status: 201 });
    expect(await api.get('operator-policies/adm')).toMatchObject({ body: [{ name: 'o1' }] });
    expect(await api.delete('operator-policies/adm/o1')).toMatchObject({ status: 204 });
  });
});

describe('parameters and limits', () => {
  test('limits are parameters, too', async () => {
    expect(await api.put('vhost-limits/adm/max-queues', { value: 50 })).toMatchObject({
      status: 204,
    });
    expect(await api.get('vhost-limits/adm')).toMatchObject({
      body: [{ vhost: 'adm', value: { 'max-queues': 50 } }],
    });
    expect(await api.get('parameters/vhost-limits/adm')).toMatchObject({
      body: [{ component: 'vhost-limits', name: 'limits', value: { 'max-queues': 50 } }],
    });
    expect(await api.delete('vhost-limits/adm/max-queues')).toMatchObject({ status: 204 });
    expect(await api.get('vhost-limits/adm')).toMatchObject({ body: [] });
  });

  test.each([
    ['max-nope', 50, 'Unrecognised terms [{<<"max-nope">>,50}] in limits\n'],
    ['max-queues', 'x', 'max-queues should be a number, actually was <<"x">>\n'],
  ])('%s: %o is refused', async (name, value, why) => {
    expect(await api.put(`vhost-limits/adm/${name}`, { value })).toMatchObject(
      refused(`Validation failed\n\n${why}`),
    );
  });

  test('of users', async () => {
    await api.put('users/ul', { password: 'p', tags: '' });
    expect(await api.put('user-limits/ul/max-channels', { value: 5 })).toMatchObject({
      status: 204,
    });
    expect(await api.get('user-limits/ul')).toMatchObject({
      body: [{ user: 'ul', value: { 'max-channels': 5 } }],
    });
    expect(await api.put('user-limits/ul/max-x', { value: 5 })).toMatchObject(
      refused('Unrecognised terms [{<<"max-x">>,5}] in user-limits'),
    );
    expect(await api.delete('user-limits/ul/max-channels')).toMatchObject({ status: 204 });
    await api.delete('users/ul');
  });

  test('an unknown component', async () => {
    expect(await api.put('parameters/nope/adm/x', { value: {} })).toMatchObject(
      refused('Validation failed\n\ncomponent nope not found\n'),
    );
  });

  test('global ones', async () => {
    const value = { a: [1, 2] };
    expect(await api.put('global-parameters/gp', { value })).toMatchObject({ status: 201 });
    expect(await api.get('global-parameters/gp')).toMatchObject({ body: { name: 'gp', value } });
    expect(await api.delete('global-parameters/gp')).toMatchObject({ status: 204 });
    expect(await api.delete('global-parameters/gp')).toMatchObject(notFound);
  });
});

describe('virtual hosts', () => {
  test('come with metadata, are entered by who made them, and go with their connections', async () => {
    const metadata = { description: 'd', tags: 'a,b' };
    expect(await api.put('vhosts/v 1', metadata)).toMatchObject({ status: 201 });
    expect(await api.put('vhosts/v 1', metadata)).toMatchObject({ status: 204 });
    expect(await api.get('vhosts/v 1/permissions')).toMatchObject({ body: [{ user: 'guest' }] });
    expect(await api.delete('vhosts/v 1')).toMatchObject({ status: 204 });
    expect(await api.get('vhosts/v 1')).toMatchObject(notFound);
    expect(await api.delete('vhosts/v 1')).toMatchObject(notFound);
  });

  test('one that is protected stays (RabbitMQ from 4.1 on)', async ({ skip }) => {
    skip(api.kind === 'rabbitmq');
    await api.put('vhosts/safe');
    expect(await api.post('vhosts/safe/deletion/protection')).toMatchObject({ status: 204 });
    expect(await api.delete('vhosts/safe')).toMatchObject({
      status: 412,
      body: { error: 'precondition_failed' },
    });
    expect(await api.delete('vhosts/safe/deletion/protection')).toMatchObject({ status: 204 });
    expect(await api.delete('vhosts/safe')).toMatchObject({ status: 204 });
  });
});
