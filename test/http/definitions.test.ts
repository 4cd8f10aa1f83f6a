// Definitions: out, in, whole or not at all, from RabbitMQ and LavinMQ.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DefinitionsDiff } from '../../src/http/api/definitions.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
}, 60_000);
afterAll(() => api.close());
beforeEach(async () => {
  await api.delete('vhosts/defs');
  await api.delete('users/def');
});

const HASH = 'IDDz3xzbgd7uyR2bMsHc3YuPk8tR5hi2Lo4SNR1iME+udDJo';

/** As RabbitMQ 3.10 writes them. */
const file = {
  rabbit_version: '3.10.8',
  users: [
    {
      name: 'def',
      password_hash: HASH,
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['monitoring'],
      limits: {},
    },
  ],
  vhosts: [{ name: 'defs' }],
  permissions: [{ user: 'def', vhost: 'defs', configure: '', write: '', read: '.*' }],
  topic_permissions: [{ user: 'def', vhost: 'defs', exchange: 'x', write: 'a', read: 'b' }],
  parameters: [{ value: [], vhost: 'defs', component: 'vhost-limits', name: 'limits' }],
  global_parameters: [{ name: 'defs-global', value: { a: 1 } }],
  policies: [
    {
      vhost: 'defs',
      name: 'p',
      pattern: '^q',
      'apply-to': 'queues',
      definition: { 'max-length': 5 },
      priority: 1,
    },
  ],
  queues: [
    {
      name: 'q',
      vhost: 'defs',
      durable: true,
      auto_delete: false,
      arguments: { 'x-message-ttl': 60_000 },
    },
  ],
  exchanges: [
    {
      name: 'x',
      vhost: 'defs',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: { 'alternate-exchange': 'amq.fanout' },
    },
  ],
  bindings: [
    {
      source: 'x',
      vhost: 'defs',
      destination: 'q',
      destination_type: 'queue',
      routing_key: 'a.#',
      arguments: {},
    },
    {
      source: 'amq.headers',
      vhost: 'defs',
      destination: 'x',
      destination_type: 'exchange',
      routing_key: '',
      arguments: { 'x-match': 'any', h: 1 },
    },
  ],
};

type Part = keyof typeof file;

/** The items of a part that are this test's. */
async function exported(part: Part): Promise<object[]> {
  const { body } = await api.get('definitions');
  const items = (body as Record<Part, { vhost?: string; name?: string }[]>)[part];
  return items.filter(({ vhost, name }) => vhost === 'defs' || /^def/.test(name ?? ''));
}

test('what goes in comes out', async () => {
  expect(await api.post('definitions', file)).toMatchObject({ status: 204 });
  for (const part of Object.keys(file) as Part[]) {
    if (part === 'rabbit_version') continue;
    // RabbitMQ keeps a parameter without limits, and says nothing of vhosts but their names.
    if (part === 'parameters') continue;
    const items = await exported(part);
    // Whoever imports a new vhost may do everything there.
    const more = part === 'permissions' ? 1 : 0;
    expect(items, part).toHaveLength(file[part].length + more);
    expect(items, part).toEqual(
      expect.arrayContaining((file[part] as object[]).map((it) => expect.objectContaining(it))),
    );
  }
  await api.delete('global-parameters/defs-global');
});

test('once more changes nothing', async () => {
  await api.post('definitions', file);
  expect(await api.post('definitions', file)).toMatchObject({ status: 204 });
  expect(await exported('bindings')).toHaveLength(2);
});

test('of one vhost, into any', async () => {
  await api.post('definitions', file);
  const { body } = await api.get('definitions/defs');
  expect(body).toMatchObject({ queues: [{ name: 'q' }], exchanges: [{ name: 'x' }] });
  await api.put('vhosts/defs2');
  expect(await api.post('definitions/defs2', body)).toMatchObject({ status: 204 });
  expect(await api.get('queues/defs2?columns=name')).toMatchObject({ body: [{ name: 'q' }] });
  await api.delete('vhosts/defs2');
});

test('what is no definitions', async () => {
  for (const text of ['[', '[]', '"x"']) {
    expect(await api.ask('POST', 'definitions', { text })).toMatchObject({
      status: 400,
      body: { error: 'bad_request' },
    });
  }
});

describe('of ours', () => {
  const isOurs = () => api.kind === 'leveret';
  const diff = async (body: object) =>
    (await api.post('definitions/diff', body)).body as DefinitionsDiff;

  test('a file goes in whole or not at all, and every reason is told', async ({ skip }) => {
    skip(!isOurs());
    const bad = {
      ...file,
      queues: [
        ...file.queues,
        { ...file.queues[0]!, name: 'q2', arguments: { 'x-message-ttl': -1 } },
      ],
      bindings: [...file.bindings, { ...file.bindings[0]!, destination: 'q.none' }],
      policies: [...file.policies, { ...file.policies[0]!, name: 'p2', definition: { nope: 1 } }],
    };
    const { status, body } = await api.post('definitions', bad);
    expect(status).toBe(400);
    const { reason } = body as { reason: string };
    expect(reason).toContain("queue 'q2' in vhost 'defs': PRECONDITION_FAILED - invalid arg");
    expect(reason).toContain("no queue 'q.none' in vhost 'defs'");
    expect(reason).toContain('are not recognised policy settings');
    expect(await api.get('vhosts/defs')).toMatchObject({ status: 404 });
    expect(await api.get('users/def')).toMatchObject({ status: 404 });
  });

  test('diff tells what would come, change and stay', async ({ skip }) => {
    skip(!isOurs());
    const fresh = await diff(file);
    expect(fresh.problems).toEqual([]);
    expect(new Set(fresh.changes.map(({ effect }) => effect))).toEqual(new Set(['add']));
    await api.post('definitions', file);
    expect(await diff(file)).toMatchObject({ changes: [], problems: [] });
    const other = {
      policies: [{ ...file.policies[0]!, priority: 2 }],
      queues: [{ ...file.queues[0]!, arguments: {} }],
    };
    expect(await diff(other)).toEqual({
      changes: [
        { kind: 'policy', what: "policy 'p' in vhost 'defs'", effect: 'change' },
        { kind: 'queue', what: "queue 'q' in vhost 'defs'", effect: 'kept' },
      ],
      same: 0,
      problems: [],
    });
  });

  test('a file of RabbitMQ 4: metadata of vhosts, and one of LavinMQ: its own exchanges', async ({
    skip,
  }) => {
    skip(!isOurs());
    const newer = {
      rabbitmq_version: '4.1.0',
      rabbitmq_definition_format: 'cluster',
      vhosts: [
        {
          name: 'defs',
          description: 'd',
          tags: ['a'],
          default_queue_type: 'classic',
          metadata: { description: 'd', tags: ['a'], default_queue_type: 'classic' },
          limits: [],
        },
      ],
      users: [{ name: 'def', password_hash: HASH, tags: 'monitoring' }],
      parameters: [
        {
          value: {
            'apply-to': 'queues',
            definition: { 'max-length': 9 },
            pattern: 'a',
            priority: 0,
          },
          vhost: 'defs',
          component: 'operator_policy',
          name: 'o',
        },
      ],
      exchanges: [
        {
          name: 'amq.default',
          vhost: 'defs',
          type: 'direct',
          durable: true,
          auto_delete: false,
          internal: false,
          arguments: {},
        },
        {
          name: '',
          vhost: 'defs',
          type: 'direct',
          durable: true,
          auto_delete: false,
          internal: false,
          arguments: {},
        },
      ],
      bindings: [
        {
          source: '',
          vhost: 'defs',
          destination: 'q',
          destination_type: 'queue',
          routing_key: 'q',
          arguments: {},
        },
      ],
    };
    expect(await api.post('definitions', newer)).toMatchObject({ status: 204 });
    expect(await api.get('vhosts/defs')).toMatchObject({
      body: { description: 'd', tags: ['a'], default_queue_type: 'classic' },
    });
    expect(await api.get('operator-policies/defs/o')).toMatchObject({
      body: { definition: { 'max-length': 9 } },
    });
    expect(await api.get('users/def')).toMatchObject({ body: { tags: ['monitoring'] } });
  });

  test('more queues than the vhost may have', async ({ skip }) => {
    skip(!isOurs());
    const limits = {
      value: { 'max-queues': 0 },
      vhost: 'defs',
      component: 'vhost-limits',
      name: 'limits',
    };
    expect(await api.post('definitions', { ...file, parameters: [limits] })).toMatchObject({
      status: 400,
      body: { reason: "vhost 'defs' may have 0 queues and would have 1" },
    });
  });
});
