// One AMQP connection: bytes in, frames to channels, everything that goes out in one write per turn. Catches what handlers
// throw: soft errors close their channel, hard ones the connection.
import type { Broker } from '../broker/broker.ts';
import { notAllowed } from '../broker/refusal.ts';
import type { TurnTask } from '../broker/turn.ts';
import type { User } from '../broker/user.ts';
import type { VHost } from '../broker/vhost.ts';
import type { Timer } from '../platform/clock.ts';
import type { LogLevel } from '../platform/log.ts';
import type { ReadBlock, Transport, TransportHandler } from '../platform/transport.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import type { Block } from '../protocol/block.ts';
import { CommandAssembler } from '../protocol/command-assembler.ts';
import { FrameParser, type FrameSink } from '../protocol/frame-parser.ts';
import {
  FRAME_END,
  FrameType,
  type Method,
  methodIds,
  ReplyCode,
} from '../protocol/methods.generated.ts';
import { ScannedPublish, scanPublish } from '../protocol/publish-scanner.ts';
import { Channel } from './channel.ts';
import { Handshake, LoginRefused, OFFERED, type Tuning } from './handshake.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';
import { acknowledge } from './methods/basic.ts';
import { publish } from './methods/publish.ts';
import { Output } from './output.ts';
import { PROTOCOL_HEADER, ProtocolHeader } from './protocol-header.ts';
import type { ServerContext } from './server.ts';

/** How long the handshake may take, and how long a peer may take to answer our close. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 30_000;
/** A peer that cannot be told its login was refused is left waiting this long, so that guessing is slow. */
const REFUSED_LOGIN_DELAY_MS = 3_000;

/** `header` and `handshake` come before a user is in a vhost; `closing` waits for the answer to our connection.close. */
type Phase = 'header' | 'handshake' | 'running' | 'closing' | 'closed';

const found = new ScannedPublish();
const ACK = methodIds['basic.ack'];
const ACK_PAYLOAD_BYTES = 13;

export class Connection implements TransportHandler, FrameSink, HeartbeatHost, TurnTask {
  readonly broker: Broker;
  readonly name: string;
  readonly output: Output;
  isScheduled = false;
  readonly #context: ServerContext;
  readonly #transport: Transport;
  readonly #parser: FrameParser;
  readonly #handshake: Handshake;
  /** Channel 0. */
  readonly #commands: CommandAssembler;
  readonly #header = new ProtocolHeader();
  readonly #channels = new Map<number, Channel>();
  #lastChannel: Channel | undefined;
  #confirming: Channel[] = [];
  #phase: Phase = 'header';
  #channelMax: number = OFFERED.channelMax;
  #user: User | undefined;
  #vhost: VHost | undefined;
  #heartbeat: Heartbeat | undefined;
  #timeout: Timer | undefined;
  #hasReceived = false;
  #hasPublished = false;
  #isBlocked = false;
  #isSuspended = false;
  /** Class and method of the command that is being handled, for the close that it may cause. */
  #methodId = 0;

  constructor(context: ServerContext, transport: Transport) {
    const { remote, local } = transport;
    this.#context = context;
    this.broker = context.broker;
    this.name = `${remote.host}:${remote.port} -> ${local.host}:${local.port}`;
    this.#transport = transport;
    this.output = new Output(transport, context.pool, OFFERED.frameMax, () => this.#relieved());
    this.#parser = new FrameParser(this, OFFERED.frameMax);
    this.#handshake = new Handshake(this, context.serverProperties);
    this.#commands = new CommandAssembler({
      contentAnnounced: () => {},
      command: (method) => this.#connectionMethod(method),
    });
  }

  get remoteHost(): string {
    return this.#transport.remote.host;
  }

  start(): void {
    this.#startTimeout(HANDSHAKE_TIMEOUT_MS, () => {
      this.log('warning', 'closing AMQP connection: handshake timed out');
      this.#transport.destroy();
    });
    this.#transport.start(this);
  }

  log(level: LogLevel, message: string): void {
    this.broker.services.log.write(level, `${message} (${this.name})`);
  }

  // --- bytes in

  data(block: ReadBlock, at: number, end: number): void {
    this.#hasReceived = true;
    let from = at;
    if (this.#phase === 'header') {
      from = this.#header.take(block.bytes, at, end);
      if (!this.#headerIsFine()) return;
    }
    this.#parse(() => this.#parser.push(block, from, end));
  }

  /** True once the header is whole and ours. */
  #headerIsFine(): boolean {
    const verdict = this.#header.verdict;
    if (verdict === 'incomplete') return false;
    if (verdict === 'accepted') {
      this.#phase = 'handshake';
      this.log('debug', 'accepting AMQP connection');
      this.#handshake.start();
      return true;
    }
    this.log('warning', `closing connection: ${this.#header.guess}`);
    this.output.writer.raw(PROTOCOL_HEADER);
    this.#finish();
    return false;
  }

  #parse(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error, 0);
    }
  }

  readAhead(block: Block, at: number, end: number): number {
    if (this.#phase !== 'running') return at;
    const next = scanPublish(block, at, end, found, this.#parser.frameMax);
    if (next === at) return this.#readAck(block, at, end);
    const channel = this.#channel(found.channel);
    if (!channel || channel.isClosing || !channel.assembler.isIdle) return at;
    try {
      publish(channel, found, found.mandatory, found.immediate);
    } catch (error) {
      this.#methodId = methodIds['basic.publish'];
      this.#fail(error, channel.number);
    }
    return next;
  }

  #readAck(block: Block, at: number, end: number): number {
    const { bytes, view } = block;
    const next = at + ACK_PAYLOAD_BYTES + 8;
    if (next > end || view.getInt32(at + 7) !== ACK) return at;
    if (view.getUint32(at + 3) !== ACK_PAYLOAD_BYTES || bytes[next - 1] !== FRAME_END) return at;
    const channel = this.#channel(view.getUint16(at + 1));
    if (!channel || channel.isClosing || !channel.assembler.isIdle) return at;
    const tag = view.getUint32(at + 11) * 0x1_0000_0000 + view.getUint32(at + 15);
    try {
      acknowledge(channel, tag, (bytes[at + 19]! & 1) !== 0);
    } catch (error) {
      this.#methodId = ACK;
      this.#fail(error, channel.number);
    }
    return next;
  }

  frame(type: number, channelNumber: number, block: Block, at: number, end: number): void {
    this.#methodId = type === FrameType.METHOD && end - at >= 4 ? block.view.getInt32(at) : 0;
    if (type === FrameType.HEARTBEAT) {
      if (channelNumber === 0) return;
      throw new AmqpError(ReplyCode.UNEXPECTED_FRAME, `heartbeat on channel ${channelNumber}`);
    }
    if (type !== FrameType.METHOD && type !== FrameType.HEADER && type !== FrameType.BODY) {
      throw new AmqpError(ReplyCode.FRAME_ERROR, `unknown frame type ${type}`);
    }
    if (this.#phase === 'closing') this.#frameWhileClosing(channelNumber);
    else if (channelNumber === 0) this.#commands.frame(type, block, at, end);
    else this.#channelFrame(type, channelNumber, block, at, end);
  }

  #frameWhileClosing(channelNumber: number): void {
    if (channelNumber !== 0) return;
    if (this.#methodId === methodIds['connection.close-ok']) this.#finish();
    if (this.#methodId === methodIds['connection.close']) {
      this.send(0, { name: 'connection.close-ok' });
    }
  }

  #channelFrame(type: number, number: number, block: Block, at: number, end: number): void {
    if (this.#phase !== 'running') {
      throw new AmqpError(
        ReplyCode.CHANNEL_ERROR,
        `frame on channel ${number} before connection.open`,
      );
    }
    const channel = this.#channel(number);
    if (!channel) this.#openChannel(number);
    else if (channel.isClosing) this.#frameOfClosingChannel(channel);
    else if (channel.assembler.isIdle && this.#methodId === methodIds['channel.close']) {
      this.#closeChannel(channel);
    } else {
      try {
        channel.assembler.frame(type, block, at, end);
      } catch (error) {
        this.#fail(error, number);
      }
    }
  }

  // --- channels

  #channel(number: number): Channel | undefined {
    const last = this.#lastChannel;
    if (last?.number === number) return last;
    const channel = this.#channels.get(number);
    if (channel) this.#lastChannel = channel;
    return channel;
  }

  #openChannel(number: number): void {
    if (this.#methodId !== methodIds['channel.open']) {
      throw new AmqpError(ReplyCode.CHANNEL_ERROR, "expected 'channel.open'");
    }
    if (this.#channels.size >= this.#channelMax) {
      throw notAllowed(
        `number of channels opened (${this.#channels.size}) has reached the negotiated channel_max (${this.#channelMax})`,
      );
    }
    this.#channels.set(number, new Channel(this, number, this.#vhost!, this.#user!));
    this.send(number, { name: 'channel.open-ok' });
  }

  /** The peer is done with the channel. */
  #closeChannel(channel: Channel): void {
    channel.sendConfirms();
    this.#forget(channel);
    channel.release();
    this.send(channel.number, { name: 'channel.close-ok' });
  }

  /** Nothing counts but the answer to our close, and a close of the peer that crossed it. */
  #frameOfClosingChannel(channel: Channel): void {
    if (this.#methodId === methodIds['channel.close-ok']) this.#forget(channel);
    if (this.#methodId === methodIds['channel.close']) {
      this.send(channel.number, { name: 'channel.close-ok' });
    }
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel.number);
    if (this.#lastChannel === channel) this.#lastChannel = undefined;
  }

  // --- channel 0

  #connectionMethod(method: Method): void {
    if (method.name === 'connection.close') {
      this.#release();
      this.send(0, { name: 'connection.close-ok' });
      this.log('info', 'closing AMQP connection');
      this.#finish();
    } else if (this.#phase === 'handshake') {
      this.#handshake.method(method);
    } else if (method.name === 'connection.update-secret') {
      this.send(0, { name: 'connection.update-secret-ok' });
    } else if (method.name.startsWith('connection.')) {
      throw new AmqpError(ReplyCode.COMMAND_INVALID, 'unimplemented method');
    } else {
      throw new AmqpError(ReplyCode.CHANNEL_ERROR, 'unexpected method in connection state running');
    }
  }

  tuned(tuning: Tuning): void {
    this.#channelMax = tuning.channelMax;
    this.#parser.frameMax = tuning.frameMax;
    this.output.writer.frameMax = tuning.frameMax;
    this.#heartbeat = new Heartbeat(this.broker.services.clock, this, tuning.heartbeat);
  }

  opened(user: User, vhost: VHost): void {
    this.#timeout?.cancel();
    this.#user = user;
    this.#vhost = vhost;
    this.#phase = 'running';
    this.log(
      'info',
      `user '${user.name}' authenticated and granted access to vhost '${vhost.name}'`,
    );
  }

  /** Whether the client declared a capability in its properties. */
  peerKnows(capability: string): boolean {
    const capabilities = this.#handshake.clientProperties.get('capabilities');
    const value = capabilities?.type === 'F' ? capabilities.value.get(capability) : undefined;
    return value?.type === 't' && value.value;
  }

  // --- errors

  #fail(error: unknown, channelNumber: number): void {
    if (error instanceof LoginRefused) {
      this.#refuseLogin(error);
      return;
    }
    const channel = this.#channels.get(channelNumber);
    if (error instanceof AmqpError && !error.isHard && channel) {
      this.#failChannel(channel, error);
      return;
    }
    if (!(error instanceof AmqpError)) {
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.log('error', `internal error, please report it: ${trace}`);
    }
    const known =
      error instanceof AmqpError
        ? error
        : new AmqpError(ReplyCode.INTERNAL_ERROR, 'internal error, see the broker log');
    this.close(known, channelNumber);
  }

  #failChannel(channel: Channel, error: AmqpError): void {
    this.log('warning', `channel ${channel.number}: ${error.message}`);
    channel.sendConfirms();
    channel.isClosing = true;
    channel.release();
    this.send(channel.number, {
      name: 'channel.close',
      replyCode: error.code,
      replyText: error.replyText,
      classId: this.#methodId >>> 16,
      methodId: this.#methodId & 0xffff,
    });
  }

  /** Clients that understand are told at once; others only see the socket close, after a while. */
  #refuseLogin(error: LoginRefused): void {
    this.log('warning', `login refused: ${error.reason}`);
    if (this.peerKnows('authentication_failure_close')) {
      this.close(error, 0);
      return;
    }
    this.#parser.stop();
    this.#startTimeout(REFUSED_LOGIN_DELAY_MS, () => this.#transport.destroy());
  }

  /** Closes with a reason, gives back all that the connection holds, and waits for the peer's answer. */
  close(error: AmqpError, channelNumber = 0): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    if (this.#phase === 'header') {
      this.#finish();
      return;
    }
    if (error.code !== ReplyCode.CONNECTION_FORCED) {
      this.log('error', `closing AMQP connection, channel ${channelNumber}: ${error.message}`);
    }
    this.#phase = 'closing';
    this.#release();
    this.send(0, {
      name: 'connection.close',
      replyCode: error.code,
      replyText: error.replyText,
      classId: this.#methodId >>> 16,
      methodId: this.#methodId & 0xffff,
    });
    this.#startTimeout(CLOSE_TIMEOUT_MS, () => this.#transport.destroy());
    if (error.code === ReplyCode.FRAME_ERROR) this.#lookForCloseOk();
  }

  /** After a broken frame nobody can tell where the next one begins: take no more, but leave time to read our close. */
  #lookForCloseOk(): void {
    this.#parser.stop();
    this.output.flush();
    this.#transport.end();
  }

  /** Gives back everything: channels with what they hold, queues that were this connection's alone. */
  #release(): void {
    for (const channel of this.#channels.values()) {
      if (!channel.isClosing) {
        channel.sendConfirms();
        channel.release();
      }
    }
    this.#channels.clear();
    this.#lastChannel = undefined;
    this.#vhost?.deleteQueuesOf(this);
  }

  /** Sends what is left and ends the socket. */
  #finish(): void {
    this.#phase = 'closed';
    this.#parser.stop();
    this.output.flush();
    this.#transport.end();
  }

  /** Drops the socket without a word. */
  destroy(): void {
    this.#transport.destroy();
  }

  ended(): void {
    if (this.#phase !== 'closed') this.#transport.end();
  }

  closed(error: Error | undefined): void {
    if (this.#phase === 'running') {
      const reason = error?.message ?? 'client unexpectedly closed TCP connection';
      this.log('warning', `closing AMQP connection: ${reason}`);
    } else if (this.#phase === 'header') {
      this.log('debug', 'connection closed before a protocol header came');
    }
    this.#phase = 'closed';
    this.#parser.stop();
    this.#timeout?.cancel();
    this.#heartbeat?.stop();
    this.#release();
    this.#context.connectionClosed(this);
  }

  #startTimeout(ms: number, run: () => void): void {
    this.#timeout?.cancel();
    this.#timeout = this.broker.services.clock.after(ms, run);
  }

  // --- bytes out

  send(channel: number, method: Method): void {
    if (this.#phase === 'closed') return;
    this.output.writer.method(channel, method);
    this.sendLater();
    if (this.output.isFlooded) this.#suspend();
  }

  /** Something was written; it leaves at the end of the turn. */
  sendLater(): void {
    if (!this.isScheduled) this.broker.turn.flushLater(this);
  }

  /** A channel has publishes to acknowledge at the end of the turn. */
  confirmLater(channel: Channel): void {
    if (this.#confirming[this.#confirming.length - 1] === channel) return;
    this.#confirming.push(channel);
    this.sendLater();
  }

  endTurn(): void {
    for (const channel of this.#confirming) channel.sendConfirms();
    if (this.#confirming.length > 0) this.#confirming = [];
    this.output.flush();
  }

  /** The peer asks for more than it takes: nothing more is read until it has. */
  #suspend(): void {
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    this.#parser.suspend();
    this.#transport.pause();
  }

  /** The peer has taken most of what was waiting. */
  #relieved(): void {
    if (this.#isSuspended) {
      this.#isSuspended = false;
      if (!this.#isBlocked) this.#transport.resume();
      this.#parse(() => this.#parser.resume());
    }
    for (const channel of this.#channels.values()) channel.consumersReady();
  }

  // --- heartbeats

  takeHasSent(): boolean {
    const { hasSent } = this.output;
    this.output.hasSent = false;
    return hasSent;
  }

  takeHasReceived(): boolean {
    // A peer that we do not read cannot be heard.
    const heard = this.#hasReceived || this.#isBlocked || this.#isSuspended;
    this.#hasReceived = false;
    return heard;
  }

  sendHeartbeat(): void {
    this.output.writer.heartbeat();
    this.sendLater();
  }

  heartbeatsMissed(): void {
    this.log('warning', 'closing AMQP connection: missed heartbeats from client');
    this.#transport.destroy();
  }

  // --- the memory alarm

  /** From its first publish on, a connection feels the memory alarm. */
  published(): void {
    if (this.#hasPublished) return;
    this.#hasPublished = true;
    this.memoryAlarmChanged(this.broker.memoryAlarm.isRaised);
  }

  memoryAlarmChanged(raised: boolean): void {
    if (!this.#hasPublished || this.#phase !== 'running' || raised === this.#isBlocked) return;
    this.#isBlocked = raised;
    if (raised) this.#transport.pause();
    else if (!this.#isSuspended) this.#transport.resume();
    if (!this.peerKnows('connection.blocked')) return;
    this.send(
      0,
      raised
        ? { name: 'connection.blocked', reason: 'low on memory' }
        : { name: 'connection.unblocked' },
    );
  }
}
