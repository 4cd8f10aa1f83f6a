// Node's diagnostics channels: `leveret:publish`, `leveret:process` and `leveret:connect` are tracing channels that anyone can
// listen to. They cost nothing while nobody does, and do not exist in a browser.
import type * as DiagnosticsChannel from 'node:diagnostics_channel';
import type { ConnectionCore } from './connection-core.ts';
import type { Message } from './message.ts';
import type { PublishOptions } from './producer.ts';

type TracingChannel = DiagnosticsChannel.TracingChannel<string, object>;

const diagnostics = (
  globalThis as {
    process?: { getBuiltinModule?(id: string): typeof DiagnosticsChannel | undefined };
  }
).process?.getBuiltinModule?.('node:diagnostics_channel');

const channelOf = (name: string): TracingChannel | undefined =>
  diagnostics?.tracingChannel(`leveret:${name}`) as TracingChannel | undefined;

const publishing = channelOf('publish');
const processing = channelOf('process');
const connecting = channelOf('connect');

/** Node 20 does not say so of the whole channel. */
function isWatched(channel: TracingChannel | undefined): channel is TracingChannel {
  if (!channel) return false;
  const { start, end, asyncStart, asyncEnd, error } = channel;
  return (
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers
  );
}

/** What a listener to `leveret:publish` is given; it may add headers. */
export interface PublishContext {
  readonly url: string;
  /** Where the message goes, whoever said so: the call or its producer. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly options: PublishOptions & { readonly headers: Record<string, unknown> };
}

/** Asked first, so that a publish that nobody watches makes no closure for it. */
export function isPublishWatched(): boolean {
  return isWatched(publishing);
}

export function tracePublish<Result>(
  connection: ConnectionCore,
  defaults: Pick<PublishOptions, 'exchange' | 'routingKey' | 'queue'>,
  options: PublishOptions,
  run: (options: PublishOptions) => Promise<Result>,
): Promise<Result> {
  if (!isWatched(publishing)) return run(options);
  const queue = options.queue ?? (options.exchange === undefined ? defaults.queue : undefined);
  const exchange = queue === undefined ? (options.exchange ?? defaults.exchange) : '';
  const context: PublishContext = {
    url: connection.url,
    exchange: nameOf(exchange) ?? '',
    routingKey: nameOf(queue) ?? options.routingKey ?? defaults.routingKey ?? '',
    options: { ...options, headers: { ...options.headers } },
  };
  return publishing.tracePromise(() => run(context.options), context);
}

function nameOf(entity: string | { readonly name: string } | undefined): string | undefined {
  return typeof entity === 'object' ? entity.name : entity;
}

/** What a listener to `leveret:process` is given, and what it may leave there when it hears of the start. */
export interface ProcessContext {
  readonly url: string;
  readonly queue: string;
  readonly message: Message;
  /** Runs the handler, within a context of the listener's. */
  around?<Result>(run: () => Result): Result;
}

export function traceProcess<Result>(message: Message, run: () => Result): Result {
  if (!isWatched(processing)) return run();
  const context: ProcessContext = {
    url: message.origin.connection.url,
    queue: message.origin.queue,
    message,
  };
  let outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
  const settled = processing.tracePromise(async () => {
    try {
      outcome = { result: context.around ? context.around(run) : run() };
    } catch (error) {
      outcome = { error };
      throw error;
    }
    await outcome.result;
  }, context);
  // Whoever runs the handler sees its failure in what is returned, or thrown.
  settled.catch(() => {});
  if (!outcome) throw new Error('the handler was not run');
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}

/** One attempt on one broker. */
export function traceConnect<Result>(url: string, run: () => Promise<Result>): Promise<Result> {
  return isWatched(connecting) ? connecting.tracePromise(run, { url }) : run();
}
