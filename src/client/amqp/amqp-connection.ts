// One life of one connection: from the protocol header to the last octet. Bytes in, frames to channels; whatever is wrong with
// them ends the connection, never the process. It does not recover: recovery.ts opens another.
import type { Clock, Timer } from '../../platform/clock.ts';
import type { ReadBlock, Transport, TransportHandler } from '../../platform/transport.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { FrameParser } from '../../protocol/frame-parser.ts';
import { type Method, ReplyCode } from '../../protocol/methods.generated.ts';
import { encodeUtf8 } from '../../protocol/utf8.ts';
import { Deferred } from '../base/deferred.ts';
import {
  ConnectionError,
  type ConnectionErrorCode,
  LimitExceeded,
  TimeoutError,
} from '../base/errors.ts';
import { connectionErrorOf } from '../base/reply-errors.ts';
import { AmqpChannel, type ChannelHost, unexpected } from './amqp-channel.ts';
import { FrameRouter } from './frame-router.ts';
import {
  Handshake,
  type HandshakeHost,
  type Login,
  type Tuning,
  type Wishes,
} from './handshake.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';
import { Output } from './output.ts';
import { type CallLimits, ReplyQueue } from './reply-queue.ts';
import { StandstillWatch } from './standstill.ts';

export interface OpenOptions extends Login, Wishes {
  readonly clock: Clock;
  /** Without the password. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectionSink {
  /** Called once, last. */
  closed?(error: ConnectionError): void;
  blocked?(reason: string): void;
  unblocked?(): void;
  /** The transport takes publishes again. */
  relieved?(): void;
  /** This process stood still for so long, at least. */
  stoodStill?(ms: number): void;
}

const PROTOCOL_HEADER = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
/** How long a broker may take to hang up after we told it that it made no sense. */
const LINGER_MS = 2_000;
/** After such a standstill the broker, or what is between, may have dropped the connection without our hearing of it. */
const DOUBTFUL_AFTER_MS = 10_000;
const PROBE_MS = 10_000;

export class AmqpConnection implements TransportHandler, ChannelHost, HandshakeHost, HeartbeatHost {
  readonly clock: Clock;
  readonly output: Output;
  readonly url: string;
  sink: ConnectionSink = {};
  tuning: Tuning = { channelMax: 0, frameMax: 0, heartbeat: 0 };
  serverProperties: FieldTable | undefined;
  readonly #transport: Transport;
  readonly #parser: FrameParser;
  readonly #router: FrameRouter;
  readonly #handshake: Handshake;
  readonly #replies: ReplyQueue;
  readonly #channels = new Map<number, AmqpChannel>();
  #lastChannel = 0;
  #heartbeat: Heartbeat | undefined;
  #standstill: StandstillWatch | undefined;
  #state: 'opening' | 'open' | 'closing' | 'closed' = 'opening';
  #error: ConnectionError | undefined;
  #hasReceived = false;
  #isProbing = false;
  #isBlocked = false;
  readonly #opening = new Deferred();
  #linger: Timer | undefined;

  private constructor(transport: Transport, options: OpenOptions) {
    this.clock = options.clock;
    this.url = options.url;
    this.#transport = transport;
    this.output = new Output(transport, options.clock, options.frameMax, () =>
      this.sink.relieved?.(),
    );
    this.#router = new FrameRouter({
      channel: (number) => this.#channels.get(number),
      connectionMethod: (method) => this.#method(method),
      failed: (error) => this.#failed(error),
    });
    this.#parser = new FrameParser(this.#router, options.frameMax);
    this.#handshake = new Handshake(this, options, options);
    this.#replies = new ReplyQueue(options.clock);
  }

  /** Logs in over a stream that has just been made. The stream is ours from here on, whatever happens. */
  static async open(transport: Transport, options: OpenOptions): Promise<AmqpConnection> {
    const connection = new AmqpConnection(transport, options);
    await connection.#open(options);
    return connection;
  }

  #open({ timeoutMs, signal }: OpenOptions): Promise<void> {
    this.#opening.within(this.clock, timeoutMs, () => {
      const awaited = this.#handshake.expected;
      this.destroy(this.#problem('CONNECTION_LOST', `no ${awaited} within ${timeoutMs} ms`));
    });
    const opened = this.#opening.abortedBy(signal).promise;
    // A signal leaves the rest to us.
    opened.catch(() => {
      if (this.#state !== 'opening') return;
      this.destroy(this.#problem('CONNECTION_CLOSED', 'the attempt was given up'));
    });
    if (!this.#opening.isSettled) {
      this.#transport.start(this);
      this.output.writer.raw(PROTOCOL_HEADER);
      this.output.flush();
    }
    return opened;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Why the connection is not open any more. */
  get error(): ConnectionError | undefined {
    return this.#error;
  }

  // --- what users of the connection call

  /** Opens a channel. The channel may be used at once, before it resolves, but is better not. */
  async openChannel(limits: CallLimits = {}): Promise<AmqpChannel> {
    if (this.#state !== 'open') throw this.#error!;
    const channel = new AmqpChannel(this, this.#freeNumber());
    this.#channels.set(channel.number, channel);
    // An answer that comes too late opens a channel that nobody has.
    const late = () => void channel.close();
    await channel.call({ name: 'channel.open' }, ['channel.open-ok'], limits, late);
    return channel;
  }

  #freeNumber(): number {
    const max = this.tuning.channelMax;
    if (this.#channels.size >= max) {
      throw new LimitExceeded('CHANNEL_LIMIT', `all ${max} channels of the connection are in use`);
    }
    do this.#lastChannel = (this.#lastChannel % max) + 1;
    while (this.#channels.has(this.#lastChannel));
    return this.#lastChannel;
  }

  /** Tells the broker a new password, or token, for the connection as it is. */
  async updateSecret(secret: string, limits: CallLimits = {}): Promise<void> {
    if (this.#state !== 'open') throw this.#error!;
    this.send({
      name: 'connection.update-secret',
      newSecret: encodeUtf8(secret),
      reason: 'credentials were renewed',
    });
    await this.#replies.expect('connection.update-secret', ['connection.update-secret-ok'], limits);
  }

  /** Says goodbye and waits for the answer, at most `timeoutMs`; then the connection is gone in any case. */
  async close(timeoutMs: number): Promise<void> {
    const goodbye = this.#problem('CONNECTION_CLOSED', 'the connection has been closed');
    if (this.#state === 'open') {
      this.#error = goodbye;
      this.send(closeMethod(200, 'Goodbye', 0));
      this.#state = 'closing';
      await this.#replies
        .expect('connection.close', ['connection.close-ok'], { timeoutMs })
        .catch(() => {});
    }
    this.destroy(goodbye);
  }

  /** Drops the connection at once. */
  destroy(error: ConnectionError): void {
    this.#finish(error);
    this.#linger?.cancel();
    this.#transport.destroy();
  }

  /** Lets what was written leave before the connection drops. Users are told at once. */
  #hangUp(error: ConnectionError): void {
    this.output.flush();
    this.#finish(error);
    this.#transport.end();
    this.#linger = this.clock.after(LINGER_MS, () => this.#transport.destroy());
  }

  #finish(error: ConnectionError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#error ??= error;
    const why = this.#error;
    this.#parser.stop();
    this.#heartbeat?.stop();
    this.#standstill?.stop();
    this.#opening.reject(why);
    this.#replies.fail(why);
    for (const channel of [...this.#channels.values()]) channel.abandon(why);
    this.sink.closed?.(why);
  }

  // --- bytes and frames in

  data(block: ReadBlock, at: number, end: number): void {
    this.#hasReceived = true;
    try {
      this.#parser.push(block, at, end);
    } catch (error) {
      this.#failed(error);
    }
  }

  ended(): void {
    this.#lost(undefined);
  }

  closed(error: Error | undefined): void {
    this.#lost(error);
  }

  #lost(cause: Error | undefined): void {
    const why = cause ? `: ${cause.message}` : '';
    this.destroy(
      new ConnectionError(
        'CONNECTION_LOST',
        this.url,
        `the connection to ${this.url} broke${why}`,
        {
          cause,
        },
      ),
    );
  }

  /** A frame made no sense, or a part of us did not: this connection cannot be trusted, others can. */
  #failed(error: unknown): void {
    if (this.#state === 'closed') return;
    const code = error instanceof AmqpError ? error.code : ReplyCode.INTERNAL_ERROR;
    const text = error instanceof Error ? error.message : String(error);
    const problem = new ConnectionError(
      'PROTOCOL_ERROR',
      this.url,
      `what ${this.url} sent could not be handled: ${text}`,
      { cause: error, recoverable: true },
    );
    if (this.#state === 'open') {
      this.send(closeMethod(code, text.slice(0, 200), 0));
    }
    this.#hangUp(problem);
  }

  #method(method: Method): void {
    if (method.name === 'connection.close') {
      this.send({ name: 'connection.close-ok' });
      this.#hangUp(connectionErrorOf(method.replyCode, method.replyText, this.url));
      return;
    }
    if (this.#state === 'opening') {
      if (!this.#handshake.method(method)) throw unexpected(method);
      return;
    }
    switch (method.name) {
      case 'connection.blocked':
        this.#isBlocked = true;
        this.sink.blocked?.(method.reason);
        return;
      case 'connection.unblocked':
        this.#isBlocked = false;
        this.sink.unblocked?.();
        return;
    }
    if (!this.#replies.take({ method, content: undefined })) throw unexpected(method);
  }

  #problem(code: ConnectionErrorCode, text: string): ConnectionError {
    return new ConnectionError(code, this.url, `${this.url}: ${text}`);
  }

  /** Whether the broker is still there is asked, rather than found out by whoever uses the connection next. */
  async #probe(stillMs: number): Promise<void> {
    // A broker that blocks its publishers may not read their questions either.
    if (this.#isProbing || this.#isBlocked) return;
    this.#isProbing = true;
    try {
      await (await this.openChannel({ timeoutMs: PROBE_MS })).close();
    } catch (error) {
      if (!(error instanceof TimeoutError) || this.#isBlocked) return;
      const stood = `this process stood still for ${Math.round(stillMs / 1000)} s`;
      const text = `no answer within ${PROBE_MS} ms, after ${stood}`;
      this.destroy(this.#problem('CONNECTION_LOST', text));
    } finally {
      this.#isProbing = false;
    }
  }

  // --- for its parts

  send(method: Method): void {
    this.output.writer.method(0, method);
    this.output.schedule();
  }

  tuned(tuning: Tuning): void {
    this.tuning = tuning;
    this.output.writer.frameMax = tuning.frameMax;
    this.#parser.frameMax = tuning.frameMax;
    this.#router.frameMax = tuning.frameMax;
    this.#heartbeat = new Heartbeat(this.clock, this, tuning.heartbeat);
  }

  opened(serverProperties: FieldTable): void {
    this.serverProperties = serverProperties;
    this.#state = 'open';
    this.#standstill = new StandstillWatch(this.clock, this.tuning.heartbeat, (ms) => {
      this.sink.stoodStill?.(ms);
      if (ms >= DOUBTFUL_AFTER_MS) void this.#probe(ms);
    });
    this.#opening.resolve();
  }

  impossible(problem: string): void {
    this.destroy(this.#problem('PROTOCOL_ERROR', problem));
  }

  channelGone(number: number): void {
    this.#channels.delete(number);
  }

  takeHasSent(): boolean {
    const sent = this.output.hasSent;
    this.output.hasSent = false;
    return sent;
  }

  takeHasReceived(): boolean {
    const received = this.#hasReceived;
    this.#hasReceived = false;
    return received;
  }

  sendHeartbeat(): void {
    this.output.writer.heartbeat();
    this.output.flush();
  }

  heartbeatsMissed(): void {
    const { heartbeat } = this.tuning;
    this.destroy(
      this.#problem('HEARTBEAT_TIMEOUT', `nothing was heard for two heartbeats of ${heartbeat} s`),
    );
  }
}

function closeMethod(replyCode: number, replyText: string, methodId: number): Method {
  return { name: 'connection.close', replyCode, replyText, classId: 0, methodId };
}
