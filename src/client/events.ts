// What the client tells about itself. Nobody has to listen, and no listener can end the process: what one throws is a warning.
import type { AMQPError, ConnectionError } from './base/errors.ts';
import type { Entity } from './entity-host.ts';

export type ClientEvent =
  | { readonly type: 'connected'; readonly url: string; readonly recovered: boolean }
  | {
      readonly type: 'disconnected';
      readonly url: string;
      readonly error: ConnectionError;
      /** Seconds until the next attempt; undefined when there will be none. */
      readonly retryIn?: number;
    }
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  | {
      readonly type: 'topology-recovered';
      readonly declared: number;
      readonly failed: readonly TopologyFailure[];
    }
  | { readonly type: 'consumer-cancelled'; readonly queue: string; readonly recovering: boolean }
  | {
      readonly type: 'consumer-failed';
      readonly queue: string;
      readonly error: unknown;
      /** Seconds until the next attempt. */
      readonly retryIn: number;
    }
  | {
      readonly type: 'handler-failed';
      readonly queue: string;
      readonly error: unknown;
      readonly action: 'retry' | 'requeue' | 'reject' | 'dead-letter' | 'none';
    }
  | {
      readonly type: 'returned';
      readonly exchange: string;
      readonly routingKey: string;
      readonly messageId?: string;
    };

export interface TopologyFailure {
  readonly entity: Entity;
  readonly error: AMQPError;
}

export type EventOf<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>;
type Listener = (event: ClientEvent) => void;

/** Events that an iterator has not fetched yet; beyond that the oldest go. */
const MAX_WAITING_EVENTS = 1000;

export class EventHub {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #streams = new Set<EventStream>();
  readonly #log: ((event: ClientEvent) => void) | undefined;

  constructor(log: ((event: ClientEvent) => void) | undefined) {
    this.#log = log;
  }

  on<T extends ClientEvent['type']>(type: T, listener: (event: EventOf<T>) => void): void {
    const listeners = this.#listeners.get(type) ?? new Set<Listener>();
    listeners.add(listener as Listener);
    this.#listeners.set(type, listeners);
  }

  off<T extends ClientEvent['type']>(type: T, listener: (event: EventOf<T>) => void): void {
    this.#listeners.get(type)?.delete(listener as Listener);
  }

  emit(event: ClientEvent): void {
    if (this.#log) guarded(this.#log, event);
    for (const listener of this.#listeners.get(event.type) ?? []) guarded(listener, event);
    for (const stream of this.#streams) stream.push(event);
  }

  stream(signal: AbortSignal | undefined): AsyncIterableIterator<ClientEvent> {
    const stream = new EventStream(() => this.#streams.delete(stream));
    this.#streams.add(stream);
    if (signal?.aborted) stream.end();
    signal?.addEventListener('abort', () => stream.end(), { once: true });
    return stream;
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end();
  }
}

/** Calls something of the user's that nobody awaits. */
export function guarded<Argument>(
  callback: (argument: Argument) => unknown,
  argument: Argument,
): void {
  try {
    const result = callback(argument);
    if (result instanceof Promise) result.catch(warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  const { process } = globalThis as { process?: { emitWarning?(warning: string): void } };
  const text = `leveret: a callback failed: ${error instanceof Error ? error.stack : String(error)}`;
  if (process?.emitWarning) process.emitWarning(text);
  else console.warn(text);
}

class EventStream implements AsyncIterableIterator<ClientEvent> {
  readonly #onEnd: () => void;
  #waiting: ClientEvent[] = [];
  #readers: ((result: IteratorResult<ClientEvent>) => void)[] = [];
  #ended = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  push(event: ClientEvent): void {
    const reader = this.#readers.shift();
    if (reader) reader({ value: event, done: false });
    else if (this.#waiting.push(event) > MAX_WAITING_EVENTS) this.#waiting.shift();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    for (const reader of this.#readers.splice(0)) reader({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<ClientEvent>> {
    const event = this.#waiting.shift();
    if (event) return Promise.resolve({ value: event, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<ClientEvent>> {
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
