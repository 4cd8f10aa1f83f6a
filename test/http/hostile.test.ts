// What nobody should send: every answer has a proper status and RabbitMQ's shape, and nothing is changed.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
beforeAll(async () => {
  api = await findApiTarget();
}, 60_000);
afterAll(() => api.close());

const QUEUE = 'queues/%2F/q.hostile';

describe('bodies', () => {
  test.each([
    ['{"durable"', 'not_json'],
    ['[]', 'not_json'],
    [
      '"text"',
      'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?',
    ],
  ])('%s', async (body, reason) => {
    expect(await api.ask('PUT', QUEUE, { text: body })).toMatchObject({
      status: 400,
      body: { error: 'bad_request', reason },
    });
    expect(await api.get(QUEUE)).toMatchObject({ status: 404 });
  });
});

describe('of ours', () => {
  const isOurs = () => api.kind === 'leveret';

  test('arguments that are no table', async ({ skip }) => {
    skip(!isOurs());
    for (const given of [5, 'x', [1], { a: null }, { ['n'.repeat(256)]: 1 }]) {
      expect(await api.put(QUEUE, { arguments: given })).toMatchObject({
        status: 400,
        body: { error: 'bad_request' },
      });
    }
    expect(await api.get(QUEUE)).toMatchObject({ status: 404 });
  });

  test('a body that is nested deeper than any table', async ({ skip }) => {
    skip(!isOurs());
    const deep = `{"arguments":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`;
    expect(await api.ask('PUT', QUEUE, { text: deep })).toMatchObject({ status: 400 });
    const deeper = `{"arguments":${'['.repeat(1_000_000)}`;
    expect(await api.ask('PUT', QUEUE, { text: deeper })).toMatchObject({ status: 400 });
  });

  test('a body above the limit', async ({ skip }) => {
    skip(!isOurs());
    const large = JSON.stringify({ arguments: { a: 'x'.repeat(21 * 1024 * 1024) } });
    expect(await api.ask('PUT', QUEUE, { text: large })).toMatchObject({
      status: 413,
      body: { error: 'bad_request' },
    });
  });

  test('names that are too long for AMQP', async ({ skip }) => {
    skip(!isOurs());
    const long = 'n'.repeat(256);
    for (const path of [`queues/%2F/${long}`, `exchanges/%2F/${long}`, `vhosts/${long}`]) {
      expect(await api.put(path)).toMatchObject({ status: 400, body: { error: 'bad_request' } });
    }
    const longest = 'é'.repeat(127);
    const path = `queues/%2F/${encodeURIComponent(longest)}`;
    expect(await api.put(path)).toMatchObject({ status: 201 });
    expect(await api.delete(path)).toMatchObject({ status: 204 });
  });

  test('names of JavaScript’s own are names as others', async ({ skip }) => {
    skip(!isOurs());
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const body = JSON.parse(`{"arguments":{"${name}":"x"}}`) as object;
      expect(await api.put(`queues/%2F/${name}`, body)).toMatchObject({ status: 201 });
      const answer = await api.get(`queues/%2F/${name}?columns=name,arguments.${name},constructor`);
      expect(JSON.stringify(answer.body)).toBe(`{"name":"${name}","arguments":{"${name}":"x"}}`);
      expect(await api.delete(`queues/%2F/${name}`)).toMatchObject({ status: 204 });
    }
  });

  test('an expression that takes for ever does not', async ({ skip }) => {
    skip(!isOurs());
    await api.put(`queues/%2F/${'a'.repeat(200)}`);
    const before = performance.now();
    const { status } = await api.get(
      `queues?page=1&use_regex=true&name=${encodeURIComponent('(a+)+$x')}`,
    );
    expect(status).toBe(200);
    expect(performance.now() - before).toBeLessThan(2_000);
    await api.delete(`queues/%2F/${'a'.repeat(200)}`);
  });

  /** A request line as it is, which fetch would tidy. */
  async function raw(line: string): Promise<string> {
    const socket = connect(Number(api.httpUrl.port), api.httpUrl.hostname);
    const auth = Buffer.from('guest:guest').toString('base64');
    socket.end(`${line}\r\nHost: x\r\nAuthorization: Basic ${auth}\r\nConnection: close\r\n\r\n`);
    return (await text(socket)).split('\r\n')[0] ?? '';
  }

  test.each([
    ['GET /api/../etc/passwd HTTP/1.1', 404],
    ['GET /api/%2e%2e/%2e%2e/etc/passwd HTTP/1.1', 404],
    ['GET /../../etc/passwd HTTP/1.1', 404],
    ['GET /api/queues/%2F/%2e%2e%2f%2e%2e HTTP/1.1', 404],
    ['GET /api/queues/%zz HTTP/1.1', 400],
    ['GET /api/queues/%ff HTTP/1.1', 400],
    ['GET //api/whoami HTTP/1.1', 404],
    ['NONSENSE /api/whoami HTTP/1.1', 400],
    ['PATCH /api/queues HTTP/1.1', 405],
    ['TRACE /api/queues HTTP/1.1', 404],
  ])('%s', async (line, status) => {
    if (!isOurs()) return;
    expect(await raw(line)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('nothing that is answered is run by a browser', async ({ skip }) => {
    skip(!isOurs());
    const name = '<script>alert(1)</script>';
    await api.put(`queues/%2F/${encodeURIComponent(name)}`);
    const { headers } = await api.get(`queues/%2F/${encodeURIComponent(name)}`);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'");
    await api.delete(`queues/%2F/${encodeURIComponent(name)}`);
  });
});
