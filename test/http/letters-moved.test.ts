// Moving letters over the HTTP API: what is moved, what stays and why.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LettersPage, MoveAnswer } from '../../src/http/api/letters.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

const isElsewhere = process.env.HTTP_URL !== undefined;

describe.skipIf(isElsewhere)('letters', () => {
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
  });

  const publish = (payload: string, properties: object = {}) =>
    api.post('exchanges/%2F/amq.default/publish', {
      properties,
      routing_key: 'q.a',
      payload,
      payload_encoding: 'string',
    });
  const payloadsOf = async (queue: string) => {
    const { body } = await api.get(`queues/%2F/${queue}/letters`);
    return (body as LettersPage).letters.map(({ payload }) => payload);
  };
  const moveAll = async (to: object) =>
    (await api.post('queues/%2F/q.a/letters/move', { letters: 'all', to })).body as MoveAnswer;

  test('all are moved, whatever their priorities, also to where they are', async () => {
    await api.delete('queues/%2F/q.a');
    await api.put('queues/%2F/q.a', { arguments: { 'x-max-priority': 5 } });
    const priorities = [3, 0, 5, 0, 3];
    for (const priority of priorities) await publish(`${priority}`, { priority });
    expect(await moveAll({ queue: 'q.a' })).toEqual({ moved: 5, stayed: [] });
    expect(await moveAll({ queue: 'q.b' })).toEqual({ moved: 5, stayed: [] });
    expect(await payloadsOf('q.b')).toEqual(['5', '3', '3', '0', '0']);
  });

  test.each([
    ['letters/move', { letters: 'all', to: { queue: 'q.b' } }],
    ['letters/move', { letters: 'all', to: { exchange: 'amq.fanout' } }],
    ['move', { to: 'q.b' }],
  ])(
    '%s %j: what a full queue refuses stays where it is, and becomes no dead letter',
    async (path, wanted) => {
      await api.delete('queues/%2F/q.b');
      await api.put('queues/%2F/q.dead');
      await api.delete('queues/%2F/q.dead/contents');
      await api.put('queues/%2F/q.b', {
        arguments: {
          'x-max-length': 1,
          'x-overflow': 'reject-publish-dlx',
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': 'q.dead',
        },
      });
      await api.post('bindings/%2F/e/amq.fanout/q/q.b');
      for (const payload of ['1', '2', '3']) await publish(payload);
      expect((await api.post(`queues/%2F/q.a/${path}`, wanted)).body).toMatchObject({ moved: 1 });
      expect(await payloadsOf('q.b')).toEqual(['1']);
      expect(await payloadsOf('q.a')).toEqual(['2', '3']);
      expect(await payloadsOf('q.dead')).toEqual([]);
      await api.delete('queues/%2F/q.dead');
    },
  );

  test('one that an exchange drops as repeated stays where it is', async () => {
    const declared = { type: 'fanout', arguments: { 'x-message-deduplication': true } };
    await api.put('exchanges/%2F/x.dedup', declared);
    await api.post('bindings/%2F/e/x.dedup/q/q.b');
    const properties = { headers: { 'x-deduplication-header': 'k' } };
    await publish('first', properties);
    await publish('again', properties);
    expect(await moveAll({ exchange: 'x.dedup' })).toMatchObject({
      moved: 1,
      stayed: [{ reason: 'it has come before, and was dropped' }],
    });
    expect([await payloadsOf('q.a'), await payloadsOf('q.b')]).toEqual([['again'], ['first']]);
    await api.delete('exchanges/%2F/x.dedup');
  });
});
