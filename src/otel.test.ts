import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { instrument, type OpenTelemetryApi, type SpanLike } from './otel.ts';

/** As much of OpenTelemetry as shows whose child a span is: a context is the name of its span. */
class FakeSpan implements SpanLike {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  readonly options: Record<string, unknown>;
  readonly parent: unknown;
  status: unknown;
  exceptions: unknown[] = [];
  isEnded = false;
  constructor(name: string, options: Record<string, unknown>, parent: unknown) {
    this.name = name;
    const { attributes, ...others } = options;
    this.attributes = { ...(attributes as object) };
    this.options = others;
    this.parent = parent;
  }
  setAttribute(name: string, value: unknown): void {
    this.attributes[name] = value;
  }
  setStatus(status: unknown): void {
    this.status = status;
  }
  recordException(error: unknown): void {
    this.exceptions.push(error);
  }
  end(): void {
    this.isEnded = true;
  }
}

let spans: FakeSpan[] = [];
const storage = new AsyncLocalStorage<string>();
const api: OpenTelemetryApi = {
  trace: {
    getTracer: () => ({
      startSpan(name, options, context) {
        const span = new FakeSpan(name, options as Record<string, unknown>, context);
        spans.push(span);
        return span;
      },
    }),
    setSpan: (_context, span) => (span as FakeSpan).name,
    getSpanContext: (context) => (context ? { spanOf: context } : undefined),
  },
  context: {
    active: () => storage.getStore(),
    with: (context, run) => storage.run(context as string, run),
  },
  propagation: {
    inject(context, carrier) {
      (carrier as Record<string, string>).traceparent = String(context);
    },
    extract: (context, carrier) => (carrier as { traceparent?: string }).traceparent ?? context,
  },
};

let stop = () => {};
beforeEach(() => {
  spans = [];
});
afterEach(() => stop());

const url = 'amqp://guest:**@broker.example:5672/%2F';
const message = {
  headers: { traceparent: 'publish events:user.created', tries: 3 },
  raw: Uint8Array.of(1, 2, 3),
  properties: { messageId: 'm-1' },
  deliveryInfo: { exchange: 'events', routingKey: 'user.created' },
};

/** What the client does around a publish or a handler. */
interface Traced {
  around?<Result>(run: () => Result): Result;
}
function traced<Result>(name: string, event: object, run: () => Promise<Result>): Promise<Result> {
  const channel = tracingChannel(`leveret:${name}`);
  return channel.tracePromise(() => {
    const { around } = event as Traced;
    return around ? around(run) : run();
  }, event) as Promise<Result>;
}

test('a publish is a span, and its context goes along', async () => {
  stop = instrument(api);
  const headers: Record<string, unknown> = { own: 1 };
  const where = { exchange: 'events', routingKey: 'user.created' };
  await storage.run('request', () =>
    traced('publish', { url, ...where, options: { headers } }, async () => {
      expect(spans[0]?.isEnded).toBe(false);
      return { messageId: 'm-1' };
    }),
  );
  expect(headers).toEqual({ own: 1, traceparent: 'publish events:user.created' });
  expect(spans).toMatchObject([
    {
      name: 'publish events:user.created',
      parent: 'request',
      isEnded: true,
      options: { kind: 3 },
      attributes: {
        'messaging.system': 'rabbitmq',
        'messaging.operation.name': 'publish',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'events:user.created',
        'messaging.rabbitmq.destination.routing_key': 'user.created',
        'messaging.message.id': 'm-1',
        'server.address': 'broker.example',
        'server.port': 5672,
      },
    },
  ]);
});

test.each([
  [{ exchange: '', routingKey: 'jobs' }, 'publish jobs'],
  [{ exchange: 'fanout', routingKey: '' }, 'publish fanout'],
  [{ exchange: '', routingKey: '' }, 'publish amq.default'],
])('a publish to %o is called %s', async (where, name) => {
  stop = instrument(api);
  await traced('publish', { url, ...where, options: { headers: {} } }, async () => {});
  expect(spans[0]?.name).toBe(name);
});

test('a failure is told with its code', async () => {
  stop = instrument(api);
  const error = Object.assign(new Error('no queue'), { code: 'UNROUTABLE' });
  const failing = traced(
    'publish',
    { url, exchange: '', routingKey: 'q', options: { headers: {} } },
    () => Promise.reject(error),
  );
  await expect(failing).rejects.toBe(error);
  expect(spans[0]).toMatchObject({
    isEnded: true,
    status: { code: 2, message: 'no queue' },
    exceptions: [error],
    attributes: { 'error.type': 'UNROUTABLE' },
  });
});

test('a handler goes on in the publisher’s trace, and runs within its span', async () => {
  stop = instrument(api);
  await traced('process', { url, queue: 'mailer', message }, async () => {
    await Promise.resolve();
    expect(api.context.active()).toBe('process mailer');
  });
  expect(spans).toMatchObject([
    {
      name: 'process mailer',
      parent: 'publish events:user.created',
      isEnded: true,
      options: { kind: 4 },
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'events:user.created:mailer',
        'messaging.message.id': 'm-1',
        'messaging.message.body.size': 3,
      },
    },
  ]);
  expect(spans[0]?.options).not.toHaveProperty('links');
});

test('or begins its own, with a link', async () => {
  stop = instrument(api, { linkOnly: true });
  await traced('process', { url, queue: 'mailer', message }, async () => {});
  await traced(
    'process',
    { url, queue: 'mailer', message: { ...message, headers: {} } },
    async () => {},
  );
  expect(spans.map(({ options }) => options)).toEqual([
    { kind: 4, root: true, links: [{ context: { spanOf: 'publish events:user.created' } }] },
    { kind: 4, root: true, links: [] },
  ]);
});

test('a connect is a span', async () => {
  stop = instrument(api);
  await traced('connect', { url: 'amqp://guest:**@[::1]:5673/%2F' }, async () => {});
  expect(spans).toMatchObject([
    {
      name: 'connect',
      isEnded: true,
      attributes: { 'server.address': '::1', 'server.port': 5673 },
    },
  ]);
});

test('ends when it is told to', async () => {
  instrument(api)();
  await traced(
    'publish',
    { url, exchange: '', routingKey: 'q', options: { headers: {} } },
    async () => {},
  );
  expect(spans).toEqual([]);
  expect(tracingChannel('leveret:publish').start.hasSubscribers).toBe(false);
});
