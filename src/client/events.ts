// What the client tells about itself. Nobody has to listen, and no listener can end the process: what one throws is a warning.
import type { AMQPError, ConnectionError } from './base/errors.ts';
import { warn } from './base/warning.ts';
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
    }
  | {
      readonly type: 'ack-due';
      readonly queue: string;
      /** How many messages have waited for half of the time that the broker gives. */
      readonly count: number;
      /** How long the first of them has been here. */
      readonly seconds: number;
      /** How long the broker waits; then it takes them back and closes the channel. */
      readonly timeout: number;
      /** Its handler has begun, or ended without an answer; otherwise it waits for a handler. */
      readonly hasBegun: boolean;
      readonly messageId?: string;
    }
  | {
      readonly type: 'event-loop-blocked';
      /** Whose handler it was, where that is known. */
      readonly queue?: string;
      readonly seconds: number;
      /** Seconds between signs of life: after two of them in silence the broker hangs up. */
      readonly heartbeat: number;
    };

export interface TopologyFailure {
  readonly entity: Entity;
  readonly error: AMQPError;
}

export type EventOf<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>;
type Listener = (event: ClientEvent) => void;

/** Events that an iterator has not fetched yet; beyond that the oldest go. */
const MAX_WAITING_EVENTS = 1000;
/** Warnings of a connection that nobody listens to. */
const MAX_WARNINGS = 100;

export class EventHub {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #streams = new Set<EventStream>();
  readonly #log: ((event: ClientEvent) => void) | undefined;
  /** What was warned about because nobody listened. */
  readonly #warned = new Set<string>();

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

  /** Tells of what will soon go wrong. Where nobody listens it is a warning of the process, once for each `subject`. */
  warn(event: ClientEvent, subject: string, text: string): void {
    this.emit(event);
    const isHeard = this.#log || this.#listeners.get(event.type)?.size || this.#streams.size > 0;
    const key = `${event.type}:${subject}`;
    if (isHeard || this.#warned.has(key) || this.#warned.size >= MAX_WARNINGS) return;
    this.#warned.add(key);
    warn(text);
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
    if (result instanceof Promise) result.catch(callbackFailed);
  } catch (error) {
    callbackFailed(error);
  }
}

function callbackFailed(error: unknown): void {
  warn(`a callback failed: ${error instanceof Error ? error.stack : String(error)}`);
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
