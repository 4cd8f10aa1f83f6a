// Moving letters over the HTTP API: what is moved, what stays and why.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LettersPage } from '../../src/http/api/letters.ts';
import type { MoveAnswer } from '../../src/http/api/letters-move.ts';
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
  const moveAll = async (to: object, how: object = {}) =>
    (await api.post('queues/%2F/q.a/letters/move', { letters: 'all', to, ...how }))
      .body as MoveAnswer;

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
    [{ queue: 'q.b' }, {}, ['1'], 2],
    [{ exchange: 'amq.fanout' }, {}, ['1'], 2],
    [{ queue: 'q.b' }, { until_refused: true }, ['1'], 1],
    [{ queue: 'q.b' }, { limit: 0 }, [], 0],
  ])(
    'what a full queue refuses stays where it is, and becomes no dead letter: to %j, %j',
    async (to, how, taken, stayed) => {
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
      const answer = await moveAll(to, how);
      expect(answer.moved).toBe(taken.length);
      expect(answer.stayed).toHaveLength(stayed);
      expect(await payloadsOf('q.b')).toEqual(taken);
      expect(await payloadsOf('q.a')).toEqual(['1', '2', '3'].slice(taken.length));
      expect(await payloadsOf('q.dead')).toEqual([]);
      await api.delete('queues/%2F/q.dead');
    },
  );

  test('no more than so many are moved', async () => {
    for (const payload of ['1', '2', '3']) await publish(payload);
    expect(await moveAll({ queue: 'q.b' }, { limit: 2 })).toEqual({ moved: 2, stayed: [] });
    expect(await payloadsOf('q.a')).toEqual(['3']);
    const wrong = { letters: 'all', to: { queue: 'q.b' }, limit: -1 };
    expect((await api.post('queues/%2F/q.a/letters/move', wrong)).status).toBe(400);
  });

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
