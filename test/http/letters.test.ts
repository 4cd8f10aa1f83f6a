// What the page needs of the API and RabbitMQ does not have: letters looked at, moved, sent back and dropped one by one; a route
// explained; delayed messages; the map.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import type { DelayedItem } from '../../src/http/api/delayed.ts';
import type { ExplanationItem } from '../../src/http/api/explain.ts';
import type { LettersPage } from '../../src/http/api/letters.ts';
import type { PostOffice } from '../../src/http/api/post-office.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

const isOurs = process.env.HTTP_URL === undefined;

describe.skipIf(!isOurs)('of ours', () => {
  let api: ApiTarget;
  beforeAll(async () => {
    api = await findApiTarget();
    for (const name of ['q.a', 'q.b']) await api.put(`queues/%2F/${name}`);
  }, 60_000);
  beforeEach(async () => {
    for (const name of ['q.a', 'q.b']) await api.delete(`queues/%2F/${name}/contents`);
  });
  afterAll(() => api.close());

  const publish = (payload: string, more: object = {}, exchange = 'amq.default') =>
    api.post(`exchanges/%2F/${exchange}/publish`, {
      properties: {},
      routing_key: 'q.a',
      payload,
      payload_encoding: 'string',
      ...more,
    });
  const letters = async (query = '', queue = 'q.a') =>
    (await api.get(`queues/%2F/${queue}/letters${query}`)).body as LettersPage;
  const payloads = async (queue: string) =>
    (await letters('', queue)).letters.map(({ payload }) => payload);
  const depth = async (queue: string) =>
    ((await api.get(`queues/%2F/${queue}`)).body as { messages_ready: number }).messages_ready;

  describe('letters', () => {
    test('are seen and stay as they were', async () => {
      for (const payload of ['1', '2', '3']) await publish(payload);
      for (let i = 0; i < 2; i++) {
        const { letters: seen, cursor } = await letters('?limit=2');
        expect(seen).toMatchObject([
          { payload: '1', redelivered: false, routing_key: 'q.a', exchange: '' },
          { payload: '2', redelivered: false },
        ]);
        expect((await letters(`?cursor=${cursor}`)).letters).toMatchObject([{ payload: '3' }]);
      }
      expect(await depth('q.a')).toBe(3);
    });

    test('by offset, header and body', async () => {
      await publish('a carrot', { properties: { headers: { region: 'eu' } } });
      await publish('a Clover', { properties: { headers: { region: 'us' } } });
      const found = async (query: string) =>
        (await letters(query)).letters.map(({ payload }) => payload);
      expect(await found('?offset=1')).toEqual(['a Clover']);
      expect(await found('?header=region')).toEqual(['a carrot', 'a Clover']);
      expect(await found('?header=region%3Dus')).toEqual(['a Clover']);
      expect(await found('?body=clover')).toEqual([]);
      expect(await found('?body=clover&ignore_case=true')).toEqual(['a Clover']);
    });

    test('a text that is cut stays a text, and one letter can be had whole', async () => {
      await publish('xxü');
      const [cut] = (await letters('?truncate=3')).letters;
      expect(cut).toMatchObject({ payload: 'xx', payload_encoding: 'string', payload_bytes: 4 });
      const whole = await api.get(`queues/%2F/q.a/letters/${cut!.sequence}`);
      expect(whole.body).toMatchObject({ payload: 'xxü' });
    });

    test('one is dropped, the others stay', async () => {
      for (const payload of ['1', '2', '3']) await publish(payload);
      const [, second] = (await letters()).letters;
      const at = `queues/%2F/q.a/letters/${second!.sequence}`;
      expect(await api.delete(at)).toMatchObject({ status: 204 });
      expect(await payloads('q.a')).toEqual(['1', '3']);
      expect(await api.delete(at)).toMatchObject({ status: 404 });
      expect(await depth('q.a')).toBe(2);
      expect(await api.delete('queues/%2F/q.a/letters/nonsense')).toMatchObject({ status: 404 });
    });

    test('what is dropped, moved or purged is gone for good when that is answered', async () => {
      for (const payload of ['1', '2']) await publish(payload);
      const [first] = (await letters()).letters;
      const synced = vi.spyOn(Broker.prototype, 'synced');
      await api.delete(`queues/%2F/q.a/letters/${first!.sequence}`);
      expect(synced).toHaveBeenCalledTimes(1);
      await api.post('queues/%2F/q.a/letters/move', { letters: 'all', to: { queue: 'q.b' } });
      expect(synced).toHaveBeenCalledTimes(2);
      await api.delete('queues/%2F/q.b/contents');
      expect(synced).toHaveBeenCalledTimes(3);
      synced.mockRestore();
    });

    test('of a queue that belongs to a connection are nobody else’s business', async () => {
      const connection = await api.connect('owner');
      const channel = await connection.createChannel();
      await channel.assertQueue('q.own', { exclusive: true });
      expect((await api.get('queues/%2F/q.own/letters')).status).toBe(400);
      const move = { letters: 'all', to: { queue: 'q.own' } };
      expect((await api.post('queues/%2F/q.a/letters/move', move)).status).toBe(400);
      await connection.close();
    });

    test('move to another queue as they are, those that were named or that match', async () => {
      const headers = { region: 'eu', n: 5 };
      await publish('1', { properties: { headers, message_id: 'm' } });
      for (const payload of ['2', '3', '4']) await publish(payload);
      const [first] = (await letters()).letters;
      const to = { queue: 'q.b' };
      const move = (body: object, query = '') =>
        api.post(`queues/%2F/q.a/letters/move${query}`, body);
      expect(await move({ letters: [first!.sequence], to })).toMatchObject({ body: { moved: 1 } });
      expect((await letters('', 'q.b')).letters).toMatchObject([
        { payload: '1', routing_key: 'q.a', properties: { headers, message_id: 'm' } },
      ]);
      expect(await move({ letters: 'all', to }, '?body=3')).toMatchObject({ body: { moved: 1 } });
      expect(await payloads('q.b')).toEqual(['1', '3']);
      expect(await payloads('q.a')).toEqual(['2', '4']);
      const again = await move({ letters: [first!.sequence], to });
      expect(again.body).toMatchObject({ moved: 0, stayed: [{ sequence: first!.sequence }] });
    });

    test('all into the queue they are in: each once, then it ends', async () => {
      for (const payload of ['1', '2']) await publish(payload);
      const { body } = await api.post('queues/%2F/q.a/letters/move', {
        letters: 'all',
        to: { queue: 'q.a' },
      });
      expect(body).toMatchObject({ moved: 2 });
      expect(await payloads('q.a')).toEqual(['1', '2']);
    });

    test('stay where they are when an exchange has nowhere to send them', async () => {
      await publish('1');
      const to = { exchange: 'amq.direct', routing_key: 'nobody' };
      const { body } = await api.post('queues/%2F/q.a/letters/move', { letters: 'all', to });
      expect(body).toMatchObject({ moved: 0, stayed: [{ reason: /no queue is bound/ }] });
      expect(await payloads('q.a')).toEqual(['1']);
    });

    test('go back to where they died', async () => {
      await api.put('queues/%2F/q.work', {
        arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q.b' },
      });
      await publish('poor', { routing_key: 'q.work' });
      const rejecting = { count: 1, ackmode: 'reject_requeue_false', encoding: 'auto' };
      await api.post('queues/%2F/q.work/get', rejecting);
      expect(await payloads('q.b')).toEqual(['poor']);
      expect((await api.get('dead-letters/%2F')).body).toMatchObject([
        { queue: 'q.b', messages_ready: 1, from: ['q.work'] },
      ]);
      await publish('alive', { routing_key: 'q.b' });
      const { body } = await api.post('queues/%2F/q.b/letters/move', {
        letters: 'all',
        to: 'origin',
      });
      expect(body).toMatchObject({ moved: 1, stayed: [{ reason: /no dead letter/ }] });
      expect(await payloads('q.work')).toEqual(['poor']);
      expect(await payloads('q.b')).toEqual(['alive']);
      await api.delete('queues/%2F/q.work');
    });

    test.each([
      ['?limit=x', 400],
      ['?limit=501', 400],
      ['?offset=-1', 400],
      ['/x', 404],
      ['/99999', 404],
    ])('%s: %i', async (more, status) => {
      expect((await api.get(`queues/%2F/q.a/letters${more}`)).status).toBe(status);
    });

    test.each([
      [{ letters: 'all' }],
      [{ letters: ['a'], to: { queue: 'q.b' } }],
      [{ letters: 'some', to: { queue: 'q.b' } }],
      [{ letters: 'all', to: {} }],
    ])('move %j is refused', async (body) => {
      await publish('1');
      expect((await api.post('queues/%2F/q.a/letters/move', body)).status).toBe(400);
      expect(await payloads('q.a')).toEqual(['1']);
    });

    test('are nobody’s business who may not read the queue', async () => {
      await api.put('users/blind', { password: 'x', tags: 'management' });
      await api.put('permissions/%2F/blind', { configure: '.*', write: '.*', read: '' });
      const user = ['blind', 'x'] as const;
      expect((await api.get('queues/%2F/q.a/letters', { user })).status).toBe(401);
      expect((await api.delete('queues/%2F/q.a/letters/1', { user })).status).toBe(401);
      await api.put('permissions/%2F/blind', { configure: '', write: '', read: '^q\\.b$' });
      const body = { letters: 'all', to: { queue: 'q.a' } };
      const moved = await api.ask('POST', 'queues/%2F/q.b/letters/move', { user, body });
      expect(moved).toMatchObject({ status: 401, body: { error: 'not_authorised' } });
      await api.delete('users/blind');
    });
  });

  describe('a route is explained', () => {
    const explain = async (exchange: string, body: object) =>
      (await api.post(`exchanges/%2F/${exchange}/where`, body)).body as ExplanationItem;
    const bind = (exchange: string, queue: string, routing_key: string, table: object = {}) =>
      api.post(`bindings/%2F/e/${exchange}/q/${queue}`, { routing_key, arguments: table });

    test('by words, through exchanges, and to the alternate', async () => {
      await api.put('exchanges/%2F/x.alt', { type: 'fanout' });
      await api.put('exchanges/%2F/x.t', {
        type: 'topic',
        arguments: { 'alternate-exchange': 'x.alt' },
      });
      await bind('x.t', 'q.a', 'order.*.placed');
      await bind('x.alt', 'q.b', '');
      const reached = await explain('x.t', { routing_key: 'order.eu.placed' });
      expect(reached.queues).toEqual(['q.a']);
      expect(reached.steps[0]!.bindings).toMatchObject([{ matches: true, destination: 'q.a' }]);
      const lost = await explain('x.t', { routing_key: 'order.eu.paid' });
      expect(lost.queues).toEqual(['q.b']);
      expect(lost.steps[0]).toMatchObject({
        alternate: 'x.alt',
        bindings: [{ matches: false, reason: 'word 3 is “paid”, the pattern wants “placed”' }],
      });
      expect(await depth('q.a')).toBe(0);
    });

    test('by headers', async () => {
      await api.put('exchanges/%2F/x.h', { type: 'headers' });
      await bind('x.h', 'q.a', '', { 'x-match': 'all', region: 'eu', vip: true });
      const { queues, steps } = await explain('x.h', { headers: { region: 'eu' } });
      expect(queues).toEqual([]);
      expect(steps[0]!.bindings[0]!.reason).toBe('all of: region fits, vip is missing');
      expect((await explain('x.h', { headers: { region: 'eu', vip: true } })).queues).toEqual([
        'q.a',
      ]);
    });

    test('by name', async () => {
      expect(await explain('amq.default', { routing_key: 'q.a' })).toMatchObject({
        queues: ['q.a'],
        steps: [{ by_name: ['q.a'] }],
      });
    });
  });

  test('what is delayed is listed and cancelled', async () => {
    await api.put('exchanges/%2F/x.d', {
      type: 'x-delayed-message',
      arguments: { 'x-delayed-type': 'direct' },
    });
    for (const delay of [90_000, 60_000]) {
      await publish(String(delay), { properties: { headers: { 'x-delay': delay } } }, 'x.d');
    }
    const list = async () => (await api.get('delayed/%2F/x.d')).body as DelayedItem[];
    const [first] = await list();
    expect((await list()).map(({ payload }) => payload)).toEqual(['60000', '90000']);
    expect(await api.delete(`delayed/%2F/x.d/${first!.id}`)).toMatchObject({ status: 204 });
    expect(await api.delete(`delayed/%2F/x.d/${first!.id}`)).toMatchObject({ status: 404 });
    expect((await api.get('delayed')).body).toEqual([{ vhost: '/', exchange: 'x.d', messages: 1 }]);
    expect((await api.get('delayed/%2F/amq.direct')).status).toBe(404);
  });

  test('the map has what belongs together', async () => {
    const { body } = await api.get('post-office/%2F?name=x.alt');
    expect(body).toMatchObject({
      exchanges: [{ name: 'x.alt', type: 'fanout' }],
      queues: [{ name: 'q.b' }],
      edges: [{ source: 'x.alt', destination: 'q.b', bindings: 1, keys: [''] }],
    } satisfies Partial<Record<keyof PostOffice, unknown>>);
    expect((await api.get('post-office/%2F?limit=0')).status).toBe(400);
  });
});
