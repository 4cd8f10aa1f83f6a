// What goes beyond RabbitMQ's API: peeking, dropping one message, moving, delayed messages, explaining routes.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import type { Explained, PeekAnswer } from '../../src/http/api/operator-tools.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

const isElsewhere = process.env.HTTP_URL !== undefined;

describe.skipIf(isElsewhere)('of ours', () => {
  let api: ApiTarget;
  beforeAll(async () => {
    api = await findApiTarget();
  }, 60_000);
  afterAll(() => api?.close());
  beforeEach(async () => {
    for (const name of ['q.a', 'q.b']) {
      await api.delete(`queues/%2F/${name}`);
      await api.put(`queues/%2F/${name}`);
    }
    for (const payload of ['one', 'two', 'three']) {
      await api.post('exchanges/%2F/amq.default/publish', {
        properties: { headers: { payload } },
        routing_key: 'q.a',
        payload,
        payload_encoding: 'string',
      });
    }
  });

  const peek = async (body: object = {}) =>
    (await api.post('queues/%2F/q.a/peek', body)).body as PeekAnswer;
  const payloads = ({ messages }: PeekAnswer) => messages.map(({ payload }) => payload);

  test('peek takes nothing and marks nothing, and goes on where it was', async () => {
    const first = await peek({ limit: 2 });
    expect(payloads(first)).toEqual(['one', 'two']);
    const rest = await peek({ cursor: first.cursor });
    expect(payloads(rest)).toEqual(['three']);
    expect(rest.cursor).toBeNull();
    expect((await peek()).messages.every(({ redelivered }) => !redelivered)).toBe(true);
  });

  test('peek filters by header and text', async () => {
    expect(payloads(await peek({ headers: { payload: 'two' } }))).toEqual(['two']);
    expect(payloads(await peek({ headers: { payload: null } }))).toHaveLength(3);
    expect(payloads(await peek({ text: 'TW', ignore_case: true }))).toEqual(['two']);
    expect(payloads(await peek({ truncate: 1 }))).toEqual(['o', 't', 't']);
  });

  test('one message is dropped', async () => {
    const [, two] = (await peek()).messages;
    const path = `queues/%2F/q.a/messages/${two!.sequence}`;
    expect(await api.delete(path)).toMatchObject({ status: 204 });
    expect(await api.delete(path)).toMatchObject({ status: 404 });
    expect(await api.delete('queues/%2F/q.a/messages/nonsense')).toMatchObject({ status: 404 });
    expect(payloads(await peek())).toEqual(['one', 'three']);
  });

  test('what is dropped or purged is gone for good when that is answered', async () => {
    const [one] = (await peek()).messages;
    const synced = vi.spyOn(Broker.prototype, 'synced');
    await api.delete(`queues/%2F/q.a/messages/${one!.sequence}`);
    expect(synced).toHaveBeenCalledTimes(1);
    await api.delete('queues/%2F/q.a/contents');
    expect(synced).toHaveBeenCalledTimes(2);
    synced.mockRestore();
  });

  test('a queue that belongs to a connection is not looked into', async () => {
    const connection = await api.connect('owner');
    const channel = await connection.createChannel();
    await channel.assertQueue('q.own', { exclusive: true });
    expect((await api.post('queues/%2F/q.own/peek')).status).toBeGreaterThanOrEqual(400);
    await connection.close();
  });

  test('messages move in their order, as they are', async () => {
    expect(await api.post('queues/%2F/q.a/move', { to: 'q.b' })).toMatchObject({
      body: { moved: 3, refused: false },
    });
    expect(await api.post('queues/%2F/q.b/peek', {})).toMatchObject({
      body: {
        messages: [
          {
            payload: 'one',
            exchange: '',
            routing_key: 'q.a',
            properties: { headers: { payload: 'one' } },
          },
          { payload: 'two' },
          { payload: 'three' },
        ],
      },
    });
    expect(await api.get('queues/%2F/q.a')).toMatchObject({ body: { messages: 0 } });
  });

  test('a queue that takes no more keeps the rest where it was', async () => {
    await api.delete('queues/%2F/q.b');
    await api.put('queues/%2F/q.b', {
      arguments: { 'x-max-length': 2, 'x-overflow': 'reject-publish' },
    });
    expect(await api.post('queues/%2F/q.a/move', { to: 'q.b' })).toMatchObject({
      body: { moved: 2, refused: true },
    });
    expect(payloads(await peek())).toEqual(['three']);
  });

  test('explain says by which bindings, also by way of an alternate exchange', async () => {
    await api.put('exchanges/%2F/x.e', {
      type: 'direct',
      arguments: { 'alternate-exchange': 'amq.fanout' },
    });
    await api.post('bindings/%2F/e/x.e/q/q.a', { routing_key: 'yes' });
    await api.post('bindings/%2F/e/x.e/q/q.a', { routing_key: 'other' });
    await api.post('bindings/%2F/e/amq.fanout/q/q.b');
    const explain = async (routing_key: string) =>
      (await api.post('exchanges/%2F/x.e/explain', { routing_key })).body as Explained;
    expect(await explain('yes')).toMatchObject({
      routed: true,
      queues: ['q.a'],
      steps: [
        { exchange: 'x.e', matching: [{ routing_key: 'yes' }], bindings: 2, alternate: null },
      ],
    });
    expect(await explain('no')).toMatchObject({
      queues: ['q.b'],
      steps: [{ matching: [], alternate: 'amq.fanout' }, { exchange: 'amq.fanout' }],
    });
    expect(await api.get('queues/%2F/q.a')).toMatchObject({ body: { messages: 3 } });
    await api.delete('exchanges/%2F/x.e');
  });

  test('permissions count', async () => {
    await api.put('users/reader', { password: 'p', tags: 'management' });
    await api.put('permissions/%2F/reader', { configure: '', write: '', read: '^q\\.b$' });
    const user = ['reader', 'p'] as const;
    const refused = { status: 401, body: { error: 'not_authorised' } };
    const ask = (path: string, body: object) => api.ask('POST', path, { user, body });
    expect(await ask('queues/%2F/q.a/peek', {})).toMatchObject(refused);
    expect(await ask('queues/%2F/q.b/peek', {})).toMatchObject({ status: 200 });
    expect(await ask('queues/%2F/q.b/move', { to: 'q.a' })).toMatchObject(refused);
    await api.delete('users/reader');
  });
});
