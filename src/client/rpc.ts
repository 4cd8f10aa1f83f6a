// Calls over queues: requests go out with an id, answers come back over RabbitMQ's direct reply-to, which needs no queue. One
// channel carries all calls of a connection, because answers come on the channel that asked.

import { withDelivery } from './base/delivery.ts';
import { AMQPError, ConnectionError, RemoteError, TimeoutError } from './base/errors.ts';
import { validate } from './base/schema.ts';
import { uuid } from './base/uuid.ts';
import type { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import type { ConsumeOptions } from './consume-options.ts';
import type { Message } from './message.ts';
import { type CallOptions, timeoutMs } from './options.ts';
import { Procedure } from './procedure.ts';
import { Producer } from './producer.ts';
import { HandlerSubscription, type Subscription } from './subscription.ts';

export interface RpcCallOptions extends CallOptions {
  /** It may be done twice: after an outage it is sent again. */
  readonly idempotent?: boolean;
}

const REPLY_TO = 'amq.rabbitmq.reply-to';
const CALL_TIMEOUT_MS = 30_000;
/** Says that the answer is an error: its code. */
const ERROR_HEADER = 'x-rpc-error';

interface OpenCall {
  resolve(message: Message): void;
  reject(error: unknown): void;
}

interface Session {
  readonly channel: Channel;
  readonly producer: Producer;
  readonly calls: Map<string, OpenCall>;
}

export class RpcClient {
  readonly #connection: Connection;
  #session: Promise<Session> | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async call(
    procedure: Procedure | string,
    body: unknown,
    options: RpcCallOptions = {},
  ): Promise<unknown> {
    const isTyped = procedure instanceof Procedure;
    const target = isTyped ? procedure.queue : procedure;
    const queue = typeof target === 'string' ? target : target.name;
    if (isTyped) await validate(procedure.request, body, `the request to '${queue}'`);
    const ms = timeoutMs(options, CALL_TIMEOUT_MS);
    const endMs = this.#connection.clock.now() + ms;
    for (;;) {
      try {
        const message = await this.#ask(queue, body, endMs, ms, options.signal);
        const reply = resultOf(message);
        if (!isTyped) return reply;
        return await validate(procedure.reply, reply, `the reply of '${queue}'`);
      } catch (error) {
        const mayPass = error instanceof ConnectionError && error.recoverable;
        if (!options.idempotent || !mayPass || this.#connection.clock.now() >= endMs) throw error;
      }
    }
  }

  async #ask(
    queue: string,
    body: unknown,
    endMs: number,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<Message> {
    const leftMs = Math.max(1, endMs - this.#connection.clock.now());
    const timeout = `${leftMs}ms` as const;
    const limits = { timeout, ...(signal && { signal }) };
    const session = await this.#connection.within(this.#open(), limits, `a call of '${queue}'`);
    const correlationId = uuid();
    const answered = new Promise<Message>((resolve, reject) => {
      session.calls.set(correlationId, { resolve, reject });
      session.producer
        .publish(body, {
          queue,
          correlationId,
          replyTo: REPLY_TO,
          expiration: timeout,
          timeout,
          deliveryMode: 'transient',
          ...(signal && { signal }),
        })
        .catch(reject);
    });
    try {
      const late = new TimeoutError(`no answer from '${queue}' within ${ms} ms`, {
        delivery: 'unknown',
      });
      return await this.#connection
        .within(answered, limits, `a call of '${queue}'`)
        .catch((error) => {
          throw error instanceof TimeoutError && error.delivery === undefined ? late : error;
        });
    } finally {
      session.calls.delete(correlationId);
    }
  }

  #open(): Promise<Session> {
    this.#session ??= this.#start().catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  async #start(): Promise<Session> {
    const channel = await this.#connection.channel();
    const calls = new Map<string, OpenCall>();
    const producer = new Producer(channel, { autoDeclare: false, mandatory: true });
    channel.onClose((error) => {
      this.#session = undefined;
      const lost = withDelivery(error, 'unknown');
      for (const { reject } of calls.values()) reject(lost);
      calls.clear();
    });
    await channel.confirmSelect();
    const answered = (message: Message) => {
      const call = calls.get(message.properties.correlationId ?? '');
      if (!call) return;
      if (message.needsPreparing) message.prepare().then(() => call.resolve(message), call.reject);
      else call.resolve(message);
    };
    await channel.basicConsume(REPLY_TO, answered, { noAck: true });
    return { channel, producer, calls };
  }
}

/** @throws RemoteError when the other side has failed. */
function resultOf(message: Message): unknown {
  const code = message.headers[ERROR_HEADER];
  if (code === undefined) return message.body;
  const { body } = message;
  throw new RemoteError(
    typeof body === 'string' ? body : JSON.stringify(body),
    code === '' ? {} : { remoteCode: String(code) },
  );
}

/** Answers requests. A handler that fails answers with its error; the request is done in any case. */
export async function serveProcedure(
  connection: Connection,
  procedure: Procedure | string,
  handler: (body: never, message: Message) => unknown,
  options: ConsumeOptions,
): Promise<Subscription> {
  const isTyped = procedure instanceof Procedure;
  const queue = isTyped ? procedure.queue : procedure;
  const name = () => (typeof queue === 'string' ? queue : queue.name);
  const serve = async (message: Message) => {
    let result: unknown;
    try {
      const what = `a request to '${name()}'`;
      const body = isTyped ? await validate(procedure.request, message.body, what) : message.body;
      result = await handler(body as never, message);
      if (isTyped) await validate(procedure.reply, result, `the reply of '${name()}'`);
    } catch (error) {
      await answerError(message, error);
      return;
    }
    if (message.properties.replyTo) await message.reply(result, { serializer: 'json' });
  };
  const all = { ...options, onInvalid: 'deliver' } as const;
  const subscription = new HandlerSubscription(connection, queue, serve, all);
  await connection.subscribe(subscription);
  return subscription;
}

async function answerError(message: Message, error: unknown): Promise<void> {
  if (!message.properties.replyTo) throw error;
  const code = (error as { code?: unknown } | undefined)?.code;
  const text = error instanceof Error ? error.message : String(error);
  const headers = { [ERROR_HEADER]: typeof code === 'string' ? code : '' };
  await message.reply(text, { headers });
  if (error instanceof AMQPError) return;
  message.origin.connection.hub.emit({
    type: 'handler-failed',
    queue: message.origin.queue,
    error,
    action: 'none',
  });
}
