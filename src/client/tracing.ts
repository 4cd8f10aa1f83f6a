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

/** The context of a publish is its connection's URL and its options; who listens may add headers to them. */
export function tracePublish<Result>(
  connection: ConnectionCore,
  options: PublishOptions,
  run: (options: PublishOptions) => Promise<Result>,
): Promise<Result> {
  if (!isWatched(publishing)) return run(options);
  const context = { url: connection.url, options: { ...options, headers: { ...options.headers } } };
  return publishing.tracePromise(() => run(context.options), context);
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
  let result: Result | undefined;
  const settled = processing.tracePromise(async () => {
    result = context.around ? context.around(run) : run();
    await result;
  }, context);
  // Whoever runs the handler sees its failure in `result`.
  settled.catch(() => {});
  return result as Result;
}

export function traceConnect<Result>(url: string, run: () => Promise<Result>): Promise<Result> {
  return isWatched(connecting) ? connecting.tracePromise(run, { url }) : run();
}
