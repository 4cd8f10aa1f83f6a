// Exchanges, queues and bindings over the HTTP API.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
}, 60_000);
afterAll(() => api.close());

const notFound = { error: 'Object Not Found', reason: 'Not Found' };
const refused = (reason: string) => ({ error: 'bad_request', reason });

describe('exchanges', () => {
  test('declare: 201, the same again 204, otherwise 400', async () => {
    expect(await api.put('exchanges/%2F/x.declare', { type: 'topic' })).toMatchObject({
      status: 201,
    });
    expect(await api.put('exchanges/%2F/x.declare', { type: 'topic' })).toMatchObject({
      status: 204,
    });
    expect(await api.put('exchanges/%2F/x.declare', { type: 'fanout' })).toMatchObject({
      status: 400,
      body: refused(
        "inequivalent arg 'type' for exchange 'x.declare' in vhost '/': received 'fanout' but current is 'topic'",
      ),
    });
    await api.delete('exchanges/%2F/x.declare');
  });

  test('one shows its properties', async () => {
    const properties = { type: 'direct', durable: false, auto_delete: true, internal: true };
    await api.put('exchanges/%2F/x.one', {
      ...properties,
      arguments: { 'alternate-exchange': 'amq.fanout' },
    });
    const { status, body } = await api.get('exchanges/%2F/x.one');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'x.one',
      vhost: '/',
      ...properties,
      arguments: { 'alternate-exchange': 'amq.fanout' },
      incoming: [],
      outgoing: [],
    });
    await api.delete('exchanges/%2F/x.one');
  });

  test('the default exchange is amq.default in paths, and has no name', async () => {
    expect(await api.get('exchanges/%2F/amq.default')).toMatchObject({
      status: 200,
      body: { name: '', type: 'direct', durable: true },
    });
  });

  test('every vhost has RabbitMQ’s own', async () => {
    const { body } = await api.get('exchanges/%2F?columns=name');
    const names = (body as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        '',
        'amq.direct',
        'amq.fanout',
        'amq.headers',
        'amq.match',
        'amq.rabbitmq.trace',
        'amq.topic',
      ]),
    );
  });

  test.each([
    // RabbitMQ says invalid when the word means something elsewhere in it.
    [
      'an unknown type',
      { type: 'nope' },
      { reason: expect.stringMatching(/^(unknown|invalid) exchange type 'nope'$/) as string },
    ],
    [
      'no boolean',
      { type: 'direct', durable: 'banana' },
      { error: 'bad_request', reason: ['not_boolean', 'banana'] },
    ],
  ])('%s is refused', async (_, body, answer) => {
    expect(await api.put('exchanges/%2F/x.bad', body)).toMatchObject({ status: 400, body: answer });
    expect(await api.get('exchanges/%2F/x.bad')).toMatchObject({ status: 404, body: notFound });
  });

  test('names that begin with amq. are the broker’s', async () => {
    const refusal = { status: 401, body: { error: 'not_authorised', reason: 'Access refused.' } };
    expect(await api.put('exchanges/%2F/amq.mine', { type: 'direct' })).toMatchObject(refusal);
    expect(await api.delete('exchanges/%2F/amq.direct')).toMatchObject(refusal);
  });

  test('what is not there: 404', async () => {
    expect(await api.get('exchanges/%2F/x.none')).toMatchObject({ status: 404, body: notFound });
    expect(await api.delete('exchanges/%2F/x.none')).toMatchObject({ status: 404, body: notFound });
    expect(await api.get('exchanges/no-vhost')).toMatchObject({ status: 404, body: notFound });
  });

  test('if-unused keeps one that something is bound to', async () => {
    await api.put('exchanges/%2F/x.used', { type: 'fanout' });
    await api.put('queues/%2F/q.of-x.used');
    await api.post('bindings/%2F/e/x.used/q/q.of-x.used');
    expect(await api.delete('exchanges/%2F/x.used?if-unused=true')).toMatchObject({
      status: 400,
      body: refused("exchange 'x.used' in vhost '/' in use"),
    });
    expect(await api.delete('exchanges/%2F/x.used')).toMatchObject({ status: 204 });
    await api.delete('queues/%2F/q.of-x.used');
  });
});

describe('queues', () => {
  test('declare: 201, the same again 204, otherwise 400', async () => {
    const body = { durable: true, arguments: { 'x-message-ttl': 60_000 } };
    expect(await api.put('queues/%2F/q.declare', body)).toMatchObject({ status: 201 });
    expect(await api.put('queues/%2F/q.declare', body)).toMatchObject({ status: 204 });
    expect(
      await api.put('queues/%2F/q.declare', { ...body, arguments: { 'x-message-ttl': 1 } }),
    ).toMatchObject({
      status: 400,
      body: refused(
        "inequivalent arg 'x-message-ttl' for queue 'q.declare' in vhost '/': received '1' but current is '60000'",
      ),
    });
    await api.delete('queues/%2F/q.declare');
  });

  test('any name', async () => {
    const name = 'q /?#%~+é';
    const path = `queues/%2F/${encodeURIComponent(name)}`;
    expect(await api.put(path)).toMatchObject({ status: 201 });
    expect(await api.get(path)).toMatchObject({ status: 200, body: { name, vhost: '/' } });
    expect(await api.delete(path)).toMatchObject({ status: 204 });
  });

  test.each([
    [-1, '{value_negative,-1}'],
    ['a', '"expected integer, got longstr"'],
  ])('x-message-ttl %s is refused', async (ttl, why) => {
    expect(
      await api.put('queues/%2F/q.bad', { arguments: { 'x-message-ttl': ttl } }),
    ).toMatchObject({
      status: 400,
      body: refused(`invalid arg 'x-message-ttl' for queue 'q.bad' in vhost '/': ${why}`),
    });
    expect(await api.get('queues/%2F/q.bad')).toMatchObject({ status: 404 });
  });

  test('if-empty keeps one with messages; purging empties it', async () => {
    await api.put('queues/%2F/q.full');
    await api.post('exchanges/%2F/amq.default/publish', {
      properties: {},
      routing_key: 'q.full',
      payload: 'x',
      payload_encoding: 'string',
    });
    expect(await api.delete('queues/%2F/q.full?if-empty=true')).toMatchObject({
      status: 400,
      body: refused("queue 'q.full' in vhost '/' not empty"),
    });
    expect(await api.delete('queues/%2F/q.full/contents')).toMatchObject({ status: 204 });
    expect(await api.delete('queues/%2F/q.full?if-empty=true')).toMatchObject({ status: 204 });
  });

  test('one that a connection has for itself is locked', async () => {
    const connection = await api.connect('owner');
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('q.exclusive', { exclusive: true });
    const locked = `cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`;
    expect(await api.put(`queues/%2F/${queue}`, { durable: false })).toMatchObject({
      status: 400,
      body: refused(locked),
    });
    expect(await api.delete(`queues/%2F/${queue}`)).toMatchObject({ status: 400 });
    expect(
      await api.post(`queues/%2F/${queue}/get`, {
        count: 1,
        ackmode: 'ack_requeue_true',
        encoding: 'auto',
      }),
    ).toMatchObject({ status: 400, body: refused(`405 RESOURCE_LOCKED - ${locked}`) });
    await connection.close();
  });

  test('what is not there: 404', async () => {
    expect(await api.get('queues/%2F/q.none')).toMatchObject({ status: 404, body: notFound });
    expect(await api.delete('queues/%2F/q.none')).toMatchObject({ status: 404, body: notFound });
    expect(await api.delete('queues/%2F/q.none/contents')).toMatchObject({ status: 404 });
    expect(await api.get('queues/no-vhost')).toMatchObject({ status: 404, body: notFound });
  });

  test('Flower asks for the queues of no vhost, and means /', async () => {
    expect(await api.get('queues//')).toMatchObject({
      status: api.byBroker({ leveret: 200, rabbitmq: 404 }),
    });
  });
});

describe('bindings', () => {
  beforeAll(async () => {
    await api.put('exchanges/%2F/x.b', { type: 'topic' });
    await api.put('queues/%2F/q.b');
  });
  afterAll(async () => {
    await api.delete('exchanges/%2F/x.b');
    await api.delete('queues/%2F/q.b');
  });
  const path = 'bindings/%2F/e/x.b/q/q.b';

  test.each([
    ['a.b', 'a.b'],
    ['', '~'],
    ['a.*', 'a.%2A'],
    ['k~/x y', 'k%7E%2Fx+y'],
  ])('the key %o is known as %s', async (routing_key, properties_key) => {
    const bound = await api.post(path, { routing_key, arguments: {} });
    expect(bound.status).toBe(201);
    expect(bound.headers.get('location')).toBe(`q.b/${encodeURIComponent(properties_key)}`);
    const one = `${path}/${encodeURIComponent(properties_key)}`;
    expect(await api.get(one)).toMatchObject({
      status: 200,
      body: {
        source: 'x.b',
        vhost: '/',
        destination: 'q.b',
        destination_type: 'queue',
        routing_key,
        arguments: {},
        properties_key,
      },
    });
    expect(await api.delete(one)).toMatchObject({ status: 204 });
    expect(await api.get(one)).toMatchObject({ status: 404, body: notFound });
  });

  test('arguments make another binding, with a hash in its name', async () => {
    await api.post(path, { routing_key: 'k', arguments: { a: 1 } });
    await api.post(path, { routing_key: 'k', arguments: { a: 2 } });
    const { body } = await api.get(path);
    const keys = (body as { properties_key: string }[]).map((item) => item.properties_key);
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) {
      expect(key).toMatch(/^k~[\w-]{6,}$/);
      expect(await api.delete(`${path}/${encodeURIComponent(key)}`)).toMatchObject({ status: 204 });
    }
    expect(await api.get(path)).toMatchObject({ body: [] });
  });

  test('every queue is bound to the default exchange', async () => {
    expect(await api.get('queues/%2F/q.b/bindings')).toMatchObject({
      body: [{ source: '', destination: 'q.b', routing_key: 'q.b', properties_key: 'q.b' }],
    });
  });

  test('between exchanges, seen from both ends', async () => {
    await api.put('exchanges/%2F/x.to', { type: 'fanout' });
    expect(await api.post('bindings/%2F/e/x.b/e/x.to')).toMatchObject({ status: 201 });
    const binding = { source: 'x.b', destination: 'x.to', destination_type: 'exchange' };
    expect(await api.get('exchanges/%2F/x.b/bindings/source')).toMatchObject({ body: [binding] });
    const { body } = await api.get('exchanges/%2F/x.to/bindings/destination');
    expect(body).toMatchObject([binding]);
    expect(await api.delete('bindings/%2F/e/x.b/e/x.to/~')).toMatchObject({ status: 204 });
    await api.delete('exchanges/%2F/x.to');
  });

  test('the ends must be there', async () => {
    expect(await api.post('bindings/%2F/e/x.none/q/q.b')).toMatchObject({
      status: 404,
      body: { error: 'not_found', reason: "no exchange 'x.none' in vhost '/'" },
    });
    expect(await api.post('bindings/%2F/e/x.b/q/q.none')).toMatchObject({
      status: 404,
      body: { error: 'not_found', reason: "no queue 'q.none' in vhost '/'" },
    });
  });

  test('all bindings name each only once', async () => {
    const { body } = await api.get('bindings/%2F');
    const texts = (body as object[]).map((item) => JSON.stringify(item));
    expect(new Set(texts).size).toBe(texts.length);
  });
});
