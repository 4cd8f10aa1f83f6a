// `leveret/otel`: spans for what the client publishes, handles and connects to, and the caller's context in the messages' headers.
// The API is handed in, so that nothing is depended on; names follow OpenTelemetry's conventions for messaging.
import {
  type Channel as DiagnosticsChannel,
  type TracingChannel,
  tracingChannel,
} from 'node:diagnostics_channel';
import { version } from './version.ts';

/** What is used of `@opentelemetry/api`. */
export interface OpenTelemetryApi {
  readonly trace: {
    getTracer(name: string, version?: string): TracerLike;
    setSpan(context: unknown, span: SpanLike): unknown;
    getSpanContext(context: unknown): unknown;
  };
  readonly context: {
    active(): unknown;
    with<Result>(context: unknown, run: () => Result): Result;
  };
  readonly propagation: {
    inject(context: unknown, carrier: unknown): void;
    extract(context: unknown, carrier: unknown): unknown;
  };
}

export interface TracerLike {
  startSpan(name: string, options?: object, context?: unknown): SpanLike;
}

export interface SpanLike {
  setAttribute(name: string, value: string | number): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: Error): void;
  end(): void;
}

export interface InstrumentOptions {
  /**
   * A handler's span begins a trace of its own, with a link to the one that published: for messages that are handled long
   * after, or in batches. Default: it goes on in the publisher's trace.
   */
  readonly linkOnly?: boolean;
}

/** SpanKind and SpanStatusCode of the API. */
const CLIENT = 2;
const PRODUCER = 3;
const CONSUMER = 4;
const ERROR = 2;

type Attributes = Record<string, string | number>;

interface Event {
  readonly url: string;
  error?: unknown;
  result?: unknown;
}

interface PublishEvent extends Event {
  readonly exchange: string;
  readonly routingKey: string;
  readonly options: { readonly headers: Record<string, unknown> };
}

interface ProcessEvent extends Event {
  readonly queue: string;
  readonly message: {
    readonly headers: Readonly<Record<string, unknown>>;
    readonly raw: Uint8Array;
    readonly properties: { readonly messageId?: string; readonly correlationId?: string };
    readonly deliveryInfo: { readonly exchange: string; readonly routingKey: string };
  };
  around?<Result>(run: () => Result): Result;
}

/**
 * Begins to trace all connections of this process; returns what ends it.
 *
 * ```ts
 * import * as api from '@opentelemetry/api';
 * import { instrument } from 'leveret/otel';
 *
 * const stop = instrument(api);
 * ```
 */
export function instrument(api: OpenTelemetryApi, options: InstrumentOptions = {}): () => void {
  const tracer = api.trace.getTracer('leveret', version);
  const stops = [
    follow<PublishEvent>('publish', (event) => publishSpan(api, tracer, event)),
    follow<ProcessEvent>('process', (event) => processSpan(api, tracer, event, options)),
    follow<Event>('connect', ({ url }) =>
      tracer.startSpan('connect', { kind: CLIENT, attributes: serverOf(url) }),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Makes a span for each run of a tracing channel. */
function follow<E extends Event>(name: string, begin: (event: E) => SpanLike): () => void {
  const channel = tracingChannel(`leveret:${name}`) as TracingChannel<string, object>;
  const spans = new WeakMap<object, SpanLike>();
  const handlers: [DiagnosticsChannel, (event: unknown) => void][] = [
    [channel.start, (event) => void spans.set(event as E, begin(event as E))],
    [
      channel.error,
      (event) => {
        const span = spans.get(event as E);
        const { error } = event as E;
        if (!span) return;
        if (error instanceof Error) span.recordException(error);
        span.setAttribute('error.type', typeOf(error));
        span.setStatus({ code: ERROR, message: String((error as Error)?.message ?? error) });
      },
    ],
    [
      channel.asyncEnd,
      (event) => {
        const span = spans.get(event as E);
        const { messageId } = ((event as E).result ?? {}) as { messageId?: unknown };
        if (typeof messageId === 'string') span?.setAttribute('messaging.message.id', messageId);
        span?.end();
      },
    ],
  ];
  for (const [on, handler] of handlers) on.subscribe(handler);
  return () => {
    for (const [on, handler] of handlers) on.unsubscribe(handler);
  };
}

/** Our errors say what they are by their code. */
function typeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : '_OTHER';
}

function publishSpan(api: OpenTelemetryApi, tracer: TracerLike, event: PublishEvent): SpanLike {
  const { exchange, routingKey } = event;
  const destination = destinationOf(exchange, routingKey);
  const active = api.context.active();
  const attributes = {
    ...serverOf(event.url),
    ...operation('publish', 'send', destination, routingKey),
  };
  const span = tracer.startSpan(`publish ${destination}`, { kind: PRODUCER, attributes }, active);
  api.propagation.inject(api.trace.setSpan(active, span), event.options.headers);
  return span;
}

function processSpan(
  api: OpenTelemetryApi,
  tracer: TracerLike,
  event: ProcessEvent,
  { linkOnly = false }: InstrumentOptions,
): SpanLike {
  const { message, queue } = event;
  const { exchange, routingKey } = message.deliveryInfo;
  const { messageId, correlationId } = message.properties;
  const attributes: Attributes = {
    ...serverOf(event.url),
    ...operation('process', 'process', destinationOf(exchange, routingKey, queue), routingKey),
    'messaging.message.body.size': message.raw.length,
    ...(messageId !== undefined && { 'messaging.message.id': messageId }),
    ...(correlationId !== undefined && { 'messaging.message.conversation_id': correlationId }),
  };
  const active = api.context.active();
  const sender = api.propagation.extract(active, textsOf(message.headers));
  const senderSpan = api.trace.getSpanContext(sender);
  const how = linkOnly ? { root: true, links: senderSpan ? [{ context: senderSpan }] : [] } : {};
  const parent = linkOnly ? active : sender;
  const span = tracer.startSpan(`process ${queue}`, { kind: CONSUMER, attributes, ...how }, parent);
  event.around = (run) => api.context.with(api.trace.setSpan(parent, span), run);
  return span;
}

function operation(
  name: string,
  type: 'send' | 'process',
  destination: string,
  routingKey: string,
): Attributes {
  return {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': name,
    'messaging.operation.type': type,
    'messaging.destination.name': destination,
    ...(routingKey !== '' && { 'messaging.rabbitmq.destination.routing_key': routingKey }),
  };
}

/** Exchange, routing key and queue with colons between them, without what is empty or said twice. */
function destinationOf(...parts: readonly string[]): string {
  const named = parts.filter((part, i) => part !== '' && part !== parts[i - 1]);
  return named.join(':') || 'amq.default';
}

function serverOf(url: string): Attributes {
  if (!URL.canParse(url)) return {};
  const { hostname, port } = new URL(url);
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    'server.address': address,
    ...(port !== '' && { 'server.port': Number(port) }),
  };
}

/** Propagators want texts; a header of another client may be anything. */
function textsOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}
