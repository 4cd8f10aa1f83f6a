// One connection as a test drives it: every step of the handshake by hand or all of it at once, channels by number, raw
// bytes where wanted. Channel 0 is `control`, with its most used verbs here.
import { blockOf } from '../../src/protocol/block.ts';
import { CommandAssembler } from '../../src/protocol/command-assembler.ts';
import { FrameParser } from '../../src/protocol/frame-parser.ts';
import type { MethodName } from '../../src/protocol/methods.generated.ts';
import type { BytePipe } from './byte-pipe.ts';
import { concat, FRAME_OVERHEAD_BYTES, FrameType, protocolHeader } from './frames.ts';
import { describe, type Expected, type Received, received } from './received.ts';
import { type ChannelWriter, idsOf, WireChannel } from './wire-channel.ts';
import {
  type CallName,
  type Fields,
  type PlainTable,
  type ReplyTo,
  table,
} from './wire-methods.ts';

export interface ConnectOptions {
  readonly user?: string;
  readonly password?: string;
  readonly vhost?: string;
  readonly channelMax?: number;
  readonly frameMax?: number;
  /** Seconds; 0, no heartbeats, when not given. */
  readonly heartbeat?: number;
  readonly capabilities?: PlainTable;
}

/** What every maintained client announces. */
export const usualCapabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
};

/** Until the negotiation a frame is no larger than this (§4.2.3 and RabbitMQ's tune). */
const INITIAL_FRAME_MAX = 131_072;
/** The longest rest of a frame that is put before the next chunk. */
const HEADROOM_BYTES = 256 * 1024;

export class WireConnection implements ChannelWriter {
  readonly control: WireChannel;
  frameMax = INITIAL_FRAME_MAX;
  lastSent: MethodName | undefined;
  readonly #pipe: BytePipe;
  readonly #channels = new Map<number, WireChannel>();
  readonly #assemblers = new Map<number, CommandAssembler>();
  readonly #parser: FrameParser;
  #bodyFrameSizes: number[] = [];
  #protocolHeader: Uint8Array | undefined;
  #ended = false;
  #heartbeatCame: (() => void) | undefined;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
    this.control = new WireChannel(0, this);
    this.#channels.set(0, this.control);
    this.#parser = new FrameParser(
      {
        readAhead: (_, at) => at,
        frame: (type, channel, block, at, end) => {
          if (end - at > this.frameMax - FRAME_OVERHEAD_BYTES) {
            throw new Error(`the broker sent a payload of ${end - at} bytes, above frame_max`);
          }
          if (type === FrameType.HEARTBEAT) this.#heartbeatCame?.();
          else {
            if (type === FrameType.BODY) this.#bodyFrameSizes.push(end - at);
            this.#assembler(channel).frame(type, block, at, end);
          }
        },
      },
      INITIAL_FRAME_MAX,
    );
    pipe.start({
      data: (bytes) => this.#data(bytes),
      closed: () => {
        this.#ended = true;
        this.#endAll('the broker closed the socket');
      },
    });
  }

  #data(bytes: Uint8Array): void {
    if (this.#assemblers.size === 0 && bytes[0] === protocolHeader[0]) {
      this.#protocolHeader = Uint8Array.from(bytes);
      return;
    }
    try {
      const block = blockOf(concat(new Uint8Array(HEADROOM_BYTES), bytes));
      this.#parser.push(block, HEADROOM_BYTES, block.bytes.length);
    } catch (error) {
      this.#endAll(`the broker sent what is not AMQP: ${String(error)}`);
    }
  }

  #assembler(number: number): CommandAssembler {
    let assembler = this.#assemblers.get(number);
    if (!assembler) {
      assembler = new CommandAssembler({
        contentAnnounced: () => {
          this.#bodyFrameSizes = [];
        },
        command: (method, content) => {
          const came = received(method, content, this.#bodyFrameSizes);
          this.#channels.get(number)?.inbox.push(came);
          if (method.name === 'connection.close') {
            const why = `the broker closed the connection: ${method.replyCode} ${method.replyText}`;
            this.#endAll(why, this.control);
          }
        },
      });
      this.#assemblers.set(number, assembler);
    }
    return assembler;
  }

  #endAll(why: string, except?: WireChannel): void {
    for (const channel of this.#channels.values()) if (channel !== except) channel.inbox.end(why);
  }

  /** Bytes as they are. */
  write(...bytes: readonly Uint8Array[]): void {
    this.#pipe.send(concat(...bytes));
  }
  send<Name extends MethodName>(name: Name, fields?: Fields<Name>): void {
    this.control.send(name, fields);
  }
  call<Name extends CallName>(name: Name, fields?: Fields<Name>): Promise<ReplyTo<Name>> {
    return this.control.call(name, fields);
  }
  expect<Name extends MethodName>(name: Name, fields?: Expected<Name>): Promise<Received<Name>> {
    return this.control.expect(name, fields);
  }

  /** A channel by number, not opened. */
  unopened(number: number): WireChannel {
    const channel = new WireChannel(number, this);
    this.#channels.set(number, channel);
    return channel;
  }

  /** Opens a channel: the one with that number, or the lowest number not used yet. */
  channel(number = this.#channels.size): Promise<WireChannel> {
    return this.unopened(number).open();
  }

  /** Protocol header to open-ok. */
  async handshake(options: ConnectOptions = {}): Promise<this> {
    await this.login(options);
    await this.tune(options);
    await this.call('connection.open', { virtualHost: options.vhost ?? '/' });
    return this;
  }

  /** Protocol header and start-ok; the broker's tune (or refusal) comes next. */
  async login({
    user = 'guest',
    password = 'guest',
    capabilities = usualCapabilities,
  }: ConnectOptions = {}): Promise<Received<'connection.start'>> {
    this.write(protocolHeader);
    const start = await this.expect('connection.start');
    this.send('connection.start-ok', {
      clientProperties: { product: 'wire tests', capabilities: table(capabilities) },
      mechanism: 'PLAIN',
      response: `\0${user}\0${password}`,
      locale: 'en_US',
    });
    return start;
  }

  /** Answers the broker's tune, with its own values where none are given. */
  async tune(options: ConnectOptions = {}): Promise<Received<'connection.tune'>> {
    const tune = await this.expect('connection.tune');
    const { channelMax = tune.channelMax, frameMax = tune.frameMax, heartbeat = 0 } = options;
    this.send('connection.tune-ok', { channelMax, frameMax, heartbeat });
    this.frameMax = frameMax || tune.frameMax;
    return tune;
  }

  /** Closes in order. The socket is ours to close then; RabbitMQ would wait for that for half a minute. */
  async close(): Promise<void> {
    await this.call('connection.close', { replyCode: 200 });
    this.destroy();
  }

  /** The broker closes the connection because of `culprit`, by default the last method sent; answers close-ok. */
  async expectClose(
    replyCode: number,
    replyText: string | RegExp,
    culprit: MethodName | 'none' = this.lastSent ?? 'none',
  ): Promise<void> {
    const ids = idsOf(culprit === 'none' ? undefined : culprit);
    await this.expect('connection.close', { replyCode, replyText, ...ids });
    this.send('connection.close-ok');
    await this.expectEnd();
  }

  /** The socket ends and no method comes before. */
  async expectEnd(): Promise<void> {
    const came = await this.control.inbox.next();
    if (typeof came === 'string' && this.#ended) return;
    const what = typeof came === 'string' ? came : `came ${describe(came.name, came)}`;
    throw new Error(`expected the socket to close, but ${what}`);
  }

  /** The broker answers with the protocol header it speaks, then closes the socket. */
  async expectProtocolHeader(...bytes: readonly number[]): Promise<void> {
    await this.expectEnd();
    const wanted = Uint8Array.of(...protocolHeader.subarray(0, 4), ...bytes);
    const came = this.#protocolHeader;
    if (String(came) !== String(wanted)) {
      throw new Error(`expected the protocol header ${wanted}, but came ${came}`);
    }
  }

  /** The next heartbeat frame. */
  heartbeat(): Promise<void> {
    return new Promise((resolve) => {
      this.#heartbeatCame = resolve;
    });
  }

  /** Drops the connection, as a crash would. */
  destroy(): void {
    this.#pipe.destroy();
  }
}
