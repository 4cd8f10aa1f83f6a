// What a listener sees of publishing, handling and connecting, and how a context travels with a message.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Connection, type Propagator } from 'leveret';
import { instrument, type OpenTelemetryApi, type SpanLike } from 'leveret/otel';
import { MemoryBroker } from 'leveret/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let broker: MemoryBroker;
beforeEach(() => {
  broker = new MemoryBroker();
});
afterEach(() => broker.close());

describe('OpenTelemetry', () => {
  const current = new AsyncLocalStorage<string>();
  let spans: { name: string; parent: unknown; isEnded: boolean; error?: string }[] = [];
  beforeEach(() => {
    spans = [];
  });

  /** A context is the name of its span. */
  const api: OpenTelemetryApi = {
    trace: {
      getTracer: () => ({
        startSpan(name, _options, parent) {
          const span = { name, parent, isEnded: false } as (typeof spans)[number];
          spans.push(span);
          const like: SpanLike & { readonly spanName: string } = {
            spanName: name,
            setAttribute: () => {},
            setStatus: ({ message }) => {
              if (message) span.error = message;
            },
            recordException: () => {},
            end: () => {
              span.isEnded = true;
            },
          };
          return like;
        },
      }),
      setSpan: (_context, span) => (span as unknown as { spanName: string }).spanName,
      getSpanContext: (context) => context,
    },
    context: {
      active: () => current.getStore(),
      with: (context, run) => current.run(context as string, run),
    },
    propagation: {
      inject: (context, carrier) => Object.assign(carrier as object, { traceparent: context }),
      extract: (context, carrier) => (carrier as { traceparent?: string }).traceparent ?? context,
    },
  };

  test('a handler is the child of its publish, and runs within its span', async () => {
    const stop = instrument(api);
    try {
      await using connection = new Connection(broker);
      let within: string | undefined;
      await connection.consume('q', async () => {
        await Promise.resolve();
        within = current.getStore();
      });
      await current.run('request', () => connection.publish('q', 'x', { headers: { own: 1 } }));
      await broker.idle();
      expect(within).toBe('process q');
      expect(spans.filter(({ name }) => name !== 'connect')).toEqual([
        { name: 'publish q', parent: 'request', isEnded: true },
        { name: 'process q', parent: 'publish q', isEnded: true },
      ]);
      expect(spans.map(({ name }) => name)).toContain('connect');
    } finally {
      stop();
    }
  });

  test('failures are told, and change nothing', async () => {
    const stop = instrument(api);
    try {
      await using connection = new Connection(broker);
      await connection.consume(
        'failing',
        () => {
          throw new Error('card declined');
        },
        { retry: { maxRetries: 0, deadLetter: 'dead' } },
      );
      await connection.publish('failing', 'x');
      await broker.idle();
      const mandatory = { routingKey: 'nobody', mandatory: true, exchange: 'amq.direct' };
      await expect(connection.producer().publish('x', mandatory)).rejects.toMatchObject({
        code: 'UNROUTABLE',
      });
      const errors = spans.filter(({ error }) => error).map(({ name, error }) => [name, error]);
      expect(errors).toContainEqual(['process failing', 'card declined']);
      expect(errors).toContainEqual([
        'publish amq.direct:nobody',
        "no queue is bound to exchange 'amq.direct' for routing key 'nobody'",
      ]);
      expect(spans.every(({ isEnded }) => isEnded)).toBe(true);
      expect(broker.messages('dead')).toHaveLength(1);
    } finally {
      stop();
    }
  });
});

describe('a propagator', () => {
  const current = new AsyncLocalStorage<string>();
  const propagator: Propagator = {
    inject: (headers) => {
      const id = current.getStore();
      if (id) headers['x-request-id'] = id;
    },
    extract: (headers, run) => current.run(String(headers['x-request-id']), run),
  };

  test('carries the context from the caller to the handler, also over an outage', async () => {
    await using connection = new Connection(broker, { propagator });
    const seen: unknown[] = [];
    await connection.consume('q', async ({ headers }) => {
      await Promise.resolve();
      seen.push([headers.own, current.getStore()]);
    });
    broker.dropNextConfirm();
    const sent = current.run('r-7', () => connection.publish('q', 'x', { headers: { own: 1 } }));
    broker.disconnect({ clean: false });
    expect((await sent).attempts).toBe(2);
    await broker.idle();
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['[1,"r-7"]']));
  });
});
