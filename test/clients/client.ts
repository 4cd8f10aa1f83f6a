// What the scenarios need of a client library, so that one scenario runs with all of them. Each adapter below this folder
// does it in its library's own words and changes nothing of the library's behaviour.

export interface Outgoing {
  /** Default: the default exchange. */
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly body: string | Buffer;
  readonly mandatory?: boolean;
  readonly properties?: Properties;
}

export interface Properties {
  readonly contentType?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly messageId?: string;
  readonly headers?: Record<string, unknown>;
  readonly priority?: number;
  /** 2 = persistent. */
  readonly deliveryMode?: number;
  /** Seconds since 1970. */
  readonly timestamp?: number;
}

export interface Incoming {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly redelivered: boolean;
  readonly properties: Properties;
  ack(): void;
  nack(requeue: boolean): void;
}

export interface Returned {
  readonly replyCode: number;
  readonly replyText: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
}

export interface QueueState {
  readonly queue: string;
  readonly messageCount: number;
  readonly consumerCount: number;
}

export interface Handlers {
  message(message: Incoming): void;
  /** The broker has ended the consumer. */
  cancelled?(): void;
}

/** A channel in confirm mode. */
export interface Channel {
  queue(name: string, options?: { exclusive?: boolean; durable?: boolean }): Promise<QueueState>;
  /** A passive declare. */
  checkQueue(name: string): Promise<QueueState>;
  deleteQueue(name: string): Promise<void>;
  exchange(name: string, type: string): Promise<void>;
  bind(queue: string, exchange: string, key: string, args?: Record<string, unknown>): Promise<void>;
  prefetch(count: number): Promise<void>;
  /** Resolves when the broker has confirmed the message. */
  publish(message: Outgoing): Promise<void>;
  get(queue: string): Promise<Incoming | undefined>;
  /** Resolves to what cancels the consumer. */
  consume(queue: string, handlers: Handlers): Promise<() => Promise<void>>;
  onReturn(handler: (message: Returned) => void): void;
  close(): Promise<void>;
}

export interface Connection {
  channel(): Promise<Channel>;
  close(): Promise<void>;
  onClosed(handler: (reason: string) => void): void;
  onBlocked(handler: (blocked: boolean) => void): void;
}

export interface ConnectOptions {
  /** Seconds. */
  readonly heartbeat?: number;
}

export interface Client {
  readonly name: string;
  connect(url: string, options?: ConnectOptions): Promise<Connection>;
}

/** Things in the order they came, for a test that awaits them. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  readonly put = (item: T): void => {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#items.push(item);
  };

  get size(): number {
    return this.#items.length;
  }

  async next(): Promise<T> {
    if (this.#items.length > 0) return this.#items.shift() as T;
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count: number): Promise<T[]> {
    const items: T[] = [];
    while (items.length < count) items.push(await this.next());
    return items;
  }
}
