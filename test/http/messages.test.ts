// Publishing and fetching over the HTTP API.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FetchedMessage } from '../../src/http/api/messages.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
  await api.put('queues/%2F/q.m');
}, 60_000);
beforeEach(async () => {
  await api.delete('queues/%2F/q.m/contents');
});
afterAll(async () => {
  await api.delete('queues/%2F/q.m');
  await api.close();
});

const publish = (message: object = {}, exchange = 'amq.default') =>
  api.post(`exchanges/%2F/${exchange}/publish`, {
    properties: {},
    routing_key: 'q.m',
    payload: 'hello',
    payload_encoding: 'string',
    ...message,
  });

const get = async (options: object = {}): Promise<readonly FetchedMessage[]> => {
  const { status, body } = await api.post('queues/%2F/q.m/get', {
    count: 10,
    ackmode: 'ack_requeue_false',
    encoding: 'auto',
    ...options,
  });
  expect(status).toBe(200);
  return body as readonly FetchedMessage[];
};

describe('publish', () => {
  test('tells whether a queue has taken the message', async () => {
    expect(await publish()).toMatchObject({ status: 200, body: { routed: true } });
    expect(await publish({ routing_key: 'nowhere' })).toMatchObject({ body: { routed: false } });
  });

  test('is refused when one of several queues takes no more; the others have it, and all count it', async () => {
    const limited = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await api.put('queues/%2F/q.full', { arguments: limited });
    await api.put('queues/%2F/q.fine');
    await api.put('exchanges/%2F/x.m', { type: 'fanout' });
    for (const queue of ['q.full', 'q.fine']) await api.post(`bindings/%2F/e/x.m/q/${queue}`);
    expect(await publish({}, 'x.m')).toMatchObject({ status: 200, body: { routed: true } });
    expect(await publish({}, 'x.m')).toMatchObject({
      status: 400,
      body: {
        error: 'bad_request',
        reason: 'rejected Unable to publish message. Check queue limits.',
      },
    });
    type Counted = { messages: number; message_stats?: Record<string, number> };
    const twice = ({ message_stats }: Counted) => message_stats?.publish === 2;
    for (const [queue, messages] of [
      ['q.full', 1],
      ['q.fine', 2],
    ] as const) {
      const there = ({ messages: count }: Counted) => count === messages;
      await api.eventually(`queues/%2F/${queue}`, (body: Counted) => there(body) && twice(body));
    }
    const all = ({ message_stats: stats }: Counted) =>
      stats?.publish_in === 2 && stats.publish_out === 4;
    await api.eventually('exchanges/%2F/x.m', all);
    await api.delete('exchanges/%2F/x.m');
    for (const queue of ['q.full', 'q.fine']) await api.delete(`queues/%2F/${queue}`);
  }, 30_000);

  test('all properties and types of headers come back', async () => {
    const properties = {
      content_type: 'text/plain',
      content_encoding: 'identity',
      delivery_mode: 2,
      priority: 3,
      correlation_id: 'c',
      reply_to: 'r',
      expiration: '100000',
      message_id: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      user_id: 'guest',
      app_id: 'a',
      headers: {
        whole: 1,
        half: 1.5,
        yes: true,
        text: 'x',
        list: [1, 'a', { b: 2 }],
        table: { c: 3 },
      },
    };
    expect(await publish({ properties })).toMatchObject({ status: 200 });
    const [message] = await get();
    expect(message).toEqual({
      payload_bytes: 5,
      redelivered: false,
      exchange: '',
      routing_key: 'q.m',
      message_count: 0,
      properties,
      payload: 'hello',
      payload_encoding: 'string',
    });
  });

  test('reaches consumers', async () => {
    const connection = await api.connect('consumer');
    const channel = await connection.createChannel();
    const delivered = new Promise<string>((resolve) => {
      void channel.consume('q.m', (message) => resolve(String(message?.content)), { noAck: true });
    });
    await publish({ payload: 'to a consumer' });
    expect(await delivered).toBe('to a consumer');
    await connection.close();
  });

  test.each([
    [{ properties: undefined }, '[{key_missing,properties}]'],
    [{ payload_encoding: 'rot13' }, ['unsupported_encoding', 'rot13']],
    [{ properties: { priority: 'x' } }, ['not_int', 'priority']],
    [{ properties: { headers: { a: null } } }, 'null_not_allowed'],
    [
      { properties: { expiration: 'x' } },
      "406 PRECONDITION_FAILED - invalid expiration 'x': no_integer",
    ],
    [
      { properties: { user_id: 'somebody' } },
      "406 PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
    ],
  ])('%j is refused', async (message, reason) => {
    expect(await publish(message)).toMatchObject({
      status: 400,
      body: { error: 'bad_request', reason },
    });
    expect(await get()).toEqual([]);
  });

  test('to an exchange that is not there', async () => {
    expect(await publish({}, 'x.none')).toMatchObject({
      status: 400,
      body: { reason: "404 NOT_FOUND - no exchange 'x.none' in vhost '/'" },
    });
  });
});

describe('get', () => {
  test('leaves messages where they were, marked as delivered, or takes them', async () => {
    for (const payload of ['1', '2', '3']) await publish({ payload });
    const seen = await get({ ackmode: 'ack_requeue_true', count: 2 });
    expect(seen.map(({ payload, message_count }) => [payload, message_count])).toEqual([
      ['1', 2],
      ['2', 1],
    ]);
    const taken = await get({ ackmode: 'reject_requeue_false' });
    expect(taken.map(({ payload, redelivered }) => [payload, redelivered])).toEqual([
      ['1', true],
      ['2', true],
      ['3', false],
    ]);
    expect(await get()).toEqual([]);
  });

  test('bytes that are no text come as base64, and no properties as an empty list', async () => {
    await publish({ payload: 'AAH/', payload_encoding: 'base64' });
    expect(await get()).toMatchObject([
      { payload: 'AAH/', payload_encoding: 'base64', payload_bytes: 3, properties: [] },
    ]);
  });

  test('encoding base64, and cut payloads', async () => {
    await publish();
    expect(
      await get({ encoding: 'base64', truncate: 2, ackmode: 'ack_requeue_true' }),
    ).toMatchObject([{ payload: 'aGU=', payload_encoding: 'base64', payload_bytes: 5 }]);
  });

  test.each([
    [{ ackmode: 'ack_requeue_false' }, '[{key_missing,count},{key_missing,encoding}]'],
    [
      { count: 1, ackmode: 'ack_requeue_false', encoding: 'x' },
      'Unsupported encoding. Please use auto or base64.',
    ],
  ])('%j is refused', async (body, reason) => {
    expect(await api.post('queues/%2F/q.m/get', body)).toMatchObject({
      status: 400,
      body: { error: 'bad_request', reason },
    });
  });

  test('from a queue that is not there', async () => {
    const body = { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' };
    expect(await api.post('queues/%2F/q.none/get', body)).toMatchObject({
      status: 404,
      body: { error: 'not_found', reason: "NOT_FOUND - no queue 'q.none' in vhost '/'" },
    });
  });
});
