// Lists: pages, filters, order, columns; and the cheap ones.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from '../../src/http/list.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
  await api.put('vhosts/lists');
  for (const name of ['alpha', 'beta', 'gamma 1', 'Gamma 2', 'delta']) {
    await api.put(`queues/lists/${encodeURIComponent(name)}`);
  }
  for (const [queue, count] of [
    ['beta', 2],
    ['delta', 1],
  ] as const) {
    for (let i = 0; i < count; i++) {
      await api.post('exchanges/lists/amq.default/publish', {
        properties: {},
        routing_key: queue,
        payload: 'x',
        payload_encoding: 'string',
      });
    }
  }
  await api.eventually(
    'queues/lists/beta',
    ({ messages }: { messages?: number }) => messages === 2,
  );
}, 60_000);
afterAll(async () => {
  await api.delete('vhosts/lists');
  await api.close();
});

const list = async (query: string) => (await api.get(`queues/lists?${query}`)).body;
const names = (items: unknown) => (items as { name: string }[]).map(({ name }) => name);

test('without a page: a plain array, in the order of names', async () => {
  expect(names(await list('columns=name'))).toEqual([
    'Gamma 2',
    'alpha',
    'beta',
    'delta',
    'gamma 1',
  ]);
});

test('a page says how many there are', async () => {
  const page = (await list('page=2&page_size=2&columns=name')) as Page<{ name: string }>;
  expect(page).toEqual({
    total_count: 5,
    filtered_count: 5,
    item_count: 2,
    page: 2,
    page_size: 2,
    page_count: 3,
    items: [{ name: 'beta' }, { name: 'delta' }],
  });
});

test.each([
  ['name=GAMMA', ['Gamma 2', 'gamma 1']],
  ['name=^g.*1$&use_regex=true', ['gamma 1']],
  ['name=nothing', []],
])('?%s', async (filter, found) => {
  const page = (await list(`page=1&columns=name&${filter}`)) as Page<{ name: string }>;
  expect(names(page.items)).toEqual(found);
  expect(page).toMatchObject({ total_count: 5, filtered_count: found.length });
});

test('a name without a page has no effect, as in RabbitMQ', async () => {
  expect(await list('name=alpha&columns=name')).toHaveLength(5);
});

test('sorted by any column, either way', async () => {
  const sorted = await list('sort=messages&sort_reverse=true&columns=name,messages');
  expect(sorted).toMatchObject([
    { name: 'beta', messages: 2 },
    { name: 'delta', messages: 1 },
    { messages: 0 },
    { messages: 0 },
    { messages: 0 },
  ]);
});

test('columns reach into objects', async () => {
  const path = 'page=1&name=beta&columns=name,message_stats.publish';
  const page = (await list(path)) as Page<object>;
  expect(page.items).toEqual([{ name: 'beta', message_stats: { publish: 2 } }]);
});

test('the cheap lists', async () => {
  const [bare] = (await list('disable_stats=true')) as object[];
  expect(Object.keys(bare!).sort()).toEqual([
    'arguments',
    'auto_delete',
    'durable',
    'exclusive',
    'name',
    'node',
    'state',
    'type',
    'vhost',
  ]);
  const [depths] = (await list('disable_stats=true&enable_queue_totals=true')) as object[];
  expect(depths).toMatchObject({ messages: 0, messages_ready: 0, messages_unacknowledged: 0 });
});

describe('what cannot be', () => {
  test.each([
    ['page=0', 'invalid_pagination_parameters', /page number 0/],
    ['page=1&page_size=501', 'invalid_pagination_parameters', /page size 501/],
    ['page=1&page_size=0', 'invalid_pagination_parameters', /page size 0/],
    ['page=9', 'page_out_of_range', /^Page out of range, page: 9 page size: 100, len: 5$/],
    ['page=a', 'bad_request', /^Pagination parameters are invalid$/],
    ['page=1&name=(&use_regex=true', 'bad_request', /^Pagination parameters are invalid$/],
  ])('?%s', async (query, error, reason) => {
    const { status, body } = await api.get(`queues/lists?${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error, reason: expect.stringMatching(reason) });
  });
});
